use std::sync::LazyLock;

use ::url::Url;
use serde_json::Value;

use crate::index::words;
use crate::realm::query::{
    Attribute, Filter, Query, QueryLimits, Scalar, Scope, SortBy, query_words,
};
use crate::realm::{MAX_WORD_BYTES, RealmUrl};

/// The realm that is searched.
const REALM: &str = "http://h.example/r/";
const LIMITS: QueryLimits = QueryLimits {
    page: 50,
    conditions: 12,
    depth: 4,
};

/// A body of `_search`. It is taken where the contract's section 8 takes it, and its bounds allow it; the place of a mistake
/// is one of the body's; and what is taken has the words, keys and texts that it was given.
pub fn query(data: &[u8]) -> bool {
    static URL: LazyLock<RealmUrl> =
        LazyLock::new(|| RealmUrl::parse(REALM).expect("a realm's URL"));
    let Ok(document) = serde_json::from_slice::<Value>(data) else {
        return false;
    };
    let scope = Scope {
        realm: &URL,
        extensions: &[".gts".to_owned()],
        limits: LIMITS,
    };
    let parsed = Query::parse(&document, &scope);
    let expected = is_query(&document);
    match parsed {
        Ok(query) => {
            assert!(expected, "{document} is no query");
            assert!((1..=LIMITS.page).contains(&query.size));
            if let Some(filter) = &query.filter {
                sound(filter);
            }
            for sort in &query.sort {
                if let SortBy::Attribute(attribute) = &sort.by {
                    keys(attribute);
                }
            }
            true
        }
        Err(error) => {
            assert!(!expected, "{document} is a query: {error}");
            assert!(!error.message.is_empty());
            let root = error.place.split(['.', '[']).next().unwrap_or_default();
            assert!(
                ["query", "filter", "sort", "page"].contains(&root),
                "{error}"
            );
            false
        }
    }
}

/// What has been taken can be asked of a database.
fn sound(filter: &Filter) {
    match filter {
        Filter::Eq(attribute, value) => {
            keys(attribute);
            text(value);
        }
        Filter::Contains(attribute, text) => {
            keys(attribute);
            assert!(!text.contains('\0') && text.chars().count() <= 1000);
        }
        Filter::Range(attribute, bounds) => {
            keys(attribute);
            assert!((1..=4).contains(&bounds.len()));
            let is_text = |bound: &Scalar| matches!(bound, Scalar::Text(_));
            let is_number = |bound: &Scalar| matches!(bound, Scalar::Number(_));
            let mut all = bounds.iter().map(|(_, bound)| bound);
            assert!(all.clone().all(is_text) || all.all(is_number));
            bounds.iter().for_each(|(_, bound)| text(bound));
        }
        Filter::Type(types) => {
            assert_eq!(types.len(), 2);
            assert!(types.iter().all(|name| !name.contains('\0')));
        }
        Filter::Matches(all) => {
            assert!(!all.is_empty());
            for word in all {
                let text = &word.text;
                assert!(!text.is_empty() && text.len() <= MAX_WORD_BYTES, "{text:?}");
                // Neither language of words has a sign that is a letter, and an entry has words of the same making.
                assert!(
                    !text.contains(|c: char| c.is_ascii_punctuation()
                        || c.is_whitespace()
                        || c == '\0'),
                    "{text:?}"
                );
                assert_eq!(
                    words(Some(text), &Value::Null, None),
                    *text,
                    "of a plain word"
                );
            }
        }
        Filter::Any(all) | Filter::Every(all) => {
            assert!(!all.is_empty());
            all.iter().for_each(sound);
        }
        Filter::Not(filter) => sound(filter),
    }
}

fn keys(attribute: &Attribute) {
    let good = |key: &String| !key.is_empty() && !key.contains('\0');
    assert!(
        (1..=16).contains(&attribute.0.len()) && attribute.0.iter().all(good),
        "{attribute:?}"
    );
}

fn text(value: &Scalar) {
    if let Scalar::Text(text) = value {
        assert!(!text.contains('\0'));
    }
}

