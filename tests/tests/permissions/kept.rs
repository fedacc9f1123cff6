//! What caches on the way may keep, and the document of a realm's permissions.

use realm_tests::{Host, Storage};
use serde_json::json;

use crate::{Bearing, asking, create, get, of, put, share};

/// An answer that everyone may have says so, one that not everyone may have says so too; whatever was said before.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_everyone_may_read_may_be_kept_for_everyone() {
    let temporary = tempfile::tempdir().unwrap();
    let host = asking(Storage::Sqlite, temporary.path()).start().await;
    create(&host, "owner", "/r/").await;
    put(&host, &of("owner"), "/r/a.txt", "a").await;
    put(
        &host,
        &of("owner"),
        "/r/b.ts",
        "export const b: number = 1;\n",
    )
    .await;
    let kept = async |host: &Host| {
        let mut all = Vec::new();
        // From the database, and from the cache with its headers made already.
        for path in ["/r/a.txt", "/r/b.ts", "/r/a.txt", "/r/b.ts", "/r/none.txt"] {
            let answer = get(host, &of("owner"), path).await;
            let control = answer
                .header("cache-control")
                .split(',')
                .next()
                .unwrap_or_default();
            all.push(control.to_owned());
        }
        all
    };
    let private = ["private", "private", "private", "private", "no-store"];
    let public = ["public", "public", "public", "public", "no-store"];
    for _ in 0..2 {
        assert_eq!(kept(&host).await, private);
        share(&host, "/r/", json!({ "*": ["read"] })).await;
        assert_eq!(kept(&host).await, public);
        share(&host, "/r/", json!({ "*": [] })).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_are_read_and_said_anew_by_user() {
    let temporary = tempfile::tempdir().unwrap();
    let host = asking(Storage::Sqlite, temporary.path()).start().await;
    create(&host, "owner", "/r/").await;
    let patch = async |users: serde_json::Value| {
        let body =
            json!({ "data": { "type": "permissions", "attributes": { "permissions": users } } });
        let request = host
            .request("PATCH", "/r/_permissions")
            .bearing(&of("owner"));
        host.send(request.body(body.to_string())).await
    };
    let said = patch(json!({ "ann": ["read", "write"], "bob": ["read"] })).await;
    assert_eq!(said.status, 200, "{}", said.text());
    let all = json!({ "owner": ["read", "write", "realm-owner"], "ann": ["read", "write"], "bob": ["read"] });
    let data = |answer: &realm_tests::Answer| answer.json()["data"].clone();
    assert_eq!(data(&said)["attributes"]["permissions"], all);
    assert_eq!(data(&said)["type"], "permissions");
    let read = get(&host, &of("owner"), "/r/_permissions").await;
    assert_eq!(data(&read)["attributes"]["permissions"], all);
    // None and an empty list take everything; whoever is not named keeps what they have.
    let said = patch(json!({ "ann": null, "bob": [] })).await;
    let left = json!({ "owner": ["read", "write", "realm-owner"] });
    assert_eq!(data(&said)["attributes"]["permissions"], left);
    let generation = said.generation();
    assert_eq!(
        patch(json!({ "ann": [] })).await.generation(),
        generation,
        "nothing has changed"
    );
    for (users, code) in [
        (json!({ "ann": ["admin"] }), "bad-right"),
        (json!({ "ann": ["owner"] }), "owner"),
        (json!({ "*": ["realm-owner"] }), "owner"),
        (json!({ " ann": ["read"] }), "bad-user"),
        (json!({ "": ["read"] }), "bad-user"),
    ] {
        let refused = patch(users.clone()).await;
        assert_eq!(refused.status, 400, "{users}: {}", refused.text());
        assert_eq!(refused.errors()[0]["code"], code, "{users}");
    }
}
