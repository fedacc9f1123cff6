//! The query language of `_search` (the contract's section 8): what a body means, or where it is wrong.
//!
//! An **attribute** is a path into an entry's search document, its keys with dots between them (`address.city`). A dot that
//! is a part of a key is written `\.`, a backslash `\\`. A list on the way stands for its members (a list in a list does
//! not), so an attribute may have several values, and a condition holds where one of them fits it:
//!
//! - `eq`: a text, a number, `true` or `false` that is the same; `null`: the attribute is absent, an empty list, or has a
//!   value that is null;
//! - `contains`: a text with the given one in it, whatever the case of letters;
//! - `range`: one value within all the bounds. Numbers are compared with numbers, texts with texts (by their bytes);
//! - `type`: the document is of this type, or of one that has it among its own;
//! - `matches`: every word occurs in the title, the search document or the HTML; one that ends with `*` is the beginning
//!   of a word.
//!
//! **Sorting** by an attribute goes by its first value that is a number, a text or a truth (false is 0, true is 1): numbers
//! before texts, the other way round when descending, entries without any at the end in both. What is equal goes by path.

use ::url::Url;
use serde_json::{Map, Number, Value};

use super::RealmUrl;
use super::plain::plain_words;

/// What is searched for, in which order, and which part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// None: everything.
    pub filter: Option<Filter>,
    /// The first one decides; where it does not, the next. The last one is always the path.
    pub sort: Vec<Sort>,
    /// Entries of a page.
    pub size: usize,
    /// Which page, from 0.
    pub number: u32,
}

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// A value is this one.
    Eq(Attribute, Scalar),
    /// A value is a text with this one in it.
    Contains(Attribute, String),
    /// A value is within these bounds, which are all of one kind.
    Range(Attribute, Vec<(Comparison, Scalar)>),
    /// One of these is among the types.
    Type(Vec<String>),
    /// All of these occur.
    Matches(Vec<Word>),
    /// One of these holds.
    Any(Vec<Filter>),
    /// All of these hold.
    Every(Vec<Filter>),
    /// This does not hold.
    Not(Box<Filter>),
}

/// The keys that lead to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute(pub Vec<String>);

/// What an attribute is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A text.
    Text(String),
    /// A number.
    Number(Number),
    /// `true` or `false`.
    Truth(bool),
    /// `null`, or nothing.
    Null,
}

/// How a value stands to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `gt`
    Greater,
    /// `gte`
    AtLeast,
    /// `lt`
    Less,
    /// `lte`
    AtMost,
}

impl Comparison {
    const ALL: [(&'static str, Self); 4] = [
        ("gt", Self::Greater),
        ("gte", Self::AtLeast),
        ("lt", Self::Less),
        ("lte", Self::AtMost),
    ];

    /// As SQL and its paths write it.
    #[must_use]
    pub fn operator(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Less => "<",
            Self::AtMost => "<=",
        }
    }
}

/// A word to be found, as [`plain_words`] makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word.
    pub text: String,
    /// Whether it is only the beginning of one.
    pub is_beginning: bool,
}

/// By what entries are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// By what entries are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// When the file last changed.
    LastModified,
    /// The document's title.
    Title,
    /// An attribute.
    Attribute(Attribute),
}

/// How large a query may be.
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// Entries of a page.
    pub page: usize,
    /// Conditions, words and sort keys.
    pub conditions: usize,
    /// Conditions within conditions.
    pub depth: usize,
}

/// Where a query is asked, and how large it may be.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// What modules are relative to.
    pub realm: &'a RealmUrl,
    /// Extensions that a module's URL may lack.
    pub extensions: &'a [String],
    /// Bounds.
    pub limits: QueryLimits,
}

/// What is wrong with a query, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct QueryError {
    /// As in `filter.every[1].range.age.gt`.
    pub place: String,
    /// What is wrong, in words its author can act on.
    pub message: String,
}

/// Entries of a page that does not say how many.
const PAGE: usize = 20;
/// The most keys of an attribute.
pub const MAX_KEYS: usize = 16;
/// The most characters of a text that others are searched for.
pub const MAX_CONTAINED: usize = 1000;

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// When it has an unknown key, a value that does not fit, or more than it may have.
    pub fn parse(value: &Value, scope: &Scope<'_>) -> Result<Self, QueryError> {
        let mut parser = Parser {
            scope,
            left: scope.limits.conditions,
        };
        let keys = object(value, "query", &["filter", "sort", "page"])?;
        let filter = keys
            .get("filter")
            .map(|filter| parser.filter(filter, "filter", 1));
        let filter = filter.transpose()?;
        let sort = keys.get("sort").map(|sort| parser.sort(sort)).transpose()?;
        let (size, number) = page(keys.get("page"), scope.limits.page)?;
        Ok(Self {
            filter,
            sort: sort.unwrap_or_default(),
            size,
            number,
        })
    }
}

