//! Replicas with other keys: each judges for itself what the database has.

use realm_tests::{Host, HostOptions, Storage, component_digest, eventually};
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

use crate::{Signer, component, write};

/// Longer than a test: what a replica has heard of, it has heard of by notification.
const LONG: &str = "10m";

/// A replica that takes everything, one that takes what alice has signed, and their database.
struct Pair {
    lax: Host,
    strict: Host,
    strictly: HostOptions,
    url: String,
    _data: TempDir,
}

async fn pair(alice: &Signer) -> Pair {
    let url = realm_tests::server().database().await;
    let options = HostOptions::new(Storage::Postgres(url.clone()))
        .with("role", "serve")
        .with("lease", LONG);
    let data = tempfile::tempdir().expect("a folder");
    let strictly = options
        .clone()
        .in_folder(data.path())
        .with("plugin-keys", &alice.setting())
        .with("plugin-signatures", "required");
    let lax = options.with_realm().await.0;
    let strict = strictly.clone().start().await;
    eventually("the realm is mounted on both", || async {
        (strict.get("/r/_info").await.status == 200).then_some(())
    })
    .await;
    lax.put("/r/x.edition", "hello").await;
    Pair {
        lax,
        strict,
        strictly,
        url,
        _data: data,
    }
}

async fn install(host: &Host, component: &[u8], signature: Option<&str>) -> Value {
    let folder = tempfile::tempdir().expect("a folder");
    let file = write(folder.path(), "x.wasm", component, signature);
    let output = host
        .command(&["plugin", "--host", &host.admin, "install", &file, "--json"])
        .await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

async fn shown(host: &Host, plugin: &str) -> Value {
    host.admin(&format!("/_plugins/{plugin}")).await.json()["data"].clone()
}

/// Waits until a plugin has failed, for this reason.
async fn fails(host: &Host, digest: &str, reason: &str) {
    eventually(&format!("`{reason}` of {digest}"), || async {
        let shown = shown(host, digest).await;
        let told = shown["problem"].as_str()?.contains(reason);
        (told && shown["state"] == "failed" && shown["signer"].is_null()).then_some(())
    })
    .await;
}

async fn serves(host: &Host, wanted: &str) {
    eventually(&format!("`{wanted}`"), || async {
        let answer = host.get("/r/x.edition").await;
        (answer.status == 200 && answer.text().trim_end() == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_requires_signatures_runs_nothing_that_another_has_let_in() {
    let (alice, bob) = (Signer::new("alice"), Signer::new("bob"));
    let pair = pair(&alice).await;
    let wasm = component("one");
    let digest = component_digest(&wasm);
    install(&pair.lax, &wasm, None).await;
    serves(&pair.lax, "one: hello").await;
    fails(&pair.strict, &digest, "it has no signature").await;
    serves(&pair.strict, "hello").await;
    let check = pair.strict.check("plugins").await;
    assert_eq!(check["good"], false, "{check}");
    // Nor when somebody whom it does not know has signed it.
    install(&pair.lax, &wasm, Some(&bob.sign(&wasm))).await;
    fails(&pair.strict, &digest, "which is none of `plugin-keys`").await;
    serves(&pair.strict, "hello").await;
    // As soon as there is one that it knows, it does not wait to try again.
    let installed = install(&pair.lax, &wasm, Some(&alice.sign(&wasm))).await;
    assert_eq!(installed["signer"], Value::Null, "{installed}");
    serves(&pair.strict, "one: hello").await;
    let strict = shown(&pair.strict, &digest).await;
    assert_eq!(strict["signer"], "alice", "{strict}");
    assert_eq!(strict["signature"]["verified"], true, "{strict}");
    let two = component("two");
    install(&pair.lax, &two, None).await;
    serves(&pair.lax, "two: hello").await;
    fails(&pair.strict, &component_digest(&two), "it has no signature").await;
    // What it had stays in force.
    serves(&pair.strict, "one: hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_believed_for_standing_in_the_database() {
    let alice = Signer::new("alice");
    let pair = pair(&alice).await;
    let wasm = component("one");
    let digest = component_digest(&wasm);
    install(&pair.strict, &wasm, Some(&alice.sign(&wasm))).await;
    serves(&pair.strict, "one: hello").await;
    assert!(pair.strict.stop().await);
    let mut database = PgConnection::connect(&pair.url).await.expect("it is up");
    for (change, reason) in [
        ("signature = NULL", "it has no signature".to_owned()),
        ("signature = 'alice'", "is none of minisign's".to_owned()),
        (
            &format!("signature = '{}'", alice.sign(b"another")),
            "its signature does not verify with the key of `alice`".to_owned(),
        ),
    ] {
        // The signer's name is there as before.
        let sql = format!("UPDATE plugins SET {change}");
        let changed = database.execute(sqlx::AssertSqlSafe(sql)).await;
        assert_eq!(changed.expect("it is there").rows_affected(), 1);
        let strict = pair.strictly.clone().start().await;
        fails(&strict, &digest, &reason).await;
        serves(&strict, "hello").await;
        assert!(strict.stop().await);
    }
}
