//! How a plugin's limits are shown, and where it is not called for a while.

use serde_json::Value;

use super::Context;

/// All limits.
pub(super) fn show(context: &Context, plugin: &Value) {
    if context.json {
        println!("{plugin}");
        return;
    }
    for (key, limit) in plugin["limits"].as_object().into_iter().flatten() {
        let (value, origin) = (text(limit, "value"), text(limit, "origin"));
        let wanted = limit["wanted"].as_str();
        let wanted = wanted.map_or_else(String::new, |wanted| {
            format!("; {wanted} is wanted, of which this host has less")
        });
        println!("{key:<16} {value:<10} ({origin}{wanted})");
    }
}

/// Those of a plugin's own, for its line in a list.
pub(super) fn own(plugin: &Value) -> String {
    let all = plugin["limits"].as_object().into_iter().flatten();
    let own = all.filter(|(_, limit)| limit["origin"] == "plugin");
    let own: Vec<_> = own
        .map(|(key, limit)| format!("{key}={}", text(limit, "value")))
        .collect();
    if own.is_empty() {
        String::new()
    } else {
        format!("  limits {}", own.join(" "))
    }
}

/// In how many realms it is not called, for its line in a list.
pub(super) fn open(plugin: &Value) -> String {
    match plugin["breakers"].as_array().map_or(0, Vec::len) {
        0 => String::new(),
        1 => format!("  not called in {}", text(&plugin["breakers"][0], "realm")),
        realms => format!("  not called in {realms} realms"),
    }
}

/// Both, of one plugin.
pub(super) fn inspect(plugin: &Value) {
    for (key, limit) in plugin["limits"].as_object().into_iter().flatten() {
        if limit["origin"] == "plugin" || limit["wanted"].is_string() {
            let wanted = limit["wanted"].as_str();
            let wanted = wanted.map_or_else(String::new, |wanted| format!(" ({wanted} is wanted)"));
            println!("  {:<11} {key} {}{wanted}", "limit", text(limit, "value"));
        }
    }
    for breaker in plugin["breakers"].as_array().into_iter().flatten() {
        let again = std::time::Duration::from_millis(breaker["retryInMs"].as_u64().unwrap_or(0));
        println!(
            "  {:<11} in {} after {} failures, tried again in {}: {}",
            "not called",
            text(breaker, "realm"),
            breaker["failures"],
            humantime::format_duration(again),
            text(breaker, "error"),
        );
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
