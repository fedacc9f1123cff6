//! Contents, maps and assets through several stages, and where a chain ends.

use realm_host::plugins::{Position, SourceMap};
use realm_tests::{Edition, HostOptions, Storage};
use serde_json::{Value, json};

use crate::{
    alone, enable, errors, install, made, rendered, served, stage, three_stages, two_stages,
};

const PAGE: &str = "//@first emit const made: number = 1;
//@second emit let more: string = 'x';
export const total: number = made;
export const sum = (added: number): number => added + total + more.length;
";

/// Where a text has a word.
fn place_of(text: &str, word: &str) -> Position {
    let letter = |found: Option<char>| found.is_some_and(char::is_alphanumeric);
    let mut found = text.match_indices(word);
    let (at, _) = found
        .find(|(at, _)| {
            !letter(text[..*at].chars().next_back())
                && !letter(text[at + word.len()..].chars().next())
        })
        .unwrap_or_else(|| panic!("no `{word}` in {text}"));
    let before = &text[..at];
    let line = before.rsplit('\n').next().unwrap_or_default();
    Position {
        line: before.matches('\n').count() as u32 + 1,
        column: line.encode_utf16().count() as u32 + 1,
    }
}

#[tokio::test]
async fn a_map_leads_from_the_last_stage_to_the_file() {
    let host = alone().await;
    three_stages(&host).await;
    host.put("/r/a/x.page", PAGE).await;
    let code = served(&host, "/r/a/x.page").await;
    let answer = host.get("/r/a/x.page.map").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/json");
    let map = answer.json();
    assert_eq!(map["sources"], json!(["x.page"]));
    assert_eq!(map["sourcesContent"], json!([PAGE]));
    let map = SourceMap::read(answer.text().as_bytes(), 10_000).expect("a map");
    for word in ["made", "more", "total", "sum", "added"] {
        let there = map
            .origin(place_of(&code, word))
            .expect("it leads somewhere");
        assert_eq!(there.position, place_of(PAGE, word), "{word} of {code}");
    }
}

#[tokio::test]
async fn what_leaves_the_text_as_it_is_needs_no_map() {
    let host = alone().await;
    three_stages(&host).await;
    let page = "//@second same\n\nexport const total: number = 1;\n";
    host.put("/r/x.page", page).await;
    let code = served(&host, "/r/x.page").await;
    let answer = host.get("/r/x.page.map").await;
    let map = SourceMap::read(answer.text().as_bytes(), 10_000).expect("a map");
    let there = map.origin(place_of(&code, "total")).expect("somewhere");
    assert_eq!(there.position, place_of(page, "total"));
}

#[tokio::test]
async fn a_stage_without_a_map_ends_the_way_back_and_that_is_said() {
    let host = alone().await;
    three_stages(&host).await;
    for what in ["nomap", "badmap", "indexmap"] {
        let path = format!("/r/{what}.page");
        host.put(
            &path,
            format!("//@second {what}\nexport const a: number = 1;\n"),
        )
        .await;
        assert!(served(&host, &path).await.contains("a = 1"));
        assert_eq!(host.get(&format!("{path}.map")).await.status, 404);
        let made = made(&host, &path).await;
        let said = made["diagnostics"].as_array().expect("a list");
        let end = said.last().expect("a hint");
        assert_eq!(end["severity"], "hint", "{made}");
        let message = "there is no source map: `second@1.0.0` gave none of what it made";
        assert_eq!(end["message"], message);
        assert_eq!(end["path"], format!("{what}.page"));
        let bad = &said[0];
        match what {
            "nomap" => assert_eq!(said.len(), 1, "{made}"),
            "badmap" => assert!(
                bad["message"].to_string().contains("no source map"),
                "{bad}"
            ),
            _ => assert!(bad["message"].to_string().contains("`sections`"), "{bad}"),
        }
        if what != "nomap" {
            assert_eq!(bad["severity"], "warning");
            assert_eq!(bad["code"], "source-map");
            assert_eq!(bad["plugin"], "second@1.0.0");
        }
    }
    // One stage alone may do without: nobody misses it.
    install(&host, Edition::new("one").component()).await;
    host.put("/r/x.edition", "hello").await;
    assert_eq!(made(&host, "/r/x.edition").await["diagnostics"], json!([]));
}

