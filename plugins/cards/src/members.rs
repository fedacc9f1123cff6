//! What a class says of its cards: the names of its static members.

/// Members that are renderings, each of the format that it is named after.
pub(crate) const FORMATS: [&str; 7] = [
    "isolated", "embedded", "fitted", "atom", "head", "icon", "markdown",
];

/// Formats that are rendered once for each type that a card is of.
pub(crate) const BY_TYPE: [&str; 2] = ["embedded", "fitted"];

/// A string, or a function that gives one: what a list of cards shows.
pub(crate) const TITLE: &str = "title";

/// A function that gives the object that searches match against.
pub(crate) const SEARCH_DOCUMENT: &str = "searchDocument";

/// What a card's attributes are, for those who read definitions; the first that there is.
pub(crate) const FIELDS: [&str; 2] = ["fields", "schema"];
