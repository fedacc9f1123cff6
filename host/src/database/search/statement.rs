use crate::realm::RealmId;
use crate::realm::query::{Filter, Query, Sort, SortBy, Word};

use super::{STATE, postgres, sqlite};

/// A value beside the SQL. Nothing of a query stands in the SQL itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    Text(String),
    Whole(i64),
    Broken(f64),
}

/// A statement in the making.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) is_postgres: bool,
    pub(super) values: Vec<Bound>,
    /// Tells the aliases of a condition from those of another.
    aliases: usize,
}

impl Statement {
    /// One whose `$1` is a realm.
    pub(super) fn new(is_postgres: bool, realm: RealmId) -> Self {
        Self {
            is_postgres,
            values: vec![Bound::Whole(realm.0)],
            aliases: 0,
        }
    }

    /// The placeholder of a value.
    pub(super) fn bind(&mut self, value: Bound) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    pub(super) fn text(&mut self, text: impl Into<String>) -> String {
        self.bind(Bound::Text(text.into()))
    }

    /// A number that no other alias has.
    pub(super) fn alias(&mut self) -> usize {
        self.aliases += 1;
        self.aliases
    }

    /// The statement that answers a query: the columns of [`super::Row`].
    pub(super) fn search(&mut self, query: &Query) -> String {
        let condition = query.filter.as_ref().map(|filter| self.filter(filter));
        let condition = condition.map_or(String::new(), |condition| format!("AND {condition}"));
        let keys: Vec<_> = query.sort.iter().map(|sort| self.key(sort)).collect();
        let (mut columns, mut order, mut beside) = (String::new(), Vec::new(), String::new());
        for (index, key) in keys.into_iter().enumerate() {
            for (part, (sql, descending)) in key.columns.into_iter().enumerate() {
                let name = format!("k{index}_{part}");
                columns.push_str(&format!(", {sql} AS {name}"));
                let direction = if descending { "DESC" } else { "ASC" };
                order.push(format!("page.{name} {direction} NULLS LAST"));
            }
            beside.push_str(&key.beside);
        }
        order.push("page.path".to_owned());
        let order = order.join(", ");
        let found_order = order.replace("page.", "found.");
        let visible = visible(self.is_postgres);
        let size = self.bind(Bound::Whole(i64::try_from(query.size).unwrap_or(i64::MAX)));
        let before =
            i64::from(query.number).saturating_mul(i64::try_from(query.size).unwrap_or(i64::MAX));
        let before = self.bind(Bound::Whole(before));
        let text = if self.is_postgres { "::TEXT" } else { "" };
        format!(
            "WITH found AS MATERIALIZED (
                SELECT e.id, e.path{columns} FROM index_entries e {beside} WHERE e.realm_id = $1 AND {visible} {condition}
            ), page AS (
                SELECT * FROM found ORDER BY {found_order} LIMIT {size} OFFSET {before}
            )
            SELECT (SELECT count(*) FROM found), {STATE},
                entry.path, entry.kind, entry.title, entry.types{text}, entry.search_document{text}, entry.modified_at
            FROM realms r LEFT JOIN page ON TRUE LEFT JOIN index_entries entry ON entry.id = page.id
            WHERE r.id = $1 ORDER BY {order}"
        )
    }

    fn filter(&mut self, filter: &Filter) -> String {
        match filter {
            Filter::Any(filters) => self.joined(filters, " OR "),
            Filter::Every(filters) => self.joined(filters, " AND "),
            Filter::Not(filter) => format!("({} IS NOT TRUE)", self.filter(filter)),
            Filter::Matches(words) => self.words(words),
            Filter::Type(types) if self.is_postgres => postgres::types(self, types),
            Filter::Type(types) => sqlite::types(self, types),
            Filter::Eq(attribute, value) if self.is_postgres => {
                postgres::equal(self, attribute, value)
            }
            Filter::Eq(attribute, value) => sqlite::equal(self, attribute, value),
            Filter::Contains(attribute, text) if self.is_postgres => {
                postgres::contains(self, attribute, text)
            }
            Filter::Contains(attribute, text) => sqlite::contains(self, attribute, text),
            Filter::Range(attribute, bounds) if self.is_postgres => {
                postgres::within(self, attribute, bounds)
            }
            Filter::Range(attribute, bounds) => sqlite::within(self, attribute, bounds),
        }
    }

    fn joined(&mut self, filters: &[Filter], by: &str) -> String {
        let each: Vec<_> = filters.iter().map(|filter| self.filter(filter)).collect();
        format!("({})", each.join(by))
    }

    /// Words are letters and digits, which neither language of words takes for its own.
    fn words(&mut self, words: &[Word]) -> String {
        let (quote, star, and) = if self.is_postgres {
            ('\'', ":*", " & ")
        } else {
            ('"', "*", " AND ")
        };
        let each = words.iter().map(|word| {
            let star = if word.is_beginning { star } else { "" };
            format!("{quote}{}{quote}{star}", word.text)
        });
        let words = each.collect::<Vec<_>>().join(and);
        let words = self.text(words);
        if self.is_postgres {
            format!("(e.words_index @@ {words}::TSQUERY)")
        } else {
            format!("(e.id IN (SELECT rowid FROM index_words WHERE index_words MATCH {words}))")
        }
    }

    fn key(&mut self, sort: &Sort) -> Key {
        let plain = |sql: &str| Key {
            columns: vec![(sql.to_owned(), sort.descending)],
            beside: String::new(),
        };
        match &sort.by {
            SortBy::LastModified => plain("e.modified_at"),
            SortBy::Title if self.is_postgres => plain("e.title COLLATE \"C\""),
            SortBy::Title => plain("e.title"),
            SortBy::Attribute(attribute) if self.is_postgres => {
                postgres::key(self, attribute, sort.descending)
            }
            SortBy::Attribute(attribute) => sqlite::key(self, attribute, sort.descending),
        }
    }
}