struct Parser<'a> {
    scope: &'a Scope<'a>,
    /// Conditions that there may still be.
    left: usize,
}

impl Parser<'_> {
    /// Counts one more condition.
    fn count(&mut self, at: &str) -> Result<(), QueryError> {
        let most = self.scope.limits.conditions;
        self.left = self.left.checked_sub(1).ok_or_else(|| {
            wrong(at, format!("a query has at most {most} conditions, words and sort keys (`search-conditions`)"))
        })?;
        Ok(())
    }

    fn filter(&mut self, value: &Value, at: &str, depth: usize) -> Result<Filter, QueryError> {
        const KINDS: [&str; 8] = [
            "eq", "contains", "range", "type", "matches", "any", "every", "not",
        ];
        let keys = object(value, at, &KINDS)?;
        let mut kinds = keys.iter();
        let (Some((kind, value)), None) = (kinds.next(), kinds.next()) else {
            let message = format!(
                "is one condition: one of {}; several go into `every` or `any`",
                list(&KINDS)
            );
            return Err(wrong(at, message));
        };
        let most = self.scope.limits.depth;
        if depth > most {
            return Err(wrong(
                at,
                format!("conditions are at most {most} deep (`search-depth`)"),
            ));
        }
        let at = format!("{at}.{kind}");
        match kind.as_str() {
            "eq" => self.attributes(value, &at, |attribute, value, at| {
                Ok(Filter::Eq(attribute, scalar(value, at)?))
            }),
            "contains" => self.attributes(value, &at, |attribute, value, at| {
                Ok(Filter::Contains(attribute, contained(value, at)?))
            }),
            "range" => self.attributes(value, &at, |attribute, value, at| {
                Ok(Filter::Range(attribute, bounds(value, at)?))
            }),
            "type" => {
                self.count(&at)?;
                self.types(value, &at)
            }
            "matches" => self.matches(value, &at),
            "any" => Ok(Filter::Any(self.filters(value, &at, depth)?)),
            "every" => Ok(Filter::Every(self.filters(value, &at, depth)?)),
            _ => {
                self.count(&at)?;
                Ok(Filter::Not(Box::new(self.filter(value, &at, depth + 1)?)))
            }
        }
    }

    fn filters(
        &mut self,
        value: &Value,
        at: &str,
        depth: usize,
    ) -> Result<Vec<Filter>, QueryError> {
        let list = members(value, at)?;
        if list.is_empty() {
            return Err(wrong(at, "has no condition"));
        }
        self.count(at)?;
        let each = list.iter().enumerate();
        each.map(|(index, filter)| self.filter(filter, &format!("{at}[{index}]"), depth + 1))
            .collect()
    }

    /// A condition on each of some attributes; all must hold.
    fn attributes(
        &mut self,
        value: &Value,
        at: &str,
        each: impl Fn(Attribute, &Value, &str) -> Result<Filter, QueryError>,
    ) -> Result<Filter, QueryError> {
        let keys = value.as_object().filter(|keys| !keys.is_empty());
        let keys = keys.ok_or_else(|| wrong(at, "is not an object with attributes as keys"))?;
        let mut filters = Vec::with_capacity(keys.len());
        for (name, value) in keys {
            let at = format!("{at}.{name}");
            self.count(&at)?;
            filters.push(each(attribute(name, &at)?, value, &at)?);
        }
        Ok(match filters.pop() {
            Some(only) if filters.is_empty() => only,
            last => {
                filters.extend(last);
                Filter::Every(filters)
            }
        })
    }

    /// A type is the URL of its module, a slash, and its name; the module's extension may be left out.
    fn types(&self, value: &Value, at: &str) -> Result<Filter, QueryError> {
        let keys = object(value, at, &["module", "name"])?;
        let part = |key: &str| {
            let at = format!("{at}.{key}");
            let found = keys.get(key).ok_or_else(|| wrong(&at, "is missing"))?;
            let found = text(found, &at)?;
            if found.is_empty() {
                return Err(wrong(&at, "is empty"));
            }
            Ok(found)
        };
        let (module, name) = (part("module")?, part("name")?);
        let base = Url::parse(self.scope.realm.as_str()).ok();
        let module = base.and_then(|base| base.join(&module).ok());
        let module = module.ok_or_else(|| {
            wrong(
                &format!("{at}.module"),
                "is not a URL, absolute or relative to the realm",
            )
        })?;
        let with = |extension: &str| format!("{module}{extension}/{name}");
        let extensions = self.scope.extensions.iter().map(String::as_str);
        Ok(Filter::Type(
            std::iter::once("").chain(extensions).map(with).collect(),
        ))
    }

    fn matches(&mut self, value: &Value, at: &str) -> Result<Filter, QueryError> {
        let words = query_words(&text(value, at)?);
        if words.is_empty() {
            return Err(wrong(at, "has no word in it"));
        }
        for _ in &words {
            self.count(at)?;
        }
        Ok(Filter::Matches(words))
    }

    fn sort(&mut self, value: &Value) -> Result<Vec<Sort>, QueryError> {
        let each = members(value, "sort")?.iter().enumerate();
        each.map(|(index, value)| {
            let at = format!("sort[{index}]");
            self.count(&at)?;
            let keys = object(value, &at, &["by", "direction"])?;
            let by = keys.get("by").ok_or_else(|| wrong(&at, "has no `by`"))?;
            let place = format!("{at}.by");
            let by = match text(by, &place)?.as_str() {
                "lastModified" => SortBy::LastModified,
                "title" => SortBy::Title,
                name => SortBy::Attribute(attribute(name, &place)?),
            };
            let descending = match keys.get("direction").map(Value::as_str) {
                None | Some(Some("asc")) => false,
                Some(Some("desc")) => true,
                Some(_) => {
                    return Err(wrong(
                        &format!("{at}.direction"),
                        "is neither `asc` nor `desc`",
                    ));
                }
            };
            Ok(Sort { by, descending })
        })
        .collect()
    }
}