#[tokio::test]
async fn a_map_of_more_segments_than_the_setting_allows_is_left_out() {
    let options = HostOptions::new(Storage::Sqlite)
        .with("role", "serve")
        .with("plugin-map-segments", "20");
    let (host, _) = options.with_realm().await;
    install(&host, stage("first", ".page", ".js").component()).await;
    host.put("/r/small.page", "a b c").await;
    host.put("/r/large.page", "a b c\n".repeat(20)).await;
    assert_eq!(host.get("/r/small.page.map").await.status, 200);
    assert!(served(&host, "/r/large.page").await.contains("a b c"));
    assert_eq!(host.get("/r/large.page.map").await.status, 404);
    let made = made(&host, "/r/large.page").await;
    let message = made["diagnostics"][0]["message"].to_string();
    assert!(message.contains("`plugin-map-segments`"), "{message}");
}

#[tokio::test]
async fn a_map_has_the_text_of_the_file_where_its_plugin_left_it_out() {
    let host = alone().await;
    install(&host, stage("first", ".page", ".js").component()).await;
    host.put("/r/x.page", "a\n").await;
    let map = host.get("/r/x.page.map").await.json();
    assert_eq!(map["sourcesContent"], json!(["a\n"]));
}

#[tokio::test]
async fn assets_of_every_stage_are_served_and_the_later_one_wins() {
    let host = alone().await;
    two_stages(&host).await;
    let page = "//@first asset .css a { order: 1 }
//@first asset .print.css b {}
//@second asset .css c { order: 2 }
code
";
    host.put("/r/x.page", page).await;
    let answer = host.get("/r/x.page.css").await;
    assert_eq!(answer.text(), "c { order: 2 }");
    assert_eq!(answer.header("content-type"), "text/css; charset=utf-8");
    assert_eq!(served(&host, "/r/x.page.print.css").await, "b {}");
    assert_eq!(host.get("/r/x.page.screen.css").await.status, 404);
    // A file of that path is itself.
    host.put("/r/x.page.print.css", "file {}").await;
    assert_eq!(served(&host, "/r/x.page.print.css").await, "file {}");
    // What only an asset says differently is another answer.
    let tag = answer.header("etag").to_owned();
    host.put("/r/x.page", page.replace("order: 2", "order: 3"))
        .await;
    let answer = host.get("/r/x.page.css").await;
    assert_eq!(answer.text(), "c { order: 3 }");
    assert_ne!(answer.header("etag"), tag);
}

#[tokio::test]
async fn whoever_declines_passes_the_file_on_at_every_stage() {
    let host = alone().await;
    three_stages(&host).await;
    install(&host, stage("other", ".page", ".gts").component()).await;
    install(&host, stage("another", ".gts", ".ts").component()).await;
    // What it took to install them.
    let other = host.guest_calls("other").await;
    let another = host.guest_calls("another").await;
    host.put(
        "/r/x.page",
        "//@first decline\nexport const a: number = 1;\n",
    )
    .await;
    let code = made(&host, "/r/x.page").await["contents"].to_string();
    assert!(code.contains("a = 1"), "{code}");
    assert_eq!(host.guest_calls("other").await, other + 1);
    assert_eq!(host.guest_calls("another").await, another);
    host.put(
        "/r/y.page",
        "//@second decline\nexport const a: number = 1;\n",
    )
    .await;
    assert!(served(&host, "/r/y.page").await.contains("a = 1"));
    assert_eq!(host.guest_calls("another").await, another + 1);
    // Nobody takes it any further: there is what there is.
    let both = "//@second decline\n//@another decline\nexport const a: number = 1;\n";
    host.put("/r/z.page", both).await;
    let code = served(&host, "/r/z.page").await;
    assert!(
        code.ends_with("/*first*/export const a: number = 1;\n"),
        "{code}"
    );
    let map = host.get("/r/z.page.map").await.json();
    assert_eq!(map["sourcesContent"], json!([both]));
    // Nobody takes it at all: it is what it is.
    let none = "//@first decline\n//@other decline\na\n";
    host.put("/r/n.page", none).await;
    assert_eq!(served(&host, "/r/n.page").await, none);
    assert_eq!(host.get("/r/n.page.map").await.status, 404);
}

