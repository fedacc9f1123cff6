use realm_tests::{Answer, HostOptions, ORIGIN, Storage, eventually, on_both};
use serde_json::json;

use crate::scene::{Doc, Index};

on_both! {
    types_dependencies_and_errors_are_told_of
    a_publish_tells_how_far_it_has_come
}

async fn types_dependencies_and_errors_are_told_of(options: HostOptions) {
    let started = options.clone().with("generation-wait", "300ms");
    let (host, realm) = started.with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    let (person, place) = (
        "http://realm.test/r/person/Person",
        "http://realm.test/r/place/Place",
    );
    let module = "http://realm.test/r/person";
    for (path, types, reads) in [
        (
            "a.json",
            &[person, "http://realm.test/r/base/Thing"][..],
            &[module, "http://realm.test/r/a.json"][..],
        ),
        ("b.json", &[person], &[]),
        ("c.json", &[place], &[]),
        ("plain.txt", &[], &[]),
    ] {
        index
            .put(
                &realm,
                &Doc {
                    types,
                    reads,
                    ..Doc::of(path, &[])
                },
            )
            .await;
    }
    index.cursor(&realm, 1).await;
    let types = host.get(&format!("{realm}_types")).await;
    assert_eq!(
        (types.header("content-type"), types.generation()),
        ("application/json", 1)
    );
    let one = |id: &str, name: &str, total: i64| json!({ "type": "card-type-summary", "id": id, "attributes": { "displayName": name, "total": total, "definition": null } });
    assert_eq!(
        types.json()["data"],
        json!([one(person, "Person", 2), one(place, "Place", 1)])
    );

    let ask = async |url: &str| host.get(&format!("{realm}_dependencies{url}")).await;
    let of = |answer: &Answer| {
        let data = answer.json()["data"].as_array().cloned().expect("a list");
        let ids = data
            .iter()
            .map(|one| one["id"].as_str().unwrap().to_owned());
        ids.collect::<Vec<_>>()
    };
    for url in ["a.json", "a"] {
        let answer = ask(&format!("?url={ORIGIN}/r/{url}")).await;
        assert_eq!(answer.header("content-type"), "application/vnd.api+json");
        assert_eq!(of(&answer), ["http://realm.test/r/a.json", module], "{url}");
    }
    for url in ["/r/b.json", "/r/unknown", "/elsewhere/a.json"] {
        let answer = ask(&format!("?url={ORIGIN}{url}")).await;
        assert_eq!((answer.status, of(&answer).len()), (200, 0), "{url}");
    }
    assert_eq!(ask("").await.status, 400);
    assert_eq!(ask("?url=").await.status, 400);

    let error = json!({ "plugin": "cards@1", "diagnostics": [{ "severity": "error", "message": "no such export",
        "code": null, "path": "b.json", "start": { "line": 3, "column": 4 }, "end": null, "help": null }] });
    let none = host.get(&format!("{realm}_indexing-errors")).await;
    assert_eq!(
        none.json(),
        json!({ "data": [], "meta": { "page": { "total": 0 } } })
    );
    let renderings = [("isolated", "", "<p>of before</p>")];
    index
        .put(
            &realm,
            &Doc {
                error: Some(&error.to_string()),
                ..Doc::of("b.json", &renderings)
            },
        )
        .await;
    let failed = host.get(&format!("{realm}_indexing-errors")).await.json();
    let one = &failed["data"][0];
    assert_eq!(
        (&one["id"], &failed["meta"]["page"]["total"]),
        (&json!("http://realm.test/r/b.json"), &json!(1))
    );
    assert_eq!(one["attributes"]["hasRenderings"], true);
    let error = &one["attributes"]["errors"][0];
    assert_eq!(
        (&error["detail"], &error["source"]["line"]),
        (&json!("no such export"), &json!(3))
    );

    let written = host.put(&format!("{realm}d.json"), "{}").await.generation();
    let ask = host
        .request("GET", &format!("{realm}_types"))
        .header("realm-generation", written.to_string());
    assert_eq!(host.send(ask).await.status, 503, "the index is behind");
    let search = host
        .send(host.request("POST", &format!("{realm}_types")))
        .await;
    assert_eq!((search.status, search.header("allow")), (405, "GET, HEAD"));
}

