use realm_tests::{HostOptions, on_both};
use serde_json::json;

use crate::scene::{
    all_is_well, body, card, errors, first, indexed, page, put_all, put_cards, scene, sqlite,
};

on_both! {
    a_good_page_outlives_what_its_module_becomes
}

/// What a good module is edited into, and the code of what that costs.
const EDITS: [(&str, &str); 4] = [
    (
        "export class Card { static isolated() { for (;;) {} } }",
        "plugin-timeout",
    ),
    (
        "export class Card { static isolated() { const f = () => f() + 1; return f(); } }",
        "card-recursion",
    ),
    (
        "export class Card { static isolated() { const all = []; for (;;) all.push(new Array(1e5).fill(1)); } }",
        "card-memory",
    ),
    (
        "export class Card { static isolated() { throw new Error('mine'); } }",
        "card-error",
    ),
];

async fn a_good_page_outlives_what_its_module_becomes(options: HostOptions) {
    let host = scene(options.with("plugin-render-deadline", "2s")).await;
    let module = |round: usize| {
        format!(
            "export class Card {{ static isolated = (a) => `<p>${{a.name}} {round}</p>`; static title = 'Kept {round}'; }}"
        )
    };
    let document = card("./kept.js", "Card", &json!({ "name": "kept" }));
    put_all(
        &host,
        "/r/",
        &[("kept.js", module(0)), ("kept.json", document)],
    )
    .await;
    indexed(&host, "/r/").await;
    for (round, (edit, expected)) in EDITS.into_iter().enumerate() {
        assert_eq!(
            body(&host, "/r/kept.json").await,
            format!("<p>kept {round}</p>")
        );
        host.put("/r/kept.js", edit).await;
        indexed(&host, "/r/").await;
        let row = errors(&host, "/r/").await["kept.json"].clone();
        let (code, detail) = first(&row);
        assert_eq!(code, expected, "{detail}");
        assert_eq!(row["hasRenderings"], true);
        let shown = page(&host, "/r/kept.json").await;
        let text = shown.text();
        assert!(text.contains(&format!("<p>kept {round}</p>")), "{text}");
        assert!(
            text.contains(&format!("<title>Kept {round}</title>")),
            "{text}"
        );
        assert!(text.contains("data-realm-state=\"error\""), "{text}");
        host.put("/r/kept.js", module(round + 1)).await;
        indexed(&host, "/r/").await;
        assert!(errors(&host, "/r/").await.is_empty(), "it is mended");
        let text = page(&host, "/r/kept.json").await.text();
        assert!(!text.contains("data-realm-state"), "{text}");
    }
    all_is_well(&host, 1).await;
}

/// Nothing that the document was made from has changed: only how long it may take.
#[tokio::test]
async fn what_ran_out_of_time_is_made_when_it_has_more() {
    let folder = tempfile::tempdir().unwrap();
    let options = sqlite().in_folder(folder.path());
    let short = options.clone().with("plugin-render-deadline", "100ms");
    let (host, _) = short.with_realm().await;
    let module = "export class Card { static isolated() { let n = 0; for (let i = 0; i < 3e7; i++) n += i; return '<p>made</p>'; } }";
    put_cards(&host, &[("slow.js".to_owned(), module.to_owned())]).await;
    indexed(&host, "/r/").await;
    let (code, detail) = first(&errors(&host, "/r/").await["slow.json"]);
    assert_eq!(code, "plugin-timeout", "{detail}");
    assert!(host.stop().await);
    let host = options.start().await;
    let again = host.send(host.request("POST", "/r/_reindex")).await;
    assert_eq!(again.status, 204);
    indexed(&host, "/r/").await;
    let errors = errors(&host, "/r/").await;
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(body(&host, "/r/slow.json").await, "<p>made</p>");
}