/// The words of a query, each once; one with `*` behind it is the beginning of a word.
#[must_use]
pub fn query_words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut pieces = text.split('*').peekable();
    while let Some(piece) = pieces.next() {
        let before = words.len();
        let new = plain_words(piece).map(|text| Word {
            text,
            is_beginning: false,
        });
        words.extend(new);
        // A star that does not touch the word means nothing.
        let touches = piece
            .chars()
            .next_back()
            .is_some_and(|last| !last.is_whitespace());
        if pieces.peek().is_some() && touches && words.len() > before {
            let last = words.last_mut().expect("there is one more");
            last.is_beginning = true;
        }
    }
    let mut once: Vec<Word> = Vec::with_capacity(words.len());
    for word in words {
        if !once.contains(&word) {
            once.push(word);
        }
    }
    once
}

fn wrong(at: &str, message: impl Into<String>) -> QueryError {
    QueryError {
        place: at.to_owned(),
        message: message.into(),
    }
}

/// Names for people: `a`, `b`.
fn list(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// An object with no other keys than these.
fn object<'a>(
    value: &'a Value,
    at: &str,
    known: &[&str],
) -> Result<&'a Map<String, Value>, QueryError> {
    let keys = value
        .as_object()
        .ok_or_else(|| wrong(at, "is not an object"))?;
    match keys.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(wrong(
            at,
            format!("has an unknown key `{key}`; it may have {}", list(known)),
        )),
        None => Ok(keys),
    }
}

fn members<'a>(value: &'a Value, at: &str) -> Result<&'a [Value], QueryError> {
    value
        .as_array()
        .map(Vec::as_slice)
        .ok_or_else(|| wrong(at, "is not a list"))
}

fn text(value: &Value, at: &str) -> Result<String, QueryError> {
    let text = value.as_str().ok_or_else(|| wrong(at, "is not a text"))?;
    without_nul(text, at)?;
    Ok(text.to_owned())
}

/// No text of an entry has one: Postgres takes none.
fn without_nul(text: &str, at: &str) -> Result<(), QueryError> {
    if text.contains('\0') {
        return Err(wrong(&at.replace('\0', "\u{fffd}"), "has a NUL character"));
    }
    Ok(())
}

