//! A document is rendered, what it was made from changes, and only then it is stored: at every point in between, by every kind
//! of change.

use realm_tests::{Host, HostOptions, ORIGIN, Storage, eventually, on_both, server};

use crate::{Tables, quick, scene, waits_for_a_lock};

on_both! {
    what_is_overtaken_before_it_is_stored_is_made_again
    what_is_found_unchanged_is_compared_as_well
    nothing_is_stored_of_a_realm_that_is_deleted_or_published_meanwhile
}

/// Waits until every visit is made; what changes meanwhile makes none, for the index lane is held.
async fn visited(tables: &Tables) {
    eventually("every visit is made", || async {
        (tables.number("SELECT count(*) FROM index_visits").await == 0).then_some(())
    })
    .await;
}

/// A host with a document that stands at a gate with what it was made from `/r/m.ts` and from `/s/n.ts`; no change makes
/// another visit from here on.
async fn held(options: HostOptions, gate: &str) -> (Host, Tables) {
    let (host, tables) = scene(options).await;
    host.create("/s/").await;
    host.put("/r/m.ts", "export default 'old m'").await;
    host.put("/s/n.ts", "export default 'old n'").await;
    tables.settled().await;
    host.close_gate(gate, "d.misrender").await;
    let document = format!("load ./m {ORIGIN}/s/n.ts");
    host.put("/r/d.misrender", document).await;
    host.at_gate(gate, 1).await;
    host.close_gate("index-expand", "").await;
    (host, tables)
}

async fn what_is_overtaken_before_it_is_stored_is_made_again(options: HostOptions) {
    let (host, tables) = held(options, "index-store").await;
    host.put("/r/m.ts", "export default 'new m'").await;
    host.put("/s/n.ts", "export default 'new n'").await;
    host.open_gate("index-store").await;
    visited(&tables).await;
    let html = tables.html("/r/", "d.misrender").await;
    assert!(html.contains("new m") && html.contains("new n"), "{html}");
    host.open_gate("index-expand").await;
    tables.settled().await;
}

async fn what_is_found_unchanged_is_compared_as_well(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/m.ts", "export default 'old'").await;
    host.put("/r/d.misrender", "load ./m").await;
    tables.settled().await;
    host.close_gate("index-store", "d.misrender").await;
    host.send(host.request("POST", "/r/_reindex")).await;
    host.at_gate("index-store", 1).await;
    host.close_gate("index-expand", "").await;
    host.put("/r/m.ts", "export default 'new'").await;
    host.open_gate("index-store").await;
    visited(&tables).await;
    assert!(tables.html("/r/", "d.misrender").await.contains("new"));
}

