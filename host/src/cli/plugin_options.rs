//! What a plugin says of its options, for people.

use serde_json::Value;

/// A line for each option of a schema: its name, what it may be, what it is by default, what it does.
pub(super) fn lines(schema: &Value) -> Vec<String> {
    let options = schema["properties"].as_object().into_iter().flatten();
    options.map(|(name, option)| line(name, option)).collect()
}

fn line(name: &str, option: &Value) -> String {
    let choices = option["enum"].as_array().map(|all| {
        let all: Vec<_> = all.iter().map(Value::to_string).collect();
        all.join(" | ")
    });
    let kind = || match &option["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<_> = kinds.iter().filter_map(Value::as_str).collect();
            kinds.join(" | ")
        }
        _ => String::new(),
    };
    let mut line = format!("{name}: {}", choices.unwrap_or_else(kind));
    if let Some(default) = option.get("default") {
        line += &format!(" (default {default})");
    }
    if let Some(description) = option["description"].as_str() {
        line += &format!(". {description}");
    }
    // What others have written is shown on one line, and moves no cursor.
    line.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lines;

    #[test]
    fn each_option_is_a_line() {
        let schema = json!({ "properties": {
            "target": { "enum": ["a", "b"], "default": "a", "description": "Which\none" },
            "level": { "type": ["integer", "null"] },
            "on": {},
        } });
        let told = lines(&schema);
        assert_eq!(told[0], r#"target: "a" | "b" (default "a"). Which one"#);
        assert_eq!(told[1], "level: integer | null");
        assert_eq!(told[2], "on: ");
        assert!(lines(&json!(true)).is_empty());
    }
}
