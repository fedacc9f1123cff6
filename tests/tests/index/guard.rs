//! A document is rendered, what it was made from changes, and only then it is stored: at every point in between, by every kind
//! of change.

use realm_tests::{Host, HostOptions, ORIGIN, Postgres, Storage, eventually, on_both, server};

use crate::{Tables, quick, scene, waits_for_a_lock};

on_both! {
    what_is_overtaken_before_it_is_stored_is_made_again
    what_is_found_unchanged_is_compared_as_well
    nothing_is_stored_of_a_realm_that_is_deleted_or_published_meanwhile
    what_comes_under_another_name_overtakes_what_was_absent
    what_a_pruned_log_says_nothing_of_is_made_again
    what_a_pruned_log_says_nothing_of_is_visited
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

async fn what_comes_under_another_name_overtakes_what_was_absent(options: HostOptions) {
    let (host, tables) = scene(options).await;
    tables.settled().await;
    host.close_gate("index-store", "d.misrender").await;
    host.put("/r/d.misrender", "load ./absent").await;
    host.at_gate("index-store", 1).await;
    host.close_gate("index-expand", "").await;
    host.put("/r/absent.ts", "export default 7").await;
    host.open_gate("index-store").await;
    visited(&tables).await;
    let html = tables.html("/r/", "d.misrender").await;
    assert!(html.contains("default 7"), "{html}");
}

async fn what_a_pruned_log_says_nothing_of_is_made_again(options: HostOptions) {
    let (host, tables) = held(options, "index-store").await;
    host.put("/r/m.ts", "export default 'new m'").await;
    tables.execute("DELETE FROM changes").await;
    host.put("/r/other.txt", "other").await;
    host.open_gate("index-store").await;
    visited(&tables).await;
    let html = tables.html("/r/", "d.misrender").await;
    assert!(html.contains("new m"), "{html}");
}

async fn what_a_pruned_log_says_nothing_of_is_visited(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/m.ts", "export default 'old'").await;
    host.put("/r/d.misrender", "load ./m").await;
    tables.settled().await;
    host.close_gate("index-expand", "").await;
    host.put("/r/m.ts", "export default 'new'").await;
    tables.execute("DELETE FROM changes").await;
    host.put("/r/other.txt", "other").await;
    host.open_gate("index-expand").await;
    tables.settled().await;
    let html = tables.html("/r/", "d.misrender").await;
    assert!(html.contains("new"), "{html}");
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
    // Two visits at one time, and no more: what is wished for meanwhile has to wait.
    let options = HostOptions::new(Storage::Postgres(server().database().await));
    let (host, tables) = scene(options.with("index-concurrency", "1")).await;
    host.put("/r/d.misrender", "echo one").await;
    host.put("/r/e.misrender", "echo two").await;
    tables.settled().await;
    let unchanged = crate::visits(&host, "unchanged").await;
    host.close_gate("index-store", ".misrender").await;
    host.send(host.request("POST", "/r/_reindex")).await;
    host.at_gate("index-store", 2).await;
    host.send(host.request("POST", "/r/_reindex")).await;
    host.open_gate("index-store").await;
    tables.settled().await;
    assert_eq!(crate::visits(&host, "unchanged").await, unchanged + 4);
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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_of_a_realm_before_its_generation_is_applied() {
    let url = server().database().await;
    let options = || quick(HostOptions::new(Storage::Postgres(url.clone())));
    let (a, _) = options().with("role", "serve").with_realm().await;
    let b = options()
        .with("role", "work")
        .with("generation-wait", "300ms")
        .start()
        .await;
    let tables = Tables::of(&a, &Storage::Postgres(url.clone())).await;
    a.put("/r/d.misrender", "echo old").await;
    tables.settled().await;
    b.close_gate("log-read", "").await;
    a.put("/r/d.misrender", "echo new").await;
    let sql = "SELECT count(*) FROM jobs WHERE lane = 'render' AND error LIKE '%has not seen generation%'";
    eventually("the worker waits for what it has not applied", || async {
        (tables.number(sql).await > 0).then_some(())
    })
    .await;
    assert!(tables.html("/r/", "d.misrender").await.contains("old"));
    b.open_gate("log-read").await;
    tables.settled().await;
    assert!(tables.html("/r/", "d.misrender").await.contains("new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn html_that_the_collector_takes_before_it_is_pointed_at_is_kept_again() {
    let options = HostOptions::new(Storage::Postgres(server().database().await));
    let (host, tables) = scene(options).await;
    // The very bytes of the HTML to come, with no reference to them.
    host.put("/r/left.txt", "<pre>\"one\"</pre>").await;
    host.delete("/r/left.txt").await;
    tables.settled().await;
    host.close_gate("renderings-kept", "d.misrender").await;
    host.put("/r/d.misrender", "echo one").await;
    host.at_gate("renderings-kept", 1).await;
    let gone = "DELETE FROM blobs WHERE bytes = convert_to('<pre>\"one\"</pre>', 'UTF8')";
    tables.execute("DELETE FROM derivation_parts").await;
    tables.execute(gone).await;
    host.open_gate("renderings-kept").await;
    tables.settled().await;
    assert_eq!(
        tables.html("/r/", "d.misrender").await,
        "<pre>\"one\"</pre>"
    );
    let pointed_at = "SELECT count(*) FROM index_renderings";
    assert_eq!(tables.number(pointed_at).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_on_when_the_database_is_back() {
    let mut postgres = Postgres::start();
    let url = postgres.database().await;
    let options = quick(HostOptions::new(Storage::Postgres(url.clone())));
    let (host, _) = options.with_realm().await;
    let tables = Tables::of(&host, &Storage::Postgres(url.clone())).await;
    tables.settled().await;
    for gate in [
        "index-expand",
        "index-visit",
        "index-store",
        "reads-held",
        "job-end",
    ] {
        host.close_gate(gate, "").await;
        host.put("/r/m.ts", format!("export default '{gate}'"))
            .await;
        host.put("/r/d.misrender", "load ./m").await;
        host.put("/r/e.misrender", format!("echo {gate}")).await;
        host.at_gate(gate, 1).await;
        postgres.kill();
        postgres.up();
        host.open_gate(gate).await;
        let tables = Tables::of(&host, &Storage::Postgres(url.clone())).await;
        tables.settled().await;
        for document in ["d.misrender", "e.misrender"] {
            let html = tables.html("/r/", document).await;
            assert!(html.contains(gate), "{gate}: {html}");
        }
    }
}
