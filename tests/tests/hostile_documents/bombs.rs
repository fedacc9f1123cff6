use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::scene::{
    all_is_well, body, card, errors, first, indexed, put_all, put_cards, scene, sqlite,
};

/// What takes all the memory that there is, as the body of `isolated`.
const MEMORY: [(&str, &str); 7] = [
    (
        "arrays",
        "const all = []; for (;;) all.push(new Array(1e5).fill(1));",
    ),
    (
        "strings",
        "let text = 'x'; for (;;) text = [text, text].join();",
    ),
    (
        "ropes",
        "const all = []; for (;;) all.push(`${'x'.repeat(1e6)}${all.length}`);",
    ),
    (
        "buffers",
        "const all = []; for (;;) all.push(new Uint8Array(1 << 20));",
    ),
    (
        "maps",
        "const map = new Map(); for (let i = 0; ; i++) map.set(`key ${i}`, {});",
    ),
    (
        "promises",
        "const on = () => Promise.resolve().then(on); return on();",
    ),
    (
        "caught",
        "const all = []; for (;;) { try { for (;;) all.push(new ArrayBuffer(1 << 22)); } catch { all.push('x'.repeat(1 << 20)); } }",
    ),
];

/// What gives back more than anybody may, as members.
const LARGE: [(&str, &str); 4] = [
    ("string", "static isolated = () => 'x'.repeat(1e8);"),
    (
        "escaped",
        "static isolated = () => ['<'.repeat(1e5), 'x'.repeat(1e8)];",
    ),
    (
        "document",
        "static searchDocument = () => ({ x: 'x'.repeat(1e8) });",
    ),
    ("title", "static title = () => 'x'.repeat(1e8);"),
];

fn of(all: &[(&str, &str)], around: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let of = |(name, code): &(&str, &str)| (format!("{name}.js"), around(code));
    all.iter().map(of).collect()
}

#[tokio::test]
async fn what_takes_too_much_is_told_so() {
    let host = scene(sqlite().with("plugin-render-deadline", "20s")).await;
    let mut modules = of(&MEMORY, |code| {
        format!("export class Card {{ static isolated() {{ {code} }} }}")
    });
    modules.extend(of(&LARGE, |member| {
        format!("export class Card {{ {member} }}")
    }));
    put_cards(&host, &modules).await;
    indexed(&host, "/r/").await;
    let errors = errors(&host, "/r/").await;
    assert_eq!(errors.len(), MEMORY.len() + LARGE.len(), "{errors:?}");
    for (name, _) in MEMORY {
        let (code, detail) = first(&errors[&format!("{name}.json")]);
        assert_eq!(code, "card-memory", "{name}: {detail}");
    }
    for (name, _) in LARGE {
        let (code, detail) = first(&errors[&format!("{name}.json")]);
        // To make JSON of it takes as much again.
        let told = ["card-too-large", "card-memory"];
        assert!(told.contains(&&*code), "{name}: {code}: {detail}");
    }
    all_is_well(&host, 1).await;
}

#[tokio::test]
async fn graphs_of_modules_end_at_their_bounds() {
    let options = sqlite()
        .with("plugin-render-deadline", "20s")
        .with("plugin-reads", "5000");
    let host = scene(options).await;
    let class = "export class Card { static isolated = () => `<p>${n}</p>`; }";
    let mut files: Vec<(String, String)> = Vec::new();
    // Two thousand modules side by side, a chain of as many, a ring of a hundred and one of five hundred.
    let wide: String = (0..2000)
        .map(|i| format!("import {{ n as n{i} }} from './wide/{i}.js';\n"))
        .collect();
    files.push((
        "wide.js".into(),
        format!("{wide}const n = n0 + n1999; {class}"),
    ));
    for i in 0..2000 {
        files.push((format!("wide/{i}.js"), format!("export const n = {i};")));
        let next = if i < 1999 {
            format!("export {{ n }} from './{}.js';", i + 1)
        } else {
            "export const n = 7;".to_owned()
        };
        files.push((format!("long/{i}.js"), next));
    }
    for (name, size) in [("ring", 100), ("round", 500)] {
        for i in 0..size {
            let next = (i + 1) % size;
            let own = format!(
                "import {{ f as next }} from './{next}.js'; export function f(n) {{ return n ? next(n - 1) : {i}; }}"
            );
            files.push((format!("{name}/{i}.js"), own));
        }
        let card = format!("import {{ f }} from './{name}/0.js'; const n = f({size} - 1); {class}");
        files.push((format!("{name}.js"), card));
    }
    files.push((
        "long.js".into(),
        format!("import {{ n }} from './long/0.js'; {class}"),
    ));
    // Names that nobody has: each is a look.
    let looks = "export class Card { static async isolated() { for (let i = 0; ; i++) { try { await import(`./absent/${i}.js`); } catch {} } } }";
    files.push(("looks.js".into(), looks.into()));
    for name in ["wide", "long", "ring", "round", "looks"] {
        let document = card(&format!("./{name}.js"), "Card", &json!({}));
        files.push((format!("{name}.json"), document));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.clone()))
        .collect();
    put_all(&host, "/r/", &files).await;
    indexed(&host, "/r/").await;
    let errors: BTreeMap<String, Value> = errors(&host, "/r/").await;
    assert_eq!(body(&host, "/r/wide.json").await, "<p>1999</p>");
    assert_eq!(body(&host, "/r/ring.json").await, "<p>99</p>");
    let (code, detail) = first(&errors["looks.json"]);
    assert_eq!(code, "plugin-reads", "{detail}");
    // As deep as a recursion may go, and no deeper.
    for path in ["long.json", "round.json"] {
        let (code, detail) = first(&errors[path]);
        assert_eq!(code, "card-recursion", "{detail}");
    }
    assert_eq!(errors.len(), 3, "{errors:?}");
    all_is_well(&host, 1).await;
}