/// The keys of a path, with dots between them; `\.` is a dot of a key, `\\` a backslash.
fn attribute(name: &str, at: &str) -> Result<Attribute, QueryError> {
    without_nul(name, at)?;
    let mut keys = vec![String::new()];
    let mut letters = name.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '.' => keys.push(String::new()),
            '\\' => match letters.next() {
                Some(escaped @ ('.' | '\\')) => keys.last_mut().expect("never empty").push(escaped),
                _ => {
                    let message = "has a `\\` before neither `.` nor `\\`; a backslash of a key is written `\\\\`";
                    return Err(wrong(at, message));
                }
            },
            other => keys.last_mut().expect("never empty").push(other),
        }
    }
    if keys.iter().any(String::is_empty) {
        return Err(wrong(
            at,
            "is not an attribute: keys with a dot between them, and a dot of a key written `\\.`",
        ));
    }
    if keys.len() > MAX_KEYS {
        return Err(wrong(
            at,
            format!("is an attribute with more than {MAX_KEYS} keys"),
        ));
    }
    Ok(Attribute(keys))
}

fn scalar(value: &Value, at: &str) -> Result<Scalar, QueryError> {
    match value {
        Value::Null => Ok(Scalar::Null),
        Value::Bool(truth) => Ok(Scalar::Truth(*truth)),
        Value::Number(number) => Ok(Scalar::Number(number.clone())),
        Value::String(_) => Ok(Scalar::Text(text(value, at)?)),
        Value::Array(_) | Value::Object(_) => Err(wrong(
            at,
            "is neither a text, a number, `true`, `false` nor `null`",
        )),
    }
}

fn contained(value: &Value, at: &str) -> Result<String, QueryError> {
    let text = text(value, at)?;
    if text.chars().count() > MAX_CONTAINED {
        return Err(wrong(
            at,
            format!("is a text of more than {MAX_CONTAINED} characters"),
        ));
    }
    Ok(text)
}

fn bounds(value: &Value, at: &str) -> Result<Vec<(Comparison, Scalar)>, QueryError> {
    let names = Comparison::ALL.map(|(name, _)| name);
    let keys = object(value, at, &names)?;
    let mut bounds = Vec::with_capacity(keys.len());
    for (key, value) in keys {
        let at = format!("{at}.{key}");
        let bound = match scalar(value, &at)? {
            bound @ (Scalar::Text(_) | Scalar::Number(_)) => bound,
            Scalar::Truth(_) | Scalar::Null => {
                return Err(wrong(&at, "is neither a number nor a text"));
            }
        };
        let known = Comparison::ALL.iter().find(|(name, _)| name == key);
        let (_, comparison) = known.expect("looked at above");
        if let Some((_, first)) = bounds.first()
            && std::mem::discriminant(first) != std::mem::discriminant(&bound)
        {
            return Err(wrong(
                &at,
                "is not of the other bound's kind: a number or a text, both",
            ));
        }
        bounds.push((*comparison, bound));
    }
    if bounds.is_empty() {
        return Err(wrong(
            at,
            format!("has no bound; it may have {}", list(&names)),
        ));
    }
    Ok(bounds)
}

/// How many entries a page has, and which one it is.
fn page(value: Option<&Value>, most: usize) -> Result<(usize, u32), QueryError> {
    let Some(value) = value else {
        return Ok((PAGE.min(most), 0));
    };
    let keys = object(value, "page", &["size", "number"])?;
    let size = keys.get("size").map_or(Some(PAGE.min(most)), |size| {
        let size = usize::try_from(size.as_u64()?).ok()?;
        (1..=most).contains(&size).then_some(size)
    });
    let size = size.ok_or_else(|| {
        wrong(
            "page.size",
            format!("is not a whole number from 1 to {most} (`search-page`)"),
        )
    })?;
    let number = keys
        .get("number")
        .map_or(Some(0), |number| u32::try_from(number.as_u64()?).ok());
    let number = number.ok_or_else(|| {
        wrong(
            "page.number",
            format!("is not a whole number from 0 to {}", u32::MAX),
        )
    })?;
    Ok((size, number))
}

#[cfg(test)]
mod tests {
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
        let named =
            |module: &str| filter(json!({ "type": { "module": module, "name": "Person" } }));
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
        let keys =
            |count: usize| json!({ "filter": { "eq": { (vec!["a"; count].join(".")): 1 } } });
        assert!(parse(&keys(16)).is_ok());
        assert!(parse(&keys(17)).unwrap_err().contains("more than 16 keys"));
        let contained =
            |count: usize| json!({ "filter": { "contains": { "a": "é".repeat(count) } } });
        assert!(parse(&contained(1000)).is_ok());
        assert!(
            parse(&contained(1001))
                .unwrap_err()
                .contains("more than 1000 characters")
        );
    }
}
