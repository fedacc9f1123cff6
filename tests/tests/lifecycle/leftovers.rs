//! What belongs to a realm goes with it, or with its old tree: definitions, permissions. What is others' stays.

use serde_json::json;

use crate::stage::{LONG, Stage, at, look};

impl Stage {
    /// Has a prerenderer have found definitions in these realms.
    async fn define(&self, realms: &[&str]) {
        let sql = "INSERT INTO definitions (realm_id, path, plugins, url, tag, document, created_at)
                   SELECT id, path, 'p', url || path, 't', '{}', 0 FROM realms, (VALUES ('a.ts'), ('b.ts')) AS paths (path)
                   WHERE url = $1 ON CONFLICT DO NOTHING";
        for realm in realms {
            let insert = sqlx::query(sql).bind(at(realm));
            insert.execute(&self.pool).await.unwrap();
        }
    }

    /// The realms of which definitions are kept, with how many.
    async fn defined(&self) -> Vec<(String, i64)> {
        let sql = "SELECT r.url, count(*) FROM definitions d JOIN realms r ON r.id = d.realm_id GROUP BY r.url ORDER BY r.url";
        sqlx::query_as(sql).fetch_all(&self.pool).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_of_a_realm_go_with_its_tree_and_no_others() {
    let stage = Stage::start(&[("lease", LONG)]).await;
    let host = &stage.a;
    let of = |realms: &[&str]| -> Vec<_> { realms.iter().map(|realm| (at(realm), 2)).collect() };
    for realm in ["/s/", "/t/"] {
        host.create(realm).await;
        host.put(&format!("{realm}a.ts"), "export {};\n").await;
    }
    for copy in ["/p/", "/q/", "/r/"] {
        host.publish("/s/", copy).await;
    }
    stage.define(&["/p/", "/q/", "/r/", "/s/", "/t/"]).await;
    assert_eq!(
        stage.defined().await,
        of(&["/p/", "/q/", "/r/", "/s/", "/t/"])
    );
    host.publish("/s/", "/p/").await;
    assert_eq!(
        stage.defined().await,
        of(&["/q/", "/r/", "/s/", "/t/"]),
        "a publish"
    );
    host.unpublish("/q/").await;
    assert_eq!(
        stage.defined().await,
        of(&["/r/", "/s/", "/t/"]),
        "an unpublish"
    );
    host.delete_realm("/s/").await;
    assert_eq!(
        stage.defined().await,
        of(&["/t/"]),
        "a delete, with its copies"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_is_made_again_is_not_shared_as_the_one_before() {
    let stage = Stage::start(&[("lease", LONG)]).await;
    let host = &stage.a;
    let create = json!({ "data": { "attributes": { "url": at("/s/"), "owner": "alice" } } });
    assert_eq!(host.post("/_create-realm", &create).await.status, 202);
    host.publish("/s/", "/p/").await;
    let share =
        json!({ "data": { "attributes": { "permissions": { "bob": ["read", "write"] } } } });
    for realm in ["/s/", "/p/"] {
        let request = host.request("PATCH", &format!("{realm}_permissions"));
        let shared = host.send(request.body(share.to_string())).await;
        assert_eq!(shared.status, 200, "{}", shared.text());
    }
    let permissions = async |realm: &str| look(host, realm).await.unwrap().permissions;
    let alices = json!({ "alice": ["read", "write", "realm-owner"], "bob": ["read", "write"] });
    assert_eq!(permissions("/s/").await, alices);
    host.delete_realm("/s/").await;
    let sql = "SELECT count(*) FROM realm_permissions";
    let left: i64 = sqlx::query_scalar(sql)
        .fetch_one(&stage.pool)
        .await
        .unwrap();
    assert_eq!(left, 0);
    for realm in ["/s/", "/p/"] {
        host.create(realm).await;
        for host in stage.hosts() {
            assert_eq!(
                look(host, realm).await.unwrap().permissions,
                json!({ "*": ["read"] })
            );
        }
    }
}
