use super::statement::{Bound, Key, Statement};
use crate::realm::query::{Attribute, Comparison, Scalar};

/// The values of an attribute, one row each: what they are taken from, their kind and themselves. A list stands for its
/// members; one of its members that is a list is a value that fits nothing.
struct Values {
    from: String,
    kind: String,
    value: String,
}

fn values(statement: &mut Statement, attribute: &Attribute) -> Values {
    let mut object = "e.search_document".to_owned();
    let (mut from, mut conditions) = (Vec::new(), Vec::new());
    let alias = statement.alias();
    for (depth, key) in attribute.0.iter().enumerate() {
        let name = format!("a{alias}_{depth}");
        from.push(format!("json_each({object}) {name}"));
        let key = statement.text(key);
        conditions.push(format!("{name}.key = {key}"));
        if depth + 1 < attribute.0.len() {
            let member = format!("m{alias}_{depth}");
            from.push(format!(
                "json_each(CASE {name}.type WHEN 'array' THEN {name}.value WHEN 'object' THEN '[' || {name}.value || ']' ELSE '[]' END) {member}"
            ));
            object =
                format!("CASE {member}.type WHEN 'object' THEN {member}.value ELSE '{{}}' END");
        } else {
            let member = format!("v{alias}");
            let from = format!(
                "{} LEFT JOIN json_each(CASE {name}.type WHEN 'array' THEN {name}.value ELSE '[]' END) {member} WHERE {}",
                from.join(" JOIN "),
                conditions.join(" AND ")
            );
            let either = |column: &str| {
                format!(
                    "CASE {name}.type WHEN 'array' THEN {member}.{column} ELSE {name}.{column} END"
                )
            };
            return Values {
                from,
                kind: either("type"),
                value: either("value"),
            };
        }
    }
    unreachable!("an attribute has a key")
}

/// Whether an attribute has a value of a kind for which a condition holds.
fn exists(
    statement: &mut Statement,
    attribute: &Attribute,
    condition: impl FnOnce(&Values) -> String,
) -> String {
    let values = values(statement, attribute);
    let condition = condition(&values);
    format!("EXISTS (SELECT 1 FROM {} AND {condition})", values.from)
}

/// The kinds of a value, and itself.
fn literal(value: &Scalar) -> (&'static str, Option<Bound>) {
    match value {
        Scalar::Text(text) => ("('text')", Some(Bound::Text(text.clone()))),
        Scalar::Number(number) => {
            let broken = || Bound::Broken(number.as_f64().unwrap_or_default());
            let number = number.as_i64().map_or_else(broken, Bound::Whole);
            ("('integer', 'real')", Some(number))
        }
        Scalar::Truth(true) => ("('true')", None),
        Scalar::Truth(false) => ("('false')", None),
        Scalar::Null => ("('null')", None),
    }
}

pub(super) fn equal(statement: &mut Statement, attribute: &Attribute, value: &Scalar) -> String {
    let (kinds, literal) = literal(value);
    let literal = literal.map(|literal| statement.bind(literal));
    let equal = exists(statement, attribute, |values| {
        let kind = format!("{} IN {kinds}", values.kind);
        match literal {
            Some(literal) => format!("{kind} AND {} = {literal}", values.value),
            None => kind,
        }
    });
    if *value != Scalar::Null {
        return equal;
    }
    let any = exists(statement, attribute, |values| {
        format!("{} IS NOT NULL", values.kind)
    });
    format!("(NOT {any} OR {equal})")
}

/// Each letter in its cases: SQLite itself knows those of ASCII alone.
pub(super) fn contains(statement: &mut Statement, attribute: &Attribute, text: &str) -> String {
    let mut pattern = "*".to_owned();
    for letter in text.chars() {
        let cases = super::cases(letter);
        if cases.len() > 1 || matches!(letter, '*' | '?' | '[') {
            pattern.push('[');
            pattern.extend(cases);
            pattern.push(']');
        } else {
            pattern.push(letter);
        }
    }
    pattern.push('*');
    let pattern = statement.text(pattern);
    exists(statement, attribute, |values| {
        format!(
            "{} = 'text' AND {} GLOB {pattern}",
            values.kind, values.value
        )
    })
}

pub(super) fn within(
    statement: &mut Statement,
    attribute: &Attribute,
    bounds: &[(Comparison, Scalar)],
) -> String {
    let mut each = Vec::with_capacity(bounds.len());
    for (comparison, bound) in bounds {
        let (kinds, literal) = literal(bound);
        let literal = literal.map(|literal| statement.bind(literal));
        each.push((
            kinds,
            comparison.operator(),
            literal.unwrap_or_else(|| "NULL".to_owned()),
        ));
    }
    exists(statement, attribute, |Values { kind, value, .. }| {
        let each = each.iter().map(|(kinds, operator, literal)| {
            format!("{kind} IN {kinds} AND {value} {operator} {literal}")
        });
        each.collect::<Vec<_>>().join(" AND ")
    })
}

pub(super) fn types(statement: &mut Statement, types: &[String]) -> String {
    let names: Vec<_> = types.iter().map(|name| statement.text(name)).collect();
    let names = names.join(", ");
    let name = format!("t{}", statement.alias());
    format!("EXISTS (SELECT 1 FROM json_each(e.types) {name} WHERE {name}.value IN ({names}))")
}

/// A number comes before a text here anyway, and a truth is a number.
pub(super) fn key(statement: &mut Statement, attribute: &Attribute, descending: bool) -> Key {
    let values = values(statement, attribute);
    let sortable = "('integer', 'real', 'text', 'true', 'false')";
    let first = format!(
        "(SELECT {} FROM {} AND {} IN {sortable} LIMIT 1)",
        values.value, values.from, values.kind
    );
    Key {
        columns: vec![(first, descending)],
        beside: String::new(),
    }
}
