//! The audit: a row for each operation that changed something, and none for any other.

use std::sync::Arc;
use std::time::Duration;

use realm_host::changes::{Announcer, Hub};
use realm_host::database::{ConnectOptions, Database};
use realm_host::lifecycle::{Actor, Lifecycle, LifecycleError, WriteLimits};
use realm_host::realm::RealmUrl;
use realm_host::registry::Registry;
use serde_json::{Value, json};

use crate::stage::{LONG, Stage, at, post, resource};

type Row = (Option<String>, String, String, i64, Value);

async fn audit(stage: &Stage) -> Vec<Row> {
    type Columns = (Option<String>, String, String, i64, String);
    let sql = "SELECT actor, operation, a.url, a.generation, detail FROM audit a
               JOIN realms r ON r.id = a.realm_id AND r.url = a.url ORDER BY a.id";
    let rows: Vec<Columns> = sqlx::query_as(sql).fetch_all(&stage.pool).await.unwrap();
    let parsed = rows
        .into_iter()
        .map(|(actor, operation, url, generation, detail)| {
            (
                actor,
                operation,
                url,
                generation,
                serde_json::from_str(&detail).unwrap(),
            )
        });
    parsed.collect()
}

fn row(actor: Option<&str>, operation: &str, path: &str, generation: i64, detail: Value) -> Row {
    (
        actor.map(str::to_owned),
        operation.to_owned(),
        at(path),
        generation,
        detail,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_changed_something_is_written_down_and_nothing_else() {
    let stage = Stage::start(&[("lease", LONG)]).await;
    let host = &stage.a;
    let send = async |path: &str, body: Value, status: u16| {
        let answer = host.send(post(host, path, &body)).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text());
    };
    let share = async |users: Value| {
        let body = json!({ "data": { "attributes": { "permissions": users } } });
        let request = host
            .request("PATCH", "/s/_permissions")
            .body(body.to_string());
        assert_eq!(host.send(request).await.status, 200);
    };
    host.create("/s/").await;
    let again = json!({ "data": { "attributes": { "url": at("/s/") } } });
    send("/_create-realm", again, 409).await;
    host.put("/s/a.txt", "a").await;
    host.publish("/s/", "/p/").await;
    host.publish("/s/", "/p/").await;
    let none = json!({ "sourceRealmURL": at("/none/"), "publishedRealmURL": at("/q/") });
    send("/_publish-realm", none, 400).await;
    share(json!({ "bob": ["read"], "alice": ["realm-owner"] })).await;
    share(json!({ "bob": ["read"] })).await;
    share(json!({ "bob": null })).await;
    send("/_archive-realm", resource("/s/"), 200).await;
    send("/_archive-realm", resource("/s/"), 200).await;
    send("/_unarchive-realm", resource("/s/"), 200).await;
    host.unpublish("/p/").await;
    let unpublished = json!({ "publishedRealmURL": at("/p/") });
    send("/_unpublish-realm", unpublished, 422).await;
    host.publish("/s/", "/p/").await;
    host.delete_realm("/s/").await;
    let published = |generation| json!({ "source": at("/s/"), "sourceGeneration": generation });
    assert_eq!(
        audit(&stage).await,
        [
            row(
                None,
                "create",
                "/s/",
                1,
                json!({ "kind": "source", "owner": null })
            ),
            row(None, "publish", "/p/", 1, published(2)),
            row(None, "publish", "/p/", 2, published(2)),
            row(
                None,
                "permissions",
                "/s/",
                3,
                json!({ "users": { "alice": ["read", "write", "realm-owner"], "bob": ["read"] } })
            ),
            row(
                None,
                "permissions",
                "/s/",
                4,
                json!({ "users": { "bob": [] } })
            ),
            row(None, "archive", "/s/", 5, json!({})),
            row(None, "unarchive", "/s/", 6, json!({})),
            row(None, "unpublish", "/p/", 3, json!({ "source": at("/s/") })),
            row(None, "publish", "/p/", 4, published(6)),
            row(
                None,
                "delete",
                "/s/",
                7,
                json!({ "published": [at("/p/")] })
            ),
            row(None, "unpublish", "/p/", 5, json!({ "source": at("/s/") })),
        ]
    );
}

/// Who asks is known below HTTP, whatever tells them apart there.
#[tokio::test(flavor = "multi_thread")]
async fn who_did_it_is_written_down() {
    let stage = Stage::start(&[("lease", LONG)]).await;
    stage.a.create("/others/").await;
    let timeout = Duration::from_secs(5);
    let options = ConnectOptions {
        url: Some(stage.url.clone()),
        data_dir: "unused".into(),
        connections: 4,
        timeout,
    };
    let database = Database::connect(&options).await.unwrap();
    let announcer = Announcer::start(Some(stage.url.clone()), timeout);
    let hub = Arc::new(Hub::new(database.clone(), announcer, timeout));
    let registry = Registry::open(database.clone(), Arc::clone(&hub), timeout)
        .await
        .unwrap();
    let limits = WriteLimits {
        max_file_bytes: 1,
        lock_timeout: timeout,
        queue: 1,
        connections: 4,
    };
    let lifecycle = Lifecycle::new(database, hub, registry, limits);
    let url = |path: &str| RealmUrl::parse(&at(path)).unwrap();
    let alice = Actor {
        name: Some("alice".to_owned()),
        all: false,
    };
    let owner = alice.name.clone();
    lifecycle
        .create(url("/s/"), None, owner, alice.clone())
        .await
        .unwrap();
    lifecycle
        .publish(url("/s/"), url("/p/"), alice.clone())
        .await
        .unwrap();
    let refused = lifecycle
        .publish(url("/others/"), url("/q/"), alice.clone())
        .await;
    assert!(
        matches!(refused, Err(LifecycleError::NotOwner)),
        "{refused:?}"
    );
    lifecycle
        .archive(url("/s/"), true, alice.clone())
        .await
        .unwrap();
    lifecycle.delete(url("/s/"), alice).await.unwrap();
    lifecycle.finish().await;
    let by_alice = audit(&stage).await.into_iter().skip(1);
    let by_alice: Vec<_> = by_alice
        .map(|(actor, operation, ..)| (actor.unwrap(), operation))
        .collect();
    let expected = ["create", "publish", "archive", "delete", "unpublish"];
    assert_eq!(
        by_alice,
        expected.map(|operation| ("alice".to_owned(), operation.to_owned()))
    );
}
