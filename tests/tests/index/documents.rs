//! Documents: what they are made from, and what becomes of them when that changes.

use realm_tests::{HostOptions, ORIGIN, on_both};

use crate::{scene, visits};

on_both! {
    documents_come_change_move_and_go
    a_change_reaches_what_was_made_from_it_in_every_realm
    what_was_not_there_is_waited_for_under_every_name
    an_edit_renders_the_documents_that_have_read_it_and_no_others
    what_is_wrong_stands_beside_what_was_good
    a_document_that_comes_back_is_found_again
    a_realm_that_comes_to_lie_around_a_url_reaches_whoever_has_read_it
    types_say_what_their_modules_define
}

async fn types_say_what_their_modules_define(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/m.ts", "export default 7;").await;
    host.put("/r/d.misrender", "load ./m").await;
    host.put("/r/e.misrender", "load ./m").await;
    tables.settled().await;
    let types = || async { host.get("/r/_types").await.json()["data"].clone() };
    let told = types().await;
    assert_eq!(told[0]["id"], format!("{ORIGIN}/r/m.ts/default"));
    let attributes = &told[0]["attributes"];
    assert_eq!(attributes["total"], 2, "{told}");
    assert_eq!(attributes["definition"]["kind"], "misbehave", "{told}");
    assert_eq!(
        attributes["definition"]["schema"]["code"],
        "export default 7;\n"
    );
    host.put("/r/m.ts", "export default 8;").await;
    let schema = types().await[0]["attributes"]["definition"]["schema"].clone();
    assert_eq!(schema["code"], "export default 8;\n", "at once");
}

async fn documents_come_change_move_and_go(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/d.misrender", "echo one").await;
    tables.settled().await;
    assert!(tables.html("/r/", "d.misrender").await.contains("one"));
    let entry = tables.entry("/r/", "d.misrender").await.unwrap();
    assert_eq!(entry.title.as_deref(), Some("echo one"));
    assert_eq!(entry.document["shown"], "one");
    assert_eq!(entry.kind, "file", "it has no type");
    host.put("/r/d.misrender", "echo two").await;
    tables.settled().await;
    assert!(tables.html("/r/", "d.misrender").await.contains("two"));
    let operations = serde_json::json!({ "atomic:operations": [
        { "op": "remove", "href": "./d.misrender" },
        { "op": "add", "href": "./e.misrender", "data": { "type": "source", "attributes": { "content": "echo two" } } },
    ] });
    let answer = host.post("/r/_atomic", &operations).await;
    assert!(answer.status < 300, "{}", answer.text());
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["e.misrender"]);
    assert!(tables.html("/r/", "e.misrender").await.contains("two"));
    host.delete("/r/e.misrender").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, Vec::<String>::new());
    assert_eq!(
        tables.number("SELECT count(*) FROM index_renderings").await,
        0
    );
}

async fn a_change_reaches_what_was_made_from_it_in_every_realm(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.create("/s/").await;
    host.put("/r/lib/m.ts", "export const n = 1;").await;
    host.put("/r/d.misrender", "load ./lib/m").await;
    let foreign = format!("load {ORIGIN}/r/lib/m.ts");
    host.put("/s/f.misrender", foreign).await;
    tables.settled().await;
    for (realm, path) in [("/r/", "d.misrender"), ("/s/", "f.misrender")] {
        assert!(tables.html(realm, path).await.contains("n = 1"), "{realm}");
        let entry = tables.entry(realm, path).await.unwrap();
        assert_eq!(entry.kind, "card", "{entry:?}");
    }
    host.put("/r/lib/m.ts", "export const n = 2;").await;
    tables.settled().await;
    for (realm, path) in [("/r/", "d.misrender"), ("/s/", "f.misrender")] {
        assert!(tables.html(realm, path).await.contains("n = 2"), "{realm}");
    }
    host.delete_realm("/r/").await;
    tables.settled().await;
    assert!(!tables.html("/s/", "f.misrender").await.contains("n = 2"));
}

