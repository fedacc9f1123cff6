use serde_json::{Value, json};

use super::{
    Attribute, Comparison, Filter, Query, QueryLimits, Scalar, Scope, Sort, SortBy, Word,
    query_words,
};
use crate::realm::RealmUrl;

const LIMITS: QueryLimits = QueryLimits {
    page: 100,
    conditions: 10,
    depth: 4,
};

fn parse(value: &Value) -> Result<Query, String> {
    let realm = RealmUrl::parse("http://h/r/").unwrap();
    let scope = Scope {
        realm: &realm,
        extensions: &[".gts".to_owned()],
        limits: LIMITS,
    };
    Query::parse(value, &scope).map_err(|error| error.to_string())
}

fn filter(value: Value) -> Filter {
    parse(&json!({ "filter": value })).unwrap().filter.unwrap()
}

fn keys(keys: &[&str]) -> Attribute {
    Attribute(keys.iter().map(|key| (*key).to_owned()).collect())
}

#[test]
fn a_query_means_what_the_contract_says() {
    let whole = parse(&json!({})).unwrap();
    assert_eq!(
        whole,
        Query {
            filter: None,
            sort: vec![],
            size: 20,
            number: 0
        }
    );
    let text = |text: &str| Scalar::Text(text.to_owned());
    assert_eq!(
        filter(json!({ "eq": { "a.b": null } })),
        Filter::Eq(keys(&["a", "b"]), Scalar::Null)
    );
    assert_eq!(
        filter(json!({ "eq": { "a\\.b\\\\": "x" } })),
        Filter::Eq(keys(&["a.b\\"]), text("x"))
    );
    assert_eq!(
        filter(json!({ "eq": { "a": true, "b": 1 } })),
        Filter::Every(vec![
            Filter::Eq(keys(&["a"]), Scalar::Truth(true)),
            Filter::Eq(keys(&["b"]), Scalar::Number(1.into())),
        ])
    );
    assert_eq!(
        filter(json!({ "range": { "a": { "gte": "b" } } })),
        Filter::Range(keys(&["a"]), vec![(Comparison::AtLeast, text("b"))])
    );
    assert_eq!(
        filter(json!({ "not": { "any": [{ "contains": { "a": "X" } }] } })),
        Filter::Not(Box::new(Filter::Any(vec![Filter::Contains(
            keys(&["a"]),
            "X".to_owned()
        )])))
    );
    let sorted = parse(&json!({
        "sort": [{ "by": "title" }, { "by": "a", "direction": "desc" }, { "by": "lastModified", "direction": "asc" }],
        "page": { "size": 100, "number": 7 },
    }));
    let sorted = sorted.unwrap();
    let by = |by, descending| Sort { by, descending };
    assert_eq!(
        sorted.sort,
        [
            by(SortBy::Title, false),
            by(SortBy::Attribute(keys(&["a"])), true),
            by(SortBy::LastModified, false)
        ]
    );
    assert_eq!((sorted.size, sorted.number), (100, 7));
}

#[test]
fn a_type_is_named_with_and_without_its_modules_extension() {
    let named = |module: &str| filter(json!({ "type": { "module": module, "name": "Person" } }));
    let types =
        |base: &str| Filter::Type(vec![format!("{base}/Person"), format!("{base}.gts/Person")]);
    assert_eq!(named("./person"), types("http://h/r/person"));
    assert_eq!(named("people/person"), types("http://h/r/people/person"));
    assert_eq!(
        named("http://other/person.gts"),
        types("http://other/person.gts")
    );
}

#[test]
fn words_are_plain_and_a_star_makes_a_beginning() {
    let word = |text: &str, is_beginning| Word {
        text: text.to_owned(),
        is_beginning,
    };
    assert_eq!(
        query_words("Crème brûl* crème"),
        [word("creme", false), word("brul", true)]
    );
    assert_eq!(
        query_words("a *b* c"),
        [word("a", false), word("b", true), word("c", false)]
    );
    assert_eq!(query_words("* ** !"), []);
}

