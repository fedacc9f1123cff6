//! Seeded faults: each takes one guard away, so that a test can show that somebody would notice. One, or several with commas
//! between, is chosen with `REALM_MUTANT` when the test build starts; a release has none of them. `tests/mutants.txt` lists them, each with the
//! test that it does not survive.

#[cfg(feature = "under-test")]
use std::sync::LazyLock;

#[cfg(feature = "under-test")]
const LIST: &str = include_str!("../../tests/mutants.txt");

/// Whether the guard of this name is to be taken away.
#[cfg(feature = "under-test")]
pub(crate) fn chosen(name: &str) -> bool {
    static CHOSEN: LazyLock<Vec<String>> = LazyLock::new(|| {
        let chosen = std::env::var("REALM_MUTANT").unwrap_or_default();
        let chosen = chosen.split(',').filter(|name| !name.is_empty());
        let each = |name: &str| {
            assert!(
                names().any(|known| known == name),
                "REALM_MUTANT: there is no `{name}` in tests/mutants.txt"
            );
            // Not by the log: a test may use the database without a host, and nobody listens to its log.
            eprintln!("a guard is taken away: {name}");
            name.to_owned()
        };
        chosen.map(each).collect()
    });
    CHOSEN.iter().any(|chosen| chosen == name)
}

#[cfg(feature = "under-test")]
fn names() -> impl Iterator<Item = &'static str> {
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_whitespace().next())
}

/// Whether a seeded fault is chosen; always false in a release, where the compiler takes it out.
#[cfg(feature = "under-test")]
macro_rules! mutant {
    ($name:literal) => {
        crate::mutants::chosen($name)
    };
}

/// Whether a seeded fault is chosen; always false in a release, where the compiler takes it out.
#[cfg(not(feature = "under-test"))]
macro_rules! mutant {
    ($name:literal) => {
        false
    };
}

#[cfg(all(test, feature = "under-test"))]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    fn used(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                used(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let names = text.split("mutant!(\"").skip(1);
                found.extend(names.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())));
            }
        }
    }

    #[test]
    fn the_list_names_every_mutant_once_and_no_other() {
        let mut found = BTreeSet::new();
        used(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut found,
        );
        found.remove(")");
        let listed: Vec<_> = super::names().map(str::to_owned).collect();
        assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len());
        assert_eq!(found, listed.into_iter().collect());
    }
}
