use realm_tests::{HostOptions, on_both};

use crate::scene::{all_is_well, body, errors, first, indexed, put_cards, scene};

on_both! {
    what_does_not_end_is_ended
}

/// Code that runs for ever, by where it does so. None of it keeps what it
/// makes, so that it is time that ends it, never memory.
const ENDLESS: [(&str, &str); 6] = [
    ("load", "for (;;) {} export class Card {}"),
    (
        "member",
        "export class Card { static isolated() { for (;;) {} } }",
    ),
    (
        "promises",
        "export class Card { static isolated = () => new Promise(() => { const on = () => { Promise.resolve().then(on); }; on(); }) }",
    ),
    (
        "caught",
        "export class Card { static isolated() { for (;;) { try { const f = () => f(); f(); } catch {} finally { continue; } } } }",
    ),
    (
        "regex",
        "export class Card { static isolated = () => `${/^(a+)+$/.test('a'.repeat(60) + '!')}`; }",
    ),
    (
        "imports",
        "export class Card { static isolated = () => new Promise(() => { const on = () => { import('./imports.js').then(on); }; on(); }) }",
    ),
];

/// Code that waits for what never comes, which needs no deadline.
const IDLE: [(&str, &str); 3] = [
    (
        "never",
        "await new Promise(() => {}); export class Card { static isolated = 'x'; }",
    ),
    (
        "pending",
        "export class Card { static isolated = () => new Promise(() => {}); }",
    ),
    (
        "timers",
        "export class Card { static isolated = () => new Promise(() => { const on = () => setTimeout(on, 1e9); on(); }); }",
    ),
];

async fn what_does_not_end_is_ended(options: HostOptions) {
    let host = scene(options.with("plugin-render-deadline", "1500ms")).await;
    let all = ENDLESS.iter().chain(&IDLE);
    let modules: Vec<_> = all
        .map(|(name, module)| (format!("{name}.js"), (*module).to_owned()))
        .collect();
    put_cards(&host, &modules).await;
    indexed(&host, "/r/").await;
    let errors = errors(&host, "/r/").await;
    assert_eq!(errors.len(), ENDLESS.len() + IDLE.len(), "{errors:?}");
    for (name, _) in ENDLESS {
        let row = &errors[&format!("{name}.json")];
        let (code, detail) = first(row);
        assert_eq!(code, "plugin-timeout", "{name}: {detail}");
        assert!(detail.contains(&format!("{name}.json")), "{name}: {detail}");
        assert_eq!(row["errors"][0]["source"]["path"], format!("{name}.json"));
        let help = row["errors"][0]["meta"]["help"].as_str();
        assert!(help.is_some_and(|help| help.contains("plugin-render-deadline")));
    }
    for (name, _) in IDLE {
        let (code, detail) = first(&errors[&format!("{name}.json")]);
        assert_eq!(code, "card-pending", "{name}: {detail}");
    }
    assert_eq!(body(&host, "/r/good.json").await, "<p>good 0</p>");
    all_is_well(&host, 1).await;
}