#[test]
fn a_mistake_names_its_place() {
    for (query, expected) in [
        (json!([]), "query: is not an object"),
        (
            json!({ "fliter": {} }),
            "query: has an unknown key `fliter`; it may have `filter`, `sort`, `page`",
        ),
        (json!({ "filter": {} }), "filter: is one condition"),
        (
            json!({ "filter": { "eq": { "a": 1 }, "not": {} } }),
            "filter: is one condition",
        ),
        (
            json!({ "filter": { "eq": {} } }),
            "filter.eq: is not an object with attributes",
        ),
        (
            json!({ "filter": { "eq": { "a": [] } } }),
            "filter.eq.a: is neither a text",
        ),
        (
            json!({ "filter": { "eq": { "a..b": 1 } } }),
            "filter.eq.a..b: is not an attribute",
        ),
        (
            json!({ "filter": { "eq": { "a\\b": 1 } } }),
            "filter.eq.a\\b: has a `\\`",
        ),
        (
            json!({ "filter": { "eq": { "a": "\0" } } }),
            "filter.eq.a: has a NUL",
        ),
        (
            json!({ "filter": { "contains": { "a": 1 } } }),
            "filter.contains.a: is not a text",
        ),
        (
            json!({ "filter": { "every": [{ "matches": "x" }, { "range": { "age": { "gt": null } } }] } }),
            "filter.every[1].range.age.gt: is neither",
        ),
        (
            json!({ "filter": { "range": { "a": { "gt": 1, "lt": "b" } } } }),
            "filter.range.a.lt: is not of the other bound's kind",
        ),
        (
            json!({ "filter": { "range": { "a": {} } } }),
            "filter.range.a: has no bound",
        ),
        (
            json!({ "filter": { "range": { "a": { "eq": 1 } } } }),
            "filter.range.a: has an unknown key `eq`",
        ),
        (
            json!({ "filter": { "type": { "name": "A" } } }),
            "filter.type.module: is missing",
        ),
        (
            json!({ "filter": { "type": { "module": "http://[", "name": "A" } } }),
            "filter.type.module: is not a URL",
        ),
        (
            json!({ "filter": { "matches": "…" } }),
            "filter.matches: has no word",
        ),
        (
            json!({ "filter": { "any": [] } }),
            "filter.any: has no condition",
        ),
        (
            json!({ "filter": { "any": {} } }),
            "filter.any: is not a list",
        ),
        (
            json!({ "sort": [{ "by": "a" }, { "by": "b", "direction": "up" }] }),
            "sort[1].direction: is neither",
        ),
        (json!({ "sort": [{}] }), "sort[0]: has no `by`"),
        (
            json!({ "page": { "size": 0 } }),
            "page.size: is not a whole number from 1 to 100",
        ),
        (
            json!({ "page": { "size": 101 } }),
            "page.size: is not a whole number from 1 to 100",
        ),
        (
            json!({ "page": { "number": -1 } }),
            "page.number: is not a whole number",
        ),
    ] {
        let error = parse(&query).unwrap_err();
        assert!(error.starts_with(expected), "{query}: {error}");
    }
}

#[test]
fn a_query_is_bounded() {
    let nested = |depth: usize| {
        let inner = json!({ "eq": { "a": 1 } });
        (1..depth).fold(inner, |inner, _| json!({ "not": inner }))
    };
    assert!(parse(&json!({ "filter": nested(4) })).is_ok());
    let error = parse(&json!({ "filter": nested(5) })).unwrap_err();
    assert_eq!(
        error,
        "filter.not.not.not.not: conditions are at most 4 deep (`search-depth`)"
    );
    let wide = |count: usize| {
        let each: Vec<_> = (0..count)
            .map(|index| json!({ "eq": { "a": index } }))
            .collect();
        json!({ "filter": { "any": each }, "sort": [{ "by": "a" }] })
    };
    assert!(parse(&wide(8)).is_ok());
    let error = parse(&wide(9)).unwrap_err();
    assert!(
        error.starts_with("sort[0]: a query has at most 10 conditions"),
        "{error}"
    );
    let words: String = (0..11).map(|index| format!("w{index} ")).collect();
    assert!(parse(&json!({ "filter": { "matches": words } })).is_err());
    let keys = |count: usize| json!({ "filter": { "eq": { (vec!["a"; count].join(".")): 1 } } });
    assert!(parse(&keys(16)).is_ok());
    assert!(parse(&keys(17)).unwrap_err().contains("more than 16 keys"));
    let contained = |count: usize| json!({ "filter": { "contains": { "a": "é".repeat(count) } } });
    assert!(parse(&contained(1000)).is_ok());
    assert!(
        parse(&contained(1001))
            .unwrap_err()
            .contains("more than 1000 characters")
    );
}
