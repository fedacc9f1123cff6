//! What is kept, for whom, and for how long.

use realm_tests::{Host, ORIGIN, eventually};
use sqlx::SqlitePool;

use crate::{alone, cached};

/// Waits until a derivation is in the database.
async fn stored(host: &Host) {
    let file = format!("sqlite://{}/realm.sqlite", host.data.display());
    let pool = SqlitePool::connect(&file).await.unwrap();
    eventually("a derivation is stored", || async {
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM derivations");
        (count.fetch_one(&pool).await.unwrap() > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_payload_drops_what_is_cached_though_nothing_has_changed() {
    let host = alone("3").await;
    host.put("/r/a.ts", "export const n: number = 1;\n").await;
    let one =
        serde_json::json!({ "data": { "attributes": { "urls": [format!("{ORIGIN}/r/a.ts")] } } });
    for body in [String::new(), one.to_string()] {
        cached(&host, "/r/a.ts").await;
        let request = host.request("POST", "/r/_invalidate").body(body);
        assert_eq!(host.send(request).await.status, 204);
        assert_eq!(
            host.get("/r/a.ts").await.header("cache-status"),
            "realm; fwd=miss; stored; detail=derivation"
        );
    }
}

#[tokio::test]
async fn what_was_outside_is_looked_for_again() {
    let host = alone("3").await;
    host.put("/r/x.misbehave", format!("read {ORIGIN}/s/a.txt\n"))
        .await;
    for _ in 0..2 {
        let text = host.get("/r/x.misbehave").await.text();
        assert!(text.contains("outside"), "{text}");
    }
    host.create("/s/").await;
    host.put("/s/a.txt", "found").await;
    let text = host.get("/r/x.misbehave").await.text();
    assert!(text.contains("found"), "{text}");
}

#[tokio::test]
async fn what_means_another_file_elsewhere_is_kept_for_its_realm_alone() {
    let host = alone("3").await;
    host.create("/two/").await;
    for realm in ["/r/", "/two/"] {
        host.put(&format!("{realm}x.misbehave"), "read ../r/own.txt\n")
            .await;
        host.put(&format!("{realm}own.txt"), "old").await;
    }
    host.get("/r/x.misbehave").await;
    stored(&host).await;
    let text = host.get("/two/x.misbehave").await.text();
    assert!(text.contains(&format!("{ORIGIN}/r/own.txt")), "{text}");
    host.put("/r/own.txt", "new").await;
    let text = host.get("/two/x.misbehave").await.text();
    assert!(text.contains("new"), "{text}");
}

#[tokio::test]
async fn bytes_of_before_a_change_are_not_served_after_it() {
    let host = alone("3").await;
    host.put("/r/a.txt", "old").await;
    eventually("the old bytes", || async {
        (host.get("/r/a.txt").await.text() == "old").then_some(())
    })
    .await;
    host.put("/r/a.txt", "new").await;
    assert_eq!(host.get("/r/a.txt").await.text(), "new");
}

#[tokio::test]
async fn what_is_made_of_the_same_bytes_elsewhere_names_its_own_file() {
    let host = alone("3").await;
    for name in ["one", "two"] {
        host.put(&format!("/r/{name}.ts"), "export const n: number = 1;\n")
            .await;
        let map = host.get(&format!("/r/{name}.ts.map")).await;
        assert!(
            map.json()["sources"].to_string().contains(name),
            "{}",
            map.text()
        );
    }
}