#[tokio::test]
async fn the_longest_extension_wins_at_every_stage() {
    let host = alone().await;
    install(&host, stage("long", ".mid.page", ".js").component()).await;
    install(&host, stage("short", ".page", ".mid.page").component()).await;
    host.put("/r/x.page", "a\n").await;
    host.put("/r/x.mid.page", "a\n").await;
    assert_eq!(served(&host, "/r/x.page").await, "/*long*//*short*/a\n");
    assert_eq!(served(&host, "/r/x.mid.page").await, "/*long*/a\n");
}

#[tokio::test]
async fn what_would_go_round_for_ever_once_a_plugin_is_disabled_is_told() {
    let host = alone().await;
    install(&host, stage("long", ".mid.page", ".js").component()).await;
    install(&host, stage("short", ".page", ".mid.page").component()).await;
    host.put("/r/x.page", "a\n").await;
    let calls = host.guest_calls("short").await;
    // An operator may always have a plugin asked no more.
    enable(&host, "long", false).await;
    let errors = errors(&host, "/r/x.page").await;
    assert_eq!(errors[0]["code"], "pipeline", "{errors:?}");
    let detail = errors[0]["detail"].as_str().expect("a text");
    assert!(
        detail.contains("the pipeline of `x.page` goes round for ever"),
        "{detail}"
    );
    let step = "`short` makes `.mid.page` of `.page`";
    assert!(detail.ends_with(&format!(": {step}, {step}")), "{detail}");
    assert_eq!(host.guest_calls("short").await, calls + 1);
    enable(&host, "long", true).await;
    assert_eq!(served(&host, "/r/x.page").await, "/*long*//*short*/a\n");
}

#[tokio::test]
async fn a_pipeline_of_too_many_stages_is_told() {
    let host = alone().await;
    for number in 0..9 {
        let (takes, gives) = (format!(".s{number}"), format!(".s{}", number + 1));
        let plugin = stage(&format!("n{number}"), &takes, &gives);
        install(&host, plugin.component()).await;
    }
    host.put("/r/x.s1", "a\n").await;
    host.put("/r/x.s0", "a\n").await;
    assert!(served(&host, "/r/x.s1").await.starts_with("/*n8*//*n7*/"));
    let errors = errors(&host, "/r/x.s0").await;
    let detail = errors[0]["detail"].as_str().expect("a text");
    assert!(detail.contains("has more than 8 stages"), "{detail}");
    assert!(detail.contains("`n8` makes `.s9` of `.s8`"), "{detail}");

    let options = HostOptions::new(Storage::Sqlite).with("role", "serve");
    let (host, _) = options.with("plugin-stages", "1").with_realm().await;
    for (takes, gives) in [(".s0", ".s1"), (".s1", ".s2")] {
        let plugin = stage(&format!("n{}", &takes[2..]), takes, gives);
        install(&host, plugin.component()).await;
    }
    host.put("/r/x.s0", "a\n").await;
    let error = crate::errors(&host, "/r/x.s0").await.remove(0);
    let detail = error["detail"].as_str().expect("a text");
    assert!(detail.contains("has more than 1 stages"), "{detail}");
    let help = error["meta"]["help"].as_str().expect("a text");
    assert!(help.ends_with("or raise `plugin-stages`"), "{help}");
}

#[tokio::test]
async fn a_module_for_a_prerenderer_has_the_map_of_the_whole() {
    let host = alone().await;
    three_stages(&host).await;
    host.put("/r/x.page", PAGE).await;
    host.put("/r/d.misrender", "load ./x.page").await;
    let for_browser = host.get("/r/x.page.map").await.text();
    let rendered = rendered(&host, "/r/d.misrender").await;
    let document = rendered["outcome"]["searchDocument"].as_str();
    let document = document.unwrap_or_else(|| panic!("{rendered}"));
    let document: Value = serde_json::from_str(document).expect("JSON");
    assert_eq!(document["shown"][0]["sourceMap"], for_browser, "{document}");
}
