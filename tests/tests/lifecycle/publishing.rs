//! Publish, publish again, unpublish, delete.

use realm_tests::{HostOptions, ORIGIN, Storage, on_both};
use serde_json::json;

on_both! {
    a_published_realm_is_a_copy_until_it_is_published_again
    a_realm_is_deleted_with_what_is_published_from_it
}

async fn a_published_realm_is_a_copy_until_it_is_published_again(options: HostOptions) {
    let host = options.start().await;
    host.create("/s/").await;
    host.put("/s/a.ts", "export const a: number = 1;\n").await;
    host.put("/s/gone.txt", "gone").await;
    let published = host.publish("/s/", "/p/").await;
    assert_eq!(
        published.header("location"),
        format!("{ORIGIN}/p/_readiness-check?awaitPrerenderHtml=true")
    );
    assert_eq!(published.header("retry-after"), "1");
    let document = published.json();
    assert_eq!(document["data"]["type"], "published_realm");
    let attributes = &document["data"]["attributes"];
    assert_eq!(attributes["sourceRealmURL"], format!("{ORIGIN}/s/"));
    assert_eq!(attributes["publishedRealmURL"], format!("{ORIGIN}/p/"));
    assert_eq!(attributes["status"], "pending");
    let ready = host
        .get("/p/_readiness-check?awaitPrerenderHtml=true")
        .await;
    assert_eq!((ready.status, ready.text()), (200, String::new()));

    host.put("/s/a.ts", "export const a: number = 2;\n").await;
    host.delete("/s/gone.txt").await;
    host.put("/s/new.txt", "new").await;
    assert!(host.get("/p/a.ts").await.text().contains("a = 1"));
    assert_eq!(host.get("/p/gone.txt").await.text(), "gone");
    assert_eq!(host.get("/p/new.txt").await.status, 404);

    let again = host.publish("/s/", "/p/").await;
    assert_eq!(again.generation(), published.generation() + 1);
    assert!(host.get("/p/a.ts").await.text().contains("a = 2"));
    assert_eq!(host.get("/p/gone.txt").await.status, 404);
    assert_eq!(host.get("/p/new.txt").await.text(), "new");

    let refused = host.send(host.request("PUT", "/p/a.ts").body("x")).await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.errors()[0]["code"], "published");

    let gone = host.unpublish("/p/").await;
    assert_eq!(gone.json()["data"]["type"], "unpublished_realm");
    assert_eq!(host.get("/p/a.ts").await.status, 404);
    assert_eq!(host.get("/s/new.txt").await.text(), "new");
}

async fn a_realm_is_deleted_with_what_is_published_from_it(options: HostOptions) {
    let host = options.start().await;
    host.create("/s/").await;
    host.put("/s/a.txt", "a").await;
    host.publish("/s/", "/p/").await;
    host.publish("/s/", "/q/").await;
    host.delete_realm("/s/").await;
    for path in ["/s/a.txt", "/p/a.txt", "/q/a.txt"] {
        assert_eq!(host.get(path).await.errors()[0]["code"], "no-realm");
    }
    // The URL can be used again, and its generation goes on.
    let body = json!({ "data": { "attributes": { "url": format!("{ORIGIN}/s/") } } });
    let made = host.post("/_create-realm", &body).await;
    assert_eq!(
        (made.status, made.generation()),
        (202, 4),
        "{}",
        made.text()
    );
    assert_eq!(host.get("/s/a.txt").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_answered_as_the_reference_answers_them() {
    let host = HostOptions::new(Storage::Sqlite).start().await;
    host.create("/s/").await;
    host.create("/t/").await;
    host.publish("/s/", "/p/").await;
    let publish = |source: &str, target: &str| json!({ "sourceRealmURL": source, "publishedRealmURL": target });
    let at = |path: &str| format!("{ORIGIN}{path}");
    let cases = [
        ("/_publish-realm", json!({}), 400),
        ("/_publish-realm", publish("nonsense", &at("/x/")), 400),
        ("/_publish-realm", publish(&at("/none/"), &at("/x/")), 400),
        ("/_publish-realm", publish(&at("/s/"), &at("/t/")), 409),
        ("/_publish-realm", publish(&at("/p/"), &at("/x/")), 422),
        (
            "/_unpublish-realm",
            json!({ "publishedRealmURL": at("/s/") }),
            422,
        ),
        (
            "/_unpublish-realm",
            json!({ "publishedRealmURL": at("/none/") }),
            422,
        ),
        (
            "/_create-realm",
            json!({ "data": { "attributes": { "url": at("/s/") } } }),
            409,
        ),
        (
            "/_create-realm",
            json!({ "data": { "attributes": { "url": "x" } } }),
            400,
        ),
    ];
    for (path, body, status) in cases {
        let answer = host.post(path, &body).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
        assert!(!answer.errors().is_empty());
    }
    let delete = |body: serde_json::Value| {
        host.request("DELETE", "/_delete-realm")
            .body(body.to_string())
    };
    let realm = |path: &str| json!({ "data": { "type": "realm", "id": at(path) } });
    for (body, status) in [
        (json!({}), 400),
        (json!({ "data": { "type": "card", "id": at("/s/") } }), 400),
        (realm("/none/"), 404),
        (realm("/p/"), 422),
    ] {
        let answer = host.send(delete(body.clone())).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_realm_shows_nothing_and_loses_nothing() {
    let host = HostOptions::new(Storage::Sqlite).start().await;
    host.create("/s/").await;
    host.put("/s/a.txt", "a").await;
    host.publish("/s/", "/p/").await;
    let realm = json!({ "data": { "type": "realm", "id": format!("{ORIGIN}/s/") } });
    assert_eq!(host.post("/_archive-realm", &realm).await.status, 200);
    for request in [
        host.request("GET", "/s/a.txt"),
        host.request("PUT", "/s/a.txt").body("b"),
    ] {
        let answer = host.send(request).await;
        assert_eq!(answer.errors()[0]["code"], "archived");
        assert_eq!(answer.status, 403);
    }
    assert_eq!(host.get("/p/a.txt").await.text(), "a");
    assert_eq!(host.get("/s/_readiness-check").await.status, 200);
    assert_eq!(host.post("/_unarchive-realm", &realm).await.status, 200);
    assert_eq!(host.get("/s/a.txt").await.text(), "a");
}
