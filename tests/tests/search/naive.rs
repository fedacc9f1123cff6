//! The contract's section 8 as naively as can be: what fits a query, and in which order.

use std::cmp::Ordering;

use serde_json::Value;

use crate::stage::{Entry, REALM};

/// The paths of the page that a query asks for, and how many entries there are on all pages.
pub(crate) fn search(entries: &[Entry], query: &Value) -> (Vec<String>, usize) {
    let visible = |entry: &&Entry| {
        let never = entry.title.is_none()
            && entry.types.is_empty()
            && entry.search_document == serde_json::json!({});
        entry.error.is_none() || !never
    };
    let all = entries.iter().filter(visible);
    let mut found: Vec<_> = all
        .filter(|entry| query.get("filter").is_none_or(|filter| fits(entry, filter)))
        .collect();
    found.sort_by(|one, other| {
        let keys = query
            .get("sort")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let by_keys = keys
            .map(|key| by(one, other, key))
            .find(|order| order.is_ne());
        by_keys
            .unwrap_or(Ordering::Equal)
            .then_with(|| one.path.cmp(&other.path))
    });
    let number = |key: &str, default| {
        query
            .pointer(&format!("/page/{key}"))
            .map_or(default, |n| n.as_u64().unwrap() as usize)
    };
    let (size, page) = (number("size", 20), number("number", 0));
    let paths = found.iter().map(|entry| entry.path.clone());
    (paths.skip(size * page).take(size).collect(), found.len())
}

fn fits(entry: &Entry, filter: &Value) -> bool {
    let (kind, value) = filter.as_object().unwrap().iter().next().unwrap();
    let each = |holds: &dyn Fn(&Value, &Value) -> bool| {
        value.as_object().unwrap().iter().all(|(name, wanted)| {
            values(&entry.search_document, &keys(name))
                .iter()
                .any(|value| holds(value, wanted))
        })
    };
    match kind.as_str() {
        "eq" => value.as_object().unwrap().iter().all(|(name, wanted)| {
            let values = values(&entry.search_document, &keys(name));
            wanted.is_null() && values.is_empty() || values.iter().any(|value| same(value, wanted))
        }),
        "contains" => each(&|value, wanted| {
            let lower = |value: &Value| value.as_str().unwrap().to_lowercase();
            value.is_string() && lower(value).contains(&lower(wanted))
        }),
        "range" => each(&|value, bounds| {
            bounds.as_object().unwrap().iter().all(|(how, bound)| {
                let order = match (value, bound) {
                    (Value::Number(_), Value::Number(_)) => numbers(value, bound),
                    (Value::String(value), Value::String(bound)) => {
                        value.as_bytes().cmp(bound.as_bytes())
                    }
                    _ => return false,
                };
                match how.as_str() {
                    "gt" => order.is_gt(),
                    "gte" => order.is_ge(),
                    "lt" => order.is_lt(),
                    _ => order.is_le(),
                }
            })
        }),
        "type" => {
            let module = value["module"].as_str().unwrap();
            let module = module
                .strip_prefix("./")
                .map_or(module.to_owned(), |rest| format!("{REALM}{rest}"));
            let names = ["", ".gts"].map(|extension| {
                format!("{module}{extension}/{}", value["name"].as_str().unwrap())
            });
            entry.types.iter().any(|one| names.contains(one))
        }
        "matches" => value.as_str().unwrap().split_whitespace().all(|word| {
            let plain = word.to_lowercase().replace('é', "e");
            entry
                .words
                .split(' ')
                .any(|one| match plain.strip_suffix('*') {
                    Some(beginning) => one.starts_with(beginning),
                    None => one == plain,
                })
        }),
        "any" => value
            .as_array()
            .unwrap()
            .iter()
            .any(|filter| fits(entry, filter)),
        "every" => value
            .as_array()
            .unwrap()
            .iter()
            .all(|filter| fits(entry, filter)),
        _ => !fits(entry, value),
    }
}

/// Keys with dots between them, `\.` for one in a key.
fn keys(name: &str) -> Vec<String> {
    let hidden = name.replace("\\.", "\u{1}");
    hidden
        .split('.')
        .map(|key| key.replace('\u{1}', "."))
        .collect()
}

fn values<'a>(value: &'a Value, keys: &[String]) -> Vec<&'a Value> {
    let Some((key, rest)) = keys.split_first() else {
        return vec![value];
    };
    let found = value.as_object().and_then(|object| object.get(key));
    let members = match found {
        Some(Value::Array(members)) => members.iter().collect(),
        found => Vec::from_iter(found),
    };
    members
        .into_iter()
        .flat_map(|member| values(member, rest))
        .collect()
}

fn same(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Number(_), Value::Number(_)) => numbers(value, wanted).is_eq(),
        _ => value == wanted,
    }
}

fn numbers(one: &Value, other: &Value) -> Ordering {
    match (one.as_i64(), other.as_i64()) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => one
            .as_f64()
            .unwrap()
            .partial_cmp(&other.as_f64().unwrap())
            .unwrap(),
    }
}

fn by(one: &Entry, other: &Entry, key: &Value) -> Ordering {
    let value = |entry: &Entry| match key["by"].as_str().unwrap() {
        "lastModified" => Some(entry.modified_at.into()),
        "title" => entry.title.clone().map(Value::from),
        name => {
            let keys = keys(name);
            let values = values(&entry.search_document, &keys);
            let first = values
                .into_iter()
                .find(|value| value.is_string() || value.is_number() || value.is_boolean());
            first.map(|value| {
                value
                    .as_bool()
                    .map_or_else(|| value.clone(), |truth| i64::from(truth).into())
            })
        }
    };
    match (value(one), value(other)) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(one), Some(other)) => {
            let order = match (&one, &other) {
                (Value::Number(_), Value::Number(_)) => numbers(&one, &other),
                (Value::Number(_), _) => Ordering::Less,
                (_, Value::Number(_)) => Ordering::Greater,
                _ => one
                    .as_str()
                    .unwrap()
                    .as_bytes()
                    .cmp(other.as_str().unwrap().as_bytes()),
            };
            if key["direction"] == "desc" {
                order.reverse()
            } else {
                order
            }
        }
    }
}
