//! `_atomic`'s refusals, the readiness check, a publish's progress.

use realm_tests::{HostOptions, ORIGIN, Postgres, Storage, eventually, on_both};
use serde_json::{Value, json};

on_both! {
    every_conflict_of_an_atomic_write_is_told
    a_publish_says_how_far_it_has_come
}

fn operation(op: &str, href: &str) -> Value {
    let data = json!({ "type": "source", "attributes": { "content": "x" } });
    json!({ "op": op, "href": href, "data": data })
}

async fn every_conflict_of_an_atomic_write_is_told(options: HostOptions) {
    let (host, _) = options.with_realm().await;
    host.put("/r/there.txt", "there").await;
    let cases: [(&[Value], u16, &[&str]); 4] = [
        (&[operation("add", "there.txt")], 409, &["exists"]),
        (&[operation("update", "none.txt")], 404, &["not-found"]),
        (
            &[
                operation("add", "there.txt"),
                operation("add", "new.txt"),
                operation("update", "none.txt"),
            ],
            404,
            &["exists", "not-found"],
        ),
        (
            &[operation("add", "new.txt"), operation("drop", "there.txt")],
            400,
            &["bad-operation"],
        ),
    ];
    for (operations, status, codes) in cases {
        let body = json!({ "atomic:operations": operations });
        let answer = host.post("/r/_atomic", &body).await;
        let errors = answer.errors();
        let told: Vec<_> = errors
            .iter()
            .filter_map(|error| error["code"].as_str())
            .collect();
        assert_eq!(
            (answer.status, &*told),
            (status, codes),
            "{}",
            answer.text()
        );
        assert_eq!(host.get("/r/new.txt").await.status, 404, "all or nothing");
    }
    let body = json!({ "atomic:operations": [operation("add", "new.txt"), operation("update", "there.txt"), { "op": "remove", "href": "there2.txt" }] });
    host.put("/r/there2.txt", "x").await;
    let done = host.post("/r/_atomic", &body).await;
    assert_eq!(done.status, 201, "{}", done.text());
    let results = done.json();
    assert_eq!(
        results["atomic:results"][0]["data"]["id"],
        format!("{ORIGIN}/r/new.txt")
    );
    assert_eq!(results["atomic:results"].as_array().map(Vec::len), Some(3));
}

async fn a_publish_says_how_far_it_has_come(options: HostOptions) {
    let (host, _) = options.with_realm().await;
    host.put("/r/a.txt", "a").await;
    host.put("/r/b.txt", "b").await;
    host.publish("/r/", "/p/").await;
    let ask = async |url: String| {
        let path = format!("/_publish-progress?published_realm_url={url}");
        host.get(&path).await
    };
    let published = format!("{ORIGIN}/p/").replace("://", "%3A%2F%2F");
    eventually("all is indexed", || async {
        let progress = ask(published.clone()).await;
        assert_eq!(progress.header("cache-control"), "no-store");
        let progress = progress.json();
        assert_eq!(progress["totalFiles"], 2, "{progress}");
        let done = json!({ "phase": "done", "filesCompleted": 2, "totalFiles": 2 });
        (progress == done).then_some(())
    })
    .await;
    assert_eq!(
        ask(format!("{ORIGIN}/r/")).await.status,
        422,
        "not published"
    );
    assert_eq!(ask("nonsense".to_owned()).await.status, 400);
    assert_eq!(host.get("/_publish-progress").await.status, 400);
    let info = host.get("/r/_info").await.json();
    let published = &info["data"]["attributes"]["lastPublishedAt"];
    assert!(published[format!("{ORIGIN}/p/")].is_string(), "{info}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_is_ready_while_its_host_can_know_that_it_has_all_of_it() {
    let mut postgres = Postgres::start();
    let options = HostOptions::new(Storage::Postgres(postgres.database().await));
    let (host, _) = options
        .with("lease", "1s")
        .with("database-timeout", "1s")
        .with_realm()
        .await;
    let written = host.put("/r/a.txt", "a").await;
    let ready = host.get("/r/_readiness-check").await;
    assert_eq!(
        (ready.status, ready.generation()),
        (200, written.generation())
    );
    assert_eq!(ready.header("content-type"), "text/html");
    assert_eq!(host.get("/r/a.txt").await.text(), "a");
    postgres.kill();
    let not = host.get("/r/_readiness-check").await;
    assert_eq!(not.status, 503, "{}", not.text());
    assert_eq!(
        (not.header("x-boxel-not-ready"), not.header("retry-after")),
        ("startup", "1")
    );
    assert_eq!(
        host.get("/r/a.txt").await.status,
        200,
        "what is cached is still served"
    );
    postgres.up();
    eventually("it is ready again", || async {
        (host.get("/r/_readiness-check").await.status == 200).then_some(())
    })
    .await;
}