/// Whether a body is a query: what the contract says, and the bounds.
fn is_query(document: &Value) -> bool {
    let Some(keys) = known(document, &["filter", "sort", "page"]) else {
        return false;
    };
    let filter = keys.get("filter").is_none_or(|filter| is_filter(filter, 1));
    let sort = keys.get("sort").is_none_or(is_sort);
    let page = keys.get("page").is_none_or(is_page);
    let conditions = keys.get("filter").filter(|_| filter).map_or(0, conditions);
    let sorts = keys
        .get("sort")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    filter && sort && page && conditions + sorts <= LIMITS.conditions
}

fn known<'a>(value: &'a Value, names: &[&str]) -> Option<&'a serde_json::Map<String, Value>> {
    let object = value.as_object()?;
    object
        .keys()
        .all(|key| names.contains(&key.as_str()))
        .then_some(object)
}

fn is_filter(filter: &Value, depth: usize) -> bool {
    let Some((kind, value)) = filter
        .as_object()
        .filter(|keys| keys.len() == 1)
        .and_then(|keys| keys.iter().next())
    else {
        return false;
    };
    let each = |good: &dyn Fn(&Value) -> bool| {
        let keys = value.as_object().filter(|keys| !keys.is_empty());
        keys.is_some_and(|keys| {
            keys.iter()
                .all(|(name, value)| is_attribute(name) && good(value))
        })
    };
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.contains('\0'));
    depth <= LIMITS.depth
        && match kind.as_str() {
            "eq" => each(&|value| match value {
                Value::String(_) => is_text(value),
                other => !other.is_array() && !other.is_object(),
            }),
            "contains" => each(&|value| {
                is_text(value)
                    && value
                        .as_str()
                        .is_some_and(|text| text.chars().count() <= 1000)
            }),
            "range" => each(&|bounds| {
                let bounds = known(bounds, &["gt", "gte", "lt", "lte"]);
                bounds.is_some_and(|bounds| {
                    !bounds.is_empty()
                        && (bounds.values().all(is_text) || bounds.values().all(Value::is_number))
                })
            }),
            "type" => {
                let named = |key: &str| is_text(&value[key]) && value[key] != "";
                let base = Url::parse(REALM).expect("a URL");
                known(value, &["module", "name"]).is_some()
                    && named("module")
                    && named("name")
                    && base
                        .join(value["module"].as_str().unwrap_or_default())
                        .is_ok()
            }
            "matches" => {
                is_text(value) && !query_words(value.as_str().unwrap_or_default()).is_empty()
            }
            "any" | "every" => {
                let all = value.as_array().filter(|all| !all.is_empty());
                all.is_some_and(|all| all.iter().all(|filter| is_filter(filter, depth + 1)))
            }
            "not" => is_filter(value, depth + 1),
            _ => false,
        }
}

/// How many conditions a filter has that is one.
fn conditions(filter: &Value) -> usize {
    let (kind, value) = filter
        .as_object()
        .and_then(|keys| keys.iter().next())
        .expect("one kind");
    match kind.as_str() {
        "type" => 1,
        "matches" => query_words(value.as_str().unwrap_or_default()).len(),
        "any" | "every" => {
            1 + value
                .as_array()
                .into_iter()
                .flatten()
                .map(conditions)
                .sum::<usize>()
        }
        "not" => 1 + conditions(value),
        _ => value.as_object().map_or(0, serde_json::Map::len),
    }
}

/// Keys with dots between them; a backslash stands before a dot or a backslash, and nowhere else.
fn is_attribute(name: &str) -> bool {
    let plain = name.replace("\\\\", "x").replace("\\.", "x");
    let keys: Vec<_> = plain.split('.').collect();
    !plain.contains(['\\', '\0']) && keys.len() <= 16 && keys.iter().all(|key| !key.is_empty())
}

fn is_sort(sort: &Value) -> bool {
    let each = |key: &Value| {
        let by = key["by"].as_str();
        let direction = key.get("direction");
        known(key, &["by", "direction"]).is_some()
            && by.is_some_and(is_attribute)
            && direction.is_none_or(|direction| direction == "asc" || direction == "desc")
    };
    sort.as_array().is_some_and(|sort| sort.iter().all(each))
}

fn is_page(page: &Value) -> bool {
    let number = |key: &str, least: u64, most: u64| {
        page.get(key).is_none_or(|number| {
            number
                .as_u64()
                .is_some_and(|number| (least..=most).contains(&number))
        })
    };
    known(page, &["size", "number"]).is_some()
        && number("size", 1, LIMITS.page as u64)
        && number("number", 0, u32::MAX.into())
}
