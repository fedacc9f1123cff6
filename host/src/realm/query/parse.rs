use ::url::Url;
use serde_json::{Map, Value};

use super::{
    Attribute, Comparison, Filter, MAX_CONTAINED, MAX_KEYS, Query, QueryError, Scalar, Scope, Sort,
    SortBy, Word,
};
use crate::realm::plain::plain_words;

/// Entries of a page that does not say how many.
const PAGE: usize = 20;

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