async fn what_was_not_there_is_waited_for_under_every_name(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/d.misrender", "load ./absent").await;
    host.put("/r/e.misrender", "load ./a[b].js").await;
    tables.settled().await;
    assert!(
        tables
            .html("/r/", "d.misrender")
            .await
            .contains("not-found")
    );
    host.put("/r/absent.ts", "export default 7").await;
    host.put("/r/a%5Bb%5D.js", "export default 8").await;
    tables.settled().await;
    assert!(
        tables
            .html("/r/", "d.misrender")
            .await
            .contains("default 7")
    );
    assert!(
        tables
            .html("/r/", "e.misrender")
            .await
            .contains("default 8")
    );
}

async fn an_edit_renders_the_documents_that_have_read_it_and_no_others(options: HostOptions) {
    let (host, tables) = scene(options).await;
    for number in 0..4 {
        host.put(&format!("/r/m{number}.ts"), "export default 1")
            .await;
        for document in 0..3 {
            let path = format!("/r/d{number}-{document}.misrender");
            host.put(&path, format!("load ./m{number}")).await;
        }
    }
    tables.settled().await;
    let before = visits(&host, "rendered").await;
    host.put("/r/m2.ts", "export default 2").await;
    tables.settled().await;
    assert_eq!(visits(&host, "rendered").await, before + 3);
    host.put("/r/unread.ts", "export default 2").await;
    tables.settled().await;
    assert_eq!(visits(&host, "rendered").await, before + 3);
    let all = host.send(host.request("POST", "/r/_reindex")).await;
    assert_eq!(all.status, 204);
    let unchanged = visits(&host, "unchanged").await;
    tables.settled().await;
    assert_eq!(visits(&host, "rendered").await, before + 3);
    assert_eq!(visits(&host, "unchanged").await, unchanged + 17);
}

async fn what_is_wrong_stands_beside_what_was_good(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/d.misrender", "echo good").await;
    tables.settled().await;
    let good = tables.entry("/r/", "d.misrender").await.unwrap();
    host.put("/r/d.misrender", "invalid").await;
    host.put("/r/never.misrender", "invalid").await;
    tables.settled().await;
    let bad = tables.entry("/r/", "d.misrender").await.unwrap();
    assert!(bad.error.as_deref().unwrap().contains("MB0001"), "{bad:?}");
    assert_eq!((&bad.title, &bad.document), (&good.title, &good.document));
    assert!(bad.generation > good.generation);
    assert!(tables.html("/r/", "d.misrender").await.contains("good"));
    let never = tables.entry("/r/", "never.misrender").await.unwrap();
    assert!(never.error.is_some() && never.title.is_none(), "{never:?}");
    host.put("/r/d.misrender", "echo better").await;
    tables.settled().await;
    let better = tables.entry("/r/", "d.misrender").await.unwrap();
    assert_eq!(
        (better.error, better.title.as_deref()),
        (None, Some("echo better"))
    );
}

async fn a_document_that_comes_back_is_found_again(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/m.ts", "export default 1").await;
    host.put("/r/d.misrender", "load ./m").await;
    tables.settled().await;
    let before = visits(&host, "rendered").await;
    host.publish("/r/", "/p/").await;
    tables.settled().await;
    assert_eq!(visits(&host, "rendered").await, before);
    assert!(tables.html("/p/", "d.misrender").await.contains("/p/m.ts"));
    host.publish("/r/", "/p/").await;
    let unchanged = visits(&host, "unchanged").await;
    tables.settled().await;
    assert_eq!(visits(&host, "rendered").await, before);
    assert!(visits(&host, "unchanged").await >= unchanged);
}

async fn a_realm_that_comes_to_lie_around_a_url_reaches_whoever_has_read_it(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/d.misrender", format!("load {ORIGIN}/late/m.js"))
        .await;
    tables.settled().await;
    assert!(
        !tables
            .html("/r/", "d.misrender")
            .await
            .contains("default 9")
    );
    host.create("/late/").await;
    host.put("/late/m.js", "export default 9").await;
    tables.settled().await;
    assert!(
        tables
            .html("/r/", "d.misrender")
            .await
            .contains("default 9")
    );
}
