use super::statement::{Key, Statement};
use crate::realm::query::{Attribute, Comparison, Scalar};

/// The values of an attribute that a condition of SQL/JSON paths holds for. Such a path unwraps a list when it looks at a
/// key of its members, and when it filters them, which is what the language means by a list; a member that is a list itself
/// fits none of our conditions, since all ask for the kind first.
fn path(attribute: &Attribute, condition: &str) -> String {
    let mut path = values(attribute);
    path.push_str(" ? (");
    path.push_str(condition);
    path.push(')');
    path
}

fn values(attribute: &Attribute) -> String {
    let keys = attribute.0.iter().map(|key| format!(".{}", quoted(key)));
    std::iter::once("$".to_owned()).chain(keys).collect()
}

/// A text as a path writes it, which is as JSON does.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn exists(statement: &mut Statement, path: String) -> String {
    let path = statement.text(path);
    format!("(e.search_document @? {path}::JSONPATH)")
}

/// What a path asks of a value's kind, and how it writes one to compare with.
fn literal(value: &Scalar) -> (&'static str, String) {
    match value {
        Scalar::Text(text) => ("string", quoted(text)),
        Scalar::Number(number) => ("number", number.to_string()),
        Scalar::Truth(truth) => ("boolean", truth.to_string()),
        Scalar::Null => ("null", "null".to_owned()),
    }
}

pub(super) fn equal(statement: &mut Statement, attribute: &Attribute, value: &Scalar) -> String {
    let (kind, literal) = literal(value);
    let equal = path(
        attribute,
        &format!(r#"@.type() == "{kind}" && @ == {literal}"#),
    );
    let equal = exists(statement, equal);
    if *value != Scalar::Null {
        return equal;
    }
    let any = exists(statement, format!("{}[*]", values(attribute)));
    format!("({any} IS NOT TRUE OR {equal})")
}

/// Each letter in its cases, so that it does not matter what the database's locale takes for one.
pub(super) fn contains(statement: &mut Statement, attribute: &Attribute, text: &str) -> String {
    let mut pattern = String::new();
    for letter in text.chars() {
        let cases = super::cases(letter);
        if cases.len() > 1 {
            pattern.push('[');
            pattern.extend(cases);
            pattern.push(']');
        } else {
            if letter.is_ascii_punctuation() {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
    }
    let condition = format!(
        r#"@.type() == "string" && @ like_regex {}"#,
        quoted(&pattern)
    );
    // An empty pattern is in every text.
    let condition = if text.is_empty() {
        r#"@.type() == "string""#
    } else {
        &condition
    };
    exists(statement, path(attribute, condition))
}

pub(super) fn within(
    statement: &mut Statement,
    attribute: &Attribute,
    bounds: &[(Comparison, Scalar)],
) -> String {
    let each = bounds.iter().map(|(comparison, bound)| {
        let (kind, literal) = literal(bound);
        format!(
            r#"@.type() == "{kind}" && @ {} {literal}"#,
            comparison.operator()
        )
    });
    let condition = each.collect::<Vec<_>>().join(" && ");
    exists(statement, path(attribute, &condition))
}

pub(super) fn types(statement: &mut Statement, types: &[String]) -> String {
    let each = types.iter().map(|name| {
        let list = serde_json::json!([name]).to_string();
        format!("e.types @> {}::JSONB", statement.text(list))
    });
    format!("({})", each.collect::<Vec<_>>().join(" OR "))
}

pub(super) fn key(statement: &mut Statement, attribute: &Attribute, descending: bool) -> Key {
    let sortable = r#"@.type() == "number" || @.type() == "string" || @.type() == "boolean""#;
    let path = statement.text(path(attribute, sortable));
    let name = format!("s{}", statement.alias());
    let number = format!(
        "CASE jsonb_typeof({name}.v) WHEN 'number' THEN ({name}.v #>> '{{}}')::NUMERIC WHEN 'boolean' THEN ({name}.v::BOOLEAN)::INTEGER END"
    );
    let text = format!(
        "(CASE jsonb_typeof({name}.v) WHEN 'string' THEN {name}.v #>> '{{}}' END) COLLATE \"C\""
    );
    let mut columns = vec![(number, descending), (text, descending)];
    if descending {
        columns.reverse();
    }
    let beside = format!(
        " CROSS JOIN LATERAL (SELECT jsonb_path_query_first(e.search_document, {path}::JSONPATH) AS v OFFSET 0) {name}"
    );
    Key { columns, beside }
}
