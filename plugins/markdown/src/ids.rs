//! Ids of headings, by GitHub's rule.

use std::collections::{HashMap, HashSet};

use comrak::html::Anchorizer;

/// The ids of one page.
///
/// comrak knows the rule: lower case, letters, digits, marks, `_` and `-` of any script, a space is a `-`. It does not
/// know of ids that are no heading's, nor of headings of which nothing is left.
#[derive(Default)]
pub(crate) struct Ids {
    taken: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Ids {
    /// An id that the page has for something else.
    pub(crate) fn reserve(&mut self, id: String) {
        self.taken.insert(id);
    }

    /// The id of the next heading, a `-1` and so on added where it is taken; none when nothing is left of its text.
    pub(crate) fn of(&mut self, heading: &str) -> Option<String> {
        let slug = Anchorizer::new().anchorize(heading);
        if slug.is_empty() {
            return None;
        }
        let next = self.next.entry(slug.clone()).or_default();
        loop {
            let id = match *next {
                0 => slug.clone(),
                number => format!("{slug}-{number}"),
            };
            *next += 1;
            if self.taken.insert(id.clone()) {
                return Some(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn follows_githubs_rule() {
        for (heading, id) in [
            ("Hello, World!", "hello-world"),
            ("A  B", "a--b"),
            ("`x.y_z`-1", "xy_z-1"),
            ("Über 日本語", "über-日本語"),
            ("\"><script>", "script"),
        ] {
            assert_eq!(Ids::default().of(heading).as_deref(), Some(id), "{heading}");
        }
        assert_eq!(Ids::default().of("!?"), None);
    }

    #[test]
    fn no_two_are_the_same() {
        let mut ids = Ids::default();
        ids.reserve("fn-1".into());
        let given: Vec<_> = ["a", "a", "a 1", "a", "a-1", "fn 1"]
            .iter()
            .filter_map(|heading| ids.of(heading))
            .collect();
        assert_eq!(given, ["a", "a-1", "a-1-1", "a-2", "a-1-2", "fn-1-1"]);
    }
}