async fn a_publish_tells_how_far_it_has_come(options: HostOptions) {
    let (host, _) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    for path in ["a.txt", "b.txt", "c.txt"] {
        host.put(&format!("/r/{path}"), path).await;
    }
    let published = host.publish("/r/", "/p/").await.generation();
    let progress = async || {
        let path = format!("/_publish-progress?published_realm_url={ORIGIN}/p/");
        host.get(&path).await.json()
    };
    let said =
        |phase: &str, done: u64| json!({ "phase": phase, "filesCompleted": done, "totalFiles": 3 });
    index.cursor("/p/", 0).await;
    index.job("/p/", None).await;
    assert_eq!(progress().await, said("queued", 0));
    index.job("/p/", Some("a-replica")).await;
    assert_eq!(progress().await, said("index", 0));
    index.cursor("/p/", published).await;
    index.visit("/p/", "a.txt", true).await;
    index.visit("/p/", "gone.txt", true).await;
    assert_eq!(progress().await, said("render", 1));
    index.visit("/p/", "gone.txt", false).await;
    assert_eq!(progress().await, said("render", 2));
    index.visit("/p/", "a.txt", false).await;
    assert_eq!(progress().await, said("done", 3));
    // The command shows it, and ends when all is done.
    let done = std::sync::atomic::AtomicBool::new(false);
    let publish = async {
        let (source, target) = (format!("{ORIGIN}/r/"), format!("{ORIGIN}/p/"));
        let told = host.command(&["publish", &source, &target, "--wait"]).await;
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        told
    };
    let work = async {
        let again = eventually("a publish", || async {
            let path = format!("/_publish-progress?published_realm_url={ORIGIN}/p/");
            let at = host.get(&path).await.generation();
            (at > published).then_some(at)
        });
        let again = again.await;
        index.visit("/p/", "b.txt", true).await;
        index.cursor("/p/", again).await;
        assert_eq!(progress().await, said("render", 2));
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        assert!(!done.load(std::sync::atomic::Ordering::SeqCst), "it waits");
        index.visit("/p/", "b.txt", false).await;
    };
    let (told, ()) = tokio::join!(publish, work);
    assert!(
        told.status.success(),
        "{}",
        String::from_utf8_lossy(&told.stderr)
    );
}

/// Each gate in turn; it is waited for, so several realms are asked at one time.
#[tokio::test(flavor = "multi_thread")]
async fn a_realm_is_ready_when_its_index_is() {
    let options = HostOptions::new(Storage::Sqlite);
    let host = options.clone().with("role", "serve").start().await;
    let index = Index::of(&host, &options).await;
    for realm in ["/behind/", "/waits/", "/soon/"] {
        host.create(realm).await;
        let written = host.put(&format!("{realm}x.json"), "{}").await.generation();
        index.cursor(realm, written - 1).await;
        if realm == "/waits/" {
            index.cursor(realm, written).await;
        }
        index.visit(realm, "x.json", true).await;
    }
    let check = async |path: &str| host.get(path).await;
    let soon = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        index.cursor("/soon/", 2).await;
        index.visit("/soon/", "x.json", false).await;
    };
    let (behind, waits, rendered, ready, ()) = tokio::join!(
        check("/behind/_readiness-check?awaitPrerenderHtml=true"),
        check("/waits/_readiness-check"),
        check("/waits/_readiness-check?awaitPrerenderHtml=true"),
        check("/soon/_readiness-check?awaitPrerenderHtml=true"),
        soon,
    );
    for (answer, gate) in [
        (behind, "index"),
        (waits, "index"),
        (rendered, "prerender-html"),
    ] {
        assert_eq!(
            (answer.status, answer.header("x-boxel-not-ready")),
            (503, gate)
        );
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!((ready.status, ready.generation()), (200, 2));
}
