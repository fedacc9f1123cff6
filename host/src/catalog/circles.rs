use std::sync::Arc;

use crate::plugins::{BROWSER_FORMATS, Plugin, Rule};

/// A way on which a file would go round for ever, whatever a realm chooses; each step in words. None: there is none.
#[must_use]
pub fn circle(plugins: &[Arc<Plugin>]) -> Option<Vec<String>> {
    let rules = plugins.iter().flat_map(|plugin| {
        let name = plugin.name.as_str();
        plugin.rules.iter().map(move |rule| (name, rule))
    });
    among(&rules.collect::<Vec<_>>())
}

fn among(rules: &[(&str, &Rule)]) -> Option<Vec<String>> {
    let mut done = vec![false; rules.len()];
    (0..rules.len()).find_map(|from| walk(rules, &mut vec![from], &mut done))
}

fn walk(rules: &[(&str, &Rule)], way: &mut Vec<usize>, done: &mut [bool]) -> Option<Vec<String>> {
    let at = *way.last()?;
    if done[at] {
        return None;
    }
    for next in takers(rules, rules[at].1) {
        if let Some(begin) = way.iter().position(|step| *step == next) {
            let step = |step: &usize| {
                let (plugin, rule) = rules[*step];
                format!("`{plugin}` makes `{}` of `{}`", rule.gives, rule.takes)
            };
            return Some(way[begin..].iter().map(step).collect());
        }
        way.push(next);
        let found = walk(rules, way, done);
        way.pop();
        if found.is_some() {
            return found;
        }
    }
    done[at] = true;
    None
}

/// The rules that may take what a rule gives: the longest match wins.
fn takers(rules: &[(&str, &Rule)], rule: &Rule) -> Vec<usize> {
    if rule.gives == rule.takes || BROWSER_FORMATS.contains(&rule.gives.as_str()) {
        return Vec::new();
    }
    let fits = |at: &usize| rule.gives.ends_with(&rules[*at].1.takes);
    let longest = (0..rules.len())
        .filter(fits)
        .map(|at| rules[at].1.takes.len())
        .max();
    (0..rules.len())
        .filter(fits)
        .filter(|at| Some(rules[*at].1.takes.len()) == longest)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::among;
    use crate::plugins::Rule;

    fn found(rules: &[(&str, &str, &str)]) -> Option<String> {
        let rules: Vec<_> = rules
            .iter()
            .map(|(plugin, takes, gives)| {
                let rule = Rule {
                    takes: (*takes).to_owned(),
                    gives: (*gives).to_owned(),
                    media_type: String::new(),
                };
                (*plugin, rule)
            })
            .collect();
        let rules: Vec<_> = rules.iter().map(|(plugin, rule)| (*plugin, rule)).collect();
        among(&rules).map(|circle| circle.join(", "))
    }

    #[test]
    fn chains_end() {
        assert_eq!(found(&[("a", ".gts", ".ts"), ("b", ".ts", ".js")]), None);
        // What gives what it takes ends the chain.
        assert_eq!(found(&[("a", ".x", ".x"), ("b", ".y", ".x")]), None);
        // So does what a browser reads, whoever takes it.
        assert_eq!(found(&[("a", ".js", ".ts"), ("b", ".ts", ".js")]), None);
        // The longest match wins, and that leads out.
        let longer = [("a", ".x", ".d.x"), ("b", ".d.x", ".js")];
        assert_eq!(found(&longer), None);
    }

    #[test]
    fn circles_are_told() {
        let two = [("a", ".x", ".y"), ("b", ".y", ".x"), ("c", ".z", ".x")];
        let told = "`a` makes `.y` of `.x`, `b` makes `.x` of `.y`";
        assert_eq!(found(&two).as_deref(), Some(told));
        // Another one that takes the extension is no way out: a realm may choose either.
        let either = [("a", ".x", ".y"), ("c", ".y", ".js"), ("b", ".y", ".x")];
        assert_eq!(found(&either).as_deref(), Some(told));
        let longer = [("a", ".x", ".d.x")];
        assert_eq!(found(&longer).as_deref(), Some("`a` makes `.d.x` of `.x`"));
    }
}
