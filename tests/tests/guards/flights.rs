//! A later caller never joins work that a change has overtaken, and what is made is made of one generation.

use crate::{LONG, alone, answered, ask, cached, clear, pair, quiet};

#[tokio::test]
async fn whoever_comes_after_a_change_does_not_join_a_call_of_before() {
    let host = alone("0").await;
    host.put("/r/main.scss", "@use 'theme'; a { color: theme.$c }\n")
        .await;
    host.put("/r/_theme.scss", "$c: red;\n").await;
    host.close_gate("store", "main.scss").await;
    let _caller = ask(&host, "/r/main.scss");
    host.at_gate("store", 1).await;
    host.put("/r/_theme.scss", "$c: blue;\n").await;
    let later = ask(&host, "/r/main.scss");
    // It makes its own: whoever joined would not come here.
    host.at_gate("store", 2).await;
    host.open_gate("store").await;
    let later = answered("the later caller", later).await;
    assert!(later.text().contains("blue"), "{}", later.text());
}

#[tokio::test]
async fn whoever_comes_after_a_change_does_not_join_a_flight_that_needs_no_call() {
    let host = alone("0").await;
    let version = |number| format!("export const version: number = {number};\n");
    host.put("/r/x.ts", version(1)).await;
    cached(&host, "/r/x.ts").await;
    clear(&host).await;
    host.close_gate("store", "x.ts").await;
    let _caller = ask(&host, "/r/x.ts");
    host.at_gate("store", 1).await;
    host.put("/r/x.ts", version(2)).await;
    host.put("/r/x.ts", version(1)).await;
    let later = ask(&host, "/r/x.ts");
    host.at_gate("store", 2).await;
    host.open_gate("store").await;
    let later = answered("the later caller", later).await;
    assert_eq!(later.status, 200, "{}", later.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sheet_is_made_of_parts_of_one_generation() {
    let (a, b, url) = pair(LONG).await;
    for part in ["a", "b"] {
        a.put(&format!("/r/_{part}.scss"), "$v: old;\n").await;
    }
    a.put("/r/other.scss", "@use 'a'; x { a: a.$v }\n").await;
    let main = "@use 'a'; @use 'b'; x { a: a.$v; b: b.$v }\n";
    let last = a.put("/r/main.scss", main).await.generation();
    quiet(&a, &b, &url).await;
    // B has read the one part, and neither the other nor the sheet.
    cached(&b, "/r/other.scss").await;
    a.close_gate("announce", "").await;
    let update = |part: &str| {
        let data =
            serde_json::json!({ "type": "source", "attributes": { "content": "$v: new;\n" } });
        serde_json::json!({ "op": "update", "href": format!("_{part}.scss"), "data": data })
    };
    let body = serde_json::json!({ "atomic:operations": [update("a"), update("b")] });
    let both = a.request("POST", "/r/_atomic").body(body.to_string());
    assert_eq!(a.send(both).await.status, 201);
    let sheet = b.get("/r/main.scss").await;
    assert!(sheet.generation() > last, "{}", sheet.generation());
    let text = sheet.text();
    assert!(text.contains("a: new") && text.contains("b: new"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_and_its_output_are_of_one_generation() {
    let (a, b, _) = pair(LONG).await;
    // From here on B hears of nothing, but looks for itself.
    a.close_gate("announce", "").await;
    a.put("/r/foo.ts", "export const n: number = 1;\n").await;
    let alias = b.request("GET", "/r/foo");
    let alias = alias.header("accept", "application/vnd.card+source");
    assert_eq!(b.send(alias).await.header("location"), "/r/foo.ts");
    let taken = a.put("/r/foo.gts", "taken over").await.generation();
    let made = b.get("/r/foo.ts").await.generation();
    assert!(made >= taken, "this look saw further");
    let alias = b.get("/r/foo").await;
    assert!(alias.generation() >= taken, "{}", alias.generation());
    assert_eq!(alias.text(), "taken over");
}
