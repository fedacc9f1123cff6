//! One walk over a program, for what its module asks of others and what browsers would not read in it.

use oxc::ast::ast::{
    Decorator, ExportAllDeclaration, ExportFromDeclaration, Expression, ImportDeclaration,
    ImportExpression, Program, VariableDeclaration, VariableDeclarationKind,
};
use oxc::ast_visit::{Visit, walk};
use oxc::span::Span;

/// What the walk found.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    /// Specifiers of static imports, re-exports and literal dynamic imports: in source order, without duplicates.
    pub(crate) imports: Vec<String>,
    /// The first decorator.
    pub(crate) decorator: Option<Span>,
    /// Whether there is a `using` declaration.
    pub(crate) uses_resources: bool,
}

impl Scan {
    pub(crate) fn of(program: &Program<'_>) -> Self {
        let mut scan = Self::default();
        scan.visit_program(program);
        scan
    }

    fn import(&mut self, specifier: &str) {
        if !self.imports.iter().any(|known| known == specifier) {
            self.imports.push(specifier.to_owned());
        }
    }
}

impl<'a> Visit<'a> for Scan {
    fn visit_import_declaration(&mut self, declaration: &ImportDeclaration<'a>) {
        self.import(&declaration.source.value);
    }

    fn visit_export_from_declaration(&mut self, declaration: &ExportFromDeclaration<'a>) {
        self.import(&declaration.source.value);
    }

    fn visit_export_all_declaration(&mut self, declaration: &ExportAllDeclaration<'a>) {
        self.import(&declaration.source.value);
    }

    fn visit_import_expression(&mut self, expression: &ImportExpression<'a>) {
        if let Expression::StringLiteral(specifier) = &expression.source {
            self.import(&specifier.value);
        }
        walk::walk_import_expression(self, expression);
    }

    fn visit_decorator(&mut self, decorator: &Decorator<'a>) {
        self.decorator.get_or_insert(decorator.span);
        walk::walk_decorator(self, decorator);
    }

    fn visit_variable_declaration(&mut self, declaration: &VariableDeclaration<'a>) {
        self.uses_resources |= matches!(
            declaration.kind,
            VariableDeclarationKind::Using | VariableDeclarationKind::AwaitUsing
        );
        walk::walk_variable_declaration(self, declaration);
    }
}