async fn nothing_is_stored_of_a_realm_that_is_deleted_or_published_meanwhile(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/d.misrender", "echo old").await;
    tables.settled().await;
    host.close_gate("index-store", "d.misrender").await;
    host.publish("/r/", "/p/").await;
    host.at_gate("index-store", 1).await;
    host.close_gate("index-expand", "").await;
    host.put("/r/d.misrender", "echo new").await;
    host.publish("/r/", "/p/").await;
    host.open_gate("index-store").await;
    visited(&tables).await;
    assert!(tables.html("/p/", "d.misrender").await.contains("new"));
    host.open_gate("index-expand").await;
    tables.settled().await;
    for comes_back in [false, true] {
        host.close_gate("index-store", "d.misrender").await;
        host.put("/r/d.misrender", format!("echo of before {comes_back}"))
            .await;
        host.publish("/r/", "/p/").await;
        // Of both realms.
        host.at_gate("index-store", 2).await;
        host.close_gate("index-expand", "").await;
        host.unpublish("/p/").await;
        host.delete_realm("/r/").await;
        if comes_back {
            host.create("/r/").await;
        }
        host.open_gate("index-store").await;
        host.open_gate("index-expand").await;
        tables.settled().await;
        eventually("nothing is left of them", || async {
            (tables.number("SELECT count(*) FROM index_entries").await == 0).then_some(())
        })
        .await;
        if !comes_back {
            host.create("/r/").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_waits_for_what_is_being_stored() {
    let storage = Storage::Postgres(server().database().await);
    for (path, body) in [
        ("/r/m.ts", "export default 'new'"),
        ("/s/n.ts", "export default 'new'"),
    ] {
        let options = HostOptions::new(Storage::Postgres(server().database().await));
        let (host, tables) = held(options, "reads-held").await;
        let writing = tokio::spawn(host.request("PUT", path).body(body).send());
        waits_for_a_lock(&tables).await;
        host.open_gate("reads-held").await;
        assert!(writing.await.unwrap().unwrap().status().is_success());
        host.open_gate("index-expand").await;
        tables.settled().await;
        assert!(tables.html("/r/", "d.misrender").await.contains("new"));
    }
    drop(storage);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_while_their_realm_is_held() {
    let options = HostOptions::new(Storage::Postgres(server().database().await));
    let (host, tables) = scene(options).await;
    tables.settled().await;
    host.close_gate("files-held", "").await;
    host.put("/r/a.txt", "one").await;
    host.at_gate("files-held", 1).await;
    let writing = tokio::spawn(host.request("PUT", "/r/a.txt").body("longer").send());
    waits_for_a_lock(&tables).await;
    host.open_gate("files-held").await;
    assert!(writing.await.unwrap().unwrap().status().is_success());
    tables.settled().await;
    let entry = tables.entry("/r/", "a.txt").await.unwrap();
    assert_eq!(entry.document["size"], 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_comes_before_what_has_not_found_it_is_stored_is_found() {
    let options = HostOptions::new(Storage::Postgres(server().database().await));
    let (host, tables) = scene(options).await;
    tables.settled().await;
    host.close_gate("index-store", "d.misrender").await;
    host.put("/r/d.misrender", format!("load {ORIGIN}/late/m.js"))
        .await;
    host.at_gate("index-store", 1).await;
    host.close_gate("index-expand", "").await;
    host.create("/late/").await;
    host.put("/late/m.js", "export default 9").await;
    host.open_gate("index-store").await;
    visited(&tables).await;
    let html = tables.html("/r/", "d.misrender").await;
    assert!(html.contains("default 9"), "{html}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_comes_while_a_visit_is_made_is_not_lost() {
    let options = HostOptions::new(Storage::Postgres(server().database().await));
    let (host, tables) = scene(options).await;
    host.put("/r/d.misrender", "echo one").await;
    tables.settled().await;
    let unchanged = crate::visits(&host, "unchanged").await;
    host.close_gate("index-store", "d.misrender").await;
    host.send(host.request("POST", "/r/_reindex")).await;
    host.at_gate("index-store", 1).await;
    host.send(host.request("POST", "/r/_reindex")).await;
    host.open_gate("index-store").await;
    tables.settled().await;
    assert_eq!(crate::visits(&host, "unchanged").await, unchanged + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_at_any_point_leaves_nothing_old_and_loses_nothing() {
    for gate in [
        "index-visit",
        "before-call",
        "index-store",
        "reads-held",
        "renderings-kept",
        "job-end",
    ] {
        let url = server().database().await;
        let options = || quick(HostOptions::new(Storage::Postgres(url.clone())));
        let (a, _) = options().with_realm().await;
        let b = options().start().await;
        let tables = Tables::of(&a, &Storage::Postgres(url.clone())).await;
        a.put("/r/m.ts", "export default 'old'").await;
        tables.settled().await;
        b.close_gate("job-claim", "").await;
        b.at_gate("job-claim", 1).await;
        let about = if gate == "job-end" {
            "render"
        } else {
            "d.misrender"
        };
        a.close_gate(gate, about).await;
        b.put("/r/d.misrender", "load ./m").await;
        a.at_gate(gate, 1).await;
        if gate != "reads-held" && gate != "renderings-kept" {
            b.put("/r/m.ts", "export default 'new'").await;
        }
        a.signal("KILL");
        assert!(!a.ended().await);
        if gate == "reads-held" || gate == "renderings-kept" {
            b.put("/r/m.ts", "export default 'new'").await;
        }
        b.open_gate("job-claim").await;
        tables.settled().await;
        let html = tables.html("/r/", "d.misrender").await;
        assert!(html.contains("new"), "{gate}: {html}");
    }
}
