//! What is changed before oxc's transform, which would leave it out or get it wrong.

use oxc::allocator::{Allocator, TakeIn, Vec as ArenaVec};
use oxc::ast::ast::{
    Declaration, ImportOrExportKind, Program, Statement, TSNamespaceDeclaration,
    TSNamespaceDeclarationBody,
};
use oxc::ast_visit::VisitMut;
use oxc::parser::Parser;
use oxc::span::{GetSpan, SourceType, Span};

/// Prepares a program, in TypeScript or not, for the transform.
pub(crate) fn prepare<'a>(program: &mut Program<'a>, allocator: &'a Allocator, verbatim: bool) {
    if !program.source_type.is_typescript() {
        return;
    }
    for statement in &mut program.body {
        match statement {
            // `import {} from 'x'` imports nothing, which tsc elides as it does all that is not used.
            Statement::ImportDeclaration(import) if !verbatim => {
                if import
                    .specifiers
                    .as_ref()
                    .is_some_and(|specifiers| specifiers.is_empty())
                {
                    import.import_kind = ImportOrExportKind::Type;
                }
            }
            statement => {
                if let Some(namespace) = namespace(statement) {
                    export_variables(namespace, allocator);
                }
            }
        }
    }
}

fn namespace<'b, 'a>(
    statement: &'b mut Statement<'a>,
) -> Option<&'b mut TSNamespaceDeclaration<'a>> {
    let namespace = match statement {
        Statement::TSNamespaceDeclaration(namespace) => namespace,
        Statement::ExportDeclaration(export) => match &mut export.declaration {
            Declaration::TSNamespaceDeclaration(namespace) => namespace,
            _ => return None,
        },
        _ => return None,
    };
    (!namespace.declare).then_some(namespace)
}

/// Variables that a namespace exports are properties of it that change with them; oxc only knows constants. They become
/// variables inside, with accessors outside.
fn export_variables<'a>(namespace: &mut TSNamespaceDeclaration<'a>, allocator: &'a Allocator) {
    let block = match &mut namespace.body {
        TSNamespaceDeclarationBody::TSNamespaceDeclaration(inner) => {
            return export_variables(inner, allocator);
        }
        TSNamespaceDeclarationBody::TSModuleBlock(block) => block,
    };
    for inner in block.body.iter_mut().filter_map(self::namespace) {
        export_variables(inner, allocator);
    }
    let owner = namespace.id.name.as_str();
    // Inside, the namespace goes by its name, unless something there has the same; then oxc's error stands.
    if !block.body.iter().any(exports_variable)
        || block.body.iter().any(|statement| binds(statement, owner))
    {
        return;
    }
    let mut body = ArenaVec::with_capacity_in(block.body.len() + 1, &allocator);
    for statement in block.body.take_in(&allocator) {
        if !exports_variable(&statement) {
            body.push(statement);
            continue;
        }
        let span = statement.span();
        let Statement::ExportDeclaration(export) = statement else {
            continue;
        };
        let names = names(&export.declaration);
        body.push(Statement::from(export.unbox().declaration));
        for name in names {
            body.extend(accessor(owner, &name, span, allocator));
        }
    }
    block.body = body;
}

fn exports_variable(statement: &Statement<'_>) -> bool {
    let Statement::ExportDeclaration(export) = statement else {
        return false;
    };
    matches!(&export.declaration, Declaration::VariableDeclaration(variables)
        if !variables.kind.is_const() && !variables.declare)
}

/// Whether a statement declares `name` as a value.
fn binds(statement: &Statement<'_>, name: &str) -> bool {
    match statement {
        Statement::ExportDeclaration(export) => {
            names(&export.declaration).iter().any(|bound| bound == name)
        }
        statement => statement
            .as_declaration()
            .is_some_and(|declaration| names(declaration).iter().any(|bound| bound == name)),
    }
}

fn names(declaration: &Declaration<'_>) -> Vec<String> {
    match declaration {
        Declaration::VariableDeclaration(variables) => variables
            .declarations
            .iter()
            .flat_map(|variable| variable.id.get_binding_identifiers())
            .map(|identifier| identifier.name.to_string())
            .collect(),
        Declaration::TSTypeAliasDeclaration(_) | Declaration::TSInterfaceDeclaration(_) => {
            Vec::new()
        }
        declaration => declaration
            .id()
            .map(|id| id.name.to_string())
            .into_iter()
            .collect(),
    }
}

/// The statements that make `owner.name` the variable `name`.
fn accessor<'a>(
    owner: &str,
    name: &str,
    span: Span,
    allocator: &'a Allocator,
) -> ArenaVec<'a, Statement<'a>> {
    let text = format!(
        "Object.defineProperty({owner}, \"{name}\", {{ \
            get: () => {name}, set: (_{name}) => {{ {name} = _{name}; }}, enumerable: true, configurable: true }});"
    );
    let mut parsed = Parser::new(allocator, allocator.alloc_str(&text), SourceType::mjs()).parse();
    // Its places are those of a text that nobody has.
    At(span).visit_program(&mut parsed.program);
    parsed.program.body
}

struct At(Span);

impl VisitMut<'_> for At {
    fn visit_span(&mut self, span: &mut Span) {
        *span = self.0;
    }
}
