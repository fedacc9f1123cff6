use serde_json::{Map, Value, json};

use crate::realm::{LocalPath, PathError, PluginChoice, RealmSettings, SettingsError};

/// The keys that there are (the contract's section 7).
const KEYS: [&str; 5] = ["name", "extensions", "plugins", "imports", "cacheControl"];

/// A `realm.json`. It is taken exactly when the contract's section 7 has nothing against it, means the same once it is
/// printed, and nothing in it makes a name that no file can have; a mistake has a place inside the text.
pub fn realm_json(data: &[u8]) -> bool {
    let document = serde_json::from_slice::<Value>(data);
    let settings = match RealmSettings::parse(data) {
        Ok(settings) => settings,
        Err(error) => {
            place(data, &error);
            if let Ok(document) = &document {
                // Of a key that stands twice `document` has the last, and a mistake may be in the first.
                let once = document.to_string();
                let once_is_good = RealmSettings::parse(once.as_bytes()).is_ok();
                assert!(once_is_good || !is_good(document), "{error}");
                unknown(document, &error);
            }
            return false;
        }
    };
    let document = document.expect("JSON");
    assert!(is_good(&document), "{settings:?}");
    assert_eq!(settings.name.as_deref(), document["name"].as_str());
    assert!(settings.extensions.len() <= RealmSettings::MAX_EXTENSIONS);
    for extension in &settings.extensions {
        let file = LocalPath::new(&format!("foo{extension}"));
        let fits = matches!(file, Ok(_) | Err(PathError::TooLong(_)));
        assert!(fits, "{extension:?}: {file:?}");
    }
    for (extension, choice) in &settings.plugins {
        let said = &document["plugins"][extension];
        assert_eq!(choice.plugin(), said.get("use").unwrap_or(said).as_str());
        let options: Value = serde_json::from_str(&choice.options()).expect("JSON");
        let none = json!({});
        assert_eq!(&options, said.get("options").unwrap_or(&none));
    }
    let printed = printed(&settings).to_string();
    assert_eq!(
        RealmSettings::parse(printed.as_bytes()),
        Ok(settings),
        "{printed}"
    );
    true
}

/// A mistake's place is in the text, or right behind one of its lines; nowhere, when the whole is meant.
fn place(data: &[u8], error: &SettingsError) {
    assert!(!error.message.is_empty());
    if error.line == 0 {
        assert_eq!(error.column, 0, "{error}");
        return;
    }
    let line = data.split(|byte| *byte == b'\n').nth(error.line - 1);
    let length = line.map_or_else(|| panic!("{error}: no such line"), <[u8]>::len);
    assert!((1..=length + 1).contains(&error.column), "{error}");
}

/// Who writes a key that there is not is told which.
fn unknown(document: &Value, error: &SettingsError) {
    let Some(keys) = document.as_object() else {
        return;
    };
    if let Some(named) = error.message.strip_prefix("unknown field `") {
        let is_one = |key: &&String| {
            !KEYS.contains(&key.as_str()) && named.starts_with(&format!("{key}`, expected one of "))
        };
        assert!(keys.keys().any(|key| is_one(&key)), "{error}");
    }
}

fn is_good(document: &Value) -> bool {
    let Some(keys) = document.as_object() else {
        return false;
    };
    keys.iter().all(|(key, value)| match key.as_str() {
        "name" => value.is_null() || value.is_string(),
        "extensions" => value.as_array().is_some_and(|all| {
            all.len() <= 32 && all.iter().all(|one| one.as_str().is_some_and(is_extension))
        }),
        "plugins" => value.as_object().is_some_and(|all| {
            all.iter()
                .all(|(extension, choice)| is_extension(extension) && is_choice(choice))
        }),
        "imports" => value
            .as_object()
            .is_some_and(|all| all.values().all(Value::is_string)),
        "cacheControl" => {
            value.is_null()
                || value.as_str().is_some_and(|directives| {
                    !directives.is_empty()
                        && directives.bytes().all(|byte| matches!(byte, b' '..=b'~'))
                })
        }
        _ => false,
    })
}

/// A dot, and what a file's name may have behind it.
fn is_extension(text: &str) -> bool {
    text.len() > 1 && text.starts_with('.') && !text.contains(['/', '\\', '\0'])
}

fn is_choice(choice: &Value) -> bool {
    let fits = |(key, value): (&String, &Value)| match key.as_str() {
        "use" => value.is_null() || value.is_string(),
        "options" => value.is_object(),
        _ => false,
    };
    choice.is_string() || choice.as_object().is_some_and(|keys| keys.iter().all(fits))
}

fn printed(settings: &RealmSettings) -> Value {
    let choices = settings.plugins.iter().map(|(extension, choice)| {
        let choice = match choice {
            PluginChoice::Name(name) => json!(name),
            PluginChoice::Full(full) => json!({ "use": full.plugin, "options": full.options }),
        };
        (extension.clone(), choice)
    });
    json!({
        "name": settings.name,
        "extensions": settings.extensions,
        "plugins": Map::from_iter(choices),
        "imports": settings.imports,
        "cacheControl": settings.cache_control,
    })
}
