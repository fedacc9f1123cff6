//! One walk over a program, for what its module asks of others and what browsers would not read in it.

use memchr::memchr_iter;
use oxc::ast::ast::{
    Comment, Decorator, ExportAllDeclaration, ExportFromDeclaration, Expression, ImportDeclaration,
    ImportExpression, Program, Statement, VariableDeclaration, VariableDeclarationKind,
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

    /// What the statements of a program ask of others, for one that has neither dynamic imports nor decorators: most have
    /// neither, and need no walk.
    pub(crate) fn of_statements(program: &Program<'_>) -> Self {
        let mut scan = Self::default();
        for statement in &program.body {
            match statement {
                Statement::ImportDeclaration(import) => scan.visit_import_declaration(import),
                Statement::ExportFromDeclaration(export) => {
                    scan.visit_export_from_declaration(export);
                }
                Statement::ExportAllDeclaration(export) => {
                    scan.visit_export_all_declaration(export);
                }
                _ => {}
            }
        }
        scan
    }

    fn import(&mut self, specifier: &str) {
        if !self.imports.iter().any(|known| known == specifier) {
            self.imports.push(specifier.to_owned());
        }
    }
}

/// Whether there is an `@` outside of the comments, which are in the text's order.
pub(crate) fn may_have_decorators(text: &str, comments: &[Comment]) -> bool {
    let mut comments = comments.iter().peekable();
    memchr_iter(b'@', text.as_bytes()).any(|at| {
        while comments
            .next_if(|comment| comment.span.end as usize <= at)
            .is_some()
        {}
        comments
            .peek()
            .is_none_or(|comment| at < comment.span.start as usize)
    })
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

#[cfg(test)]
mod tests {
    use oxc::allocator::Allocator;
    use oxc::parser::Parser;
    use oxc::span::SourceType;

    use super::may_have_decorators;

    #[test]
    fn only_what_is_no_comment_may_be_a_decorator() {
        let may = |text: &str| {
            let allocator = Allocator::default();
            let parsed = Parser::new(&allocator, text, SourceType::ts()).parse();
            may_have_decorators(text, &parsed.program.comments)
        };
        for text in ["", "// @a\nb; /* @c @d */", "/** @a */ b; // @c"] {
            assert!(!may(text), "{text}");
        }
        for text in [
            "@a class B {}",
            "// @a\n@b class C {}",
            "/* @a */ @b class C {} // @d",
            "/* a */ '@'; // b",
        ] {
            assert!(may(text), "{text}");
        }
    }
}