/// What entries are sorted by: columns, each with whether it descends, and what they are taken from beside the entry.
pub(super) struct Key {
    pub(super) columns: Vec<(String, bool)>,
    pub(super) beside: String,
}

/// Whether an entry has a state to be found by: nothing is wrong with it, or it has kept the last good one. An entry whose
/// document has never been rendered has neither title nor types, and an empty search document.
fn visible(is_postgres: bool) -> &'static str {
    if mutant!("search-shows-never-rendered") {
        return "TRUE";
    }
    if is_postgres {
        "(e.error IS NULL OR e.title IS NOT NULL OR e.types <> '[]'::JSONB OR e.search_document <> '{}'::JSONB)"
    } else {
        "(e.error IS NULL OR e.title IS NOT NULL OR e.types <> '[]' OR e.search_document <> '{}')"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Bound, Statement};
    use crate::realm::query::{Query, QueryLimits, Scope};
    use crate::realm::{RealmId, RealmUrl};

    /// The statement of a query that has this text wherever one can stand.
    fn sql(text: &str, is_postgres: bool) -> (String, Vec<Bound>) {
        let realm = RealmUrl::parse("http://h/r/").unwrap();
        let limits = QueryLimits {
            page: 100,
            conditions: 100,
            depth: 9,
        };
        let scope = Scope {
            realm: &realm,
            extensions: &[],
            limits,
        };
        let query = json!({
            "filter": { "every": [
                { "eq": { text: text } }, { "eq": { text: null } }, { "eq": { text: 1 } }, { "eq": { text: true } },
                { "contains": { text: text } }, { "range": { text: { "gt": text, "lte": text } } },
                { "type": { "module": "./m", "name": text } }, { "matches": text },
                { "not": { "any": [{ "range": { text: { "lt": 1.5 } } }] } },
            ] },
            "sort": [{ "by": text }, { "by": "title" }, { "by": "lastModified", "direction": "desc" }],
        });
        let query = Query::parse(&query, &scope).unwrap();
        let mut statement = Statement::new(is_postgres, RealmId(1));
        (statement.search(&query), statement.values)
    }

    #[test]
    fn nothing_of_a_query_stands_in_its_sql() {
        for is_postgres in [true, false] {
            let (plain, values) = sql("a", is_postgres);
            for text in [
                "'x", "\"x", "x');--", "$1x", "x*/", "\\\\x", "x\n", "%x_", "?x?", "[x]", "é",
            ] {
                let (other, others) = sql(text, is_postgres);
                assert_eq!(other, plain, "{text:?}");
                assert_eq!(others.len(), values.len());
                assert_ne!(others, values);
            }
        }
    }
}
