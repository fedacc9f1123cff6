use std::time::{Duration, Instant};

use serde_json::Value;

use super::parts;
use crate::plugins::OptionsSchema;

/// How long the smallest machine may take for what the bounds let through.
const LONG: Duration = Duration::from_secs(10);

/// Two lines: a plugin's `options-schema`, and options. Whatever the schema says, it is judged soon; a mistake stands
/// somewhere in the options, or where something is lacking.
pub fn options_schema(data: &[u8]) -> bool {
    let Some([schema, options]) = parts(data) else {
        return false;
    };
    let (Ok(schema), Ok(options)) = (std::str::from_utf8(schema), std::str::from_utf8(options))
    else {
        return false;
    };
    let begun = Instant::now();
    let Ok(schema) = OptionsSchema::read(schema) else {
        assert!(begun.elapsed() < LONG);
        return false;
    };
    let problems = schema.problems(options);
    assert!(begun.elapsed() < LONG);
    assert!(problems.len() <= 10);
    let Ok(document) = serde_json::from_str::<Value>(options) else {
        assert_eq!(problems.len(), 1);
        return true;
    };
    for problem in problems {
        assert!(!problem.message.is_empty() && !problem.help.is_empty());
        let mut at = &document;
        for step in &problem.pointer {
            let next = match at {
                Value::Array(all) => step.parse().ok().and_then(|at: usize| all.get(at)),
                _ => at.get(step),
            };
            at = next.unwrap_or_else(|| panic!("{problem:?} of {document}"));
        }
    }
    true
}
