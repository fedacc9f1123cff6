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

mod parse;
#[cfg(test)]
mod tests;

use serde_json::Number;

use super::RealmUrl;

pub use self::parse::query_words;

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

/// The most keys of an attribute.
pub const MAX_KEYS: usize = 16;
/// The most characters of a text that others are searched for.
pub const MAX_CONTAINED: usize = 1000;
