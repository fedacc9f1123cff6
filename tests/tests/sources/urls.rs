//! What a URL leads to.

use realm_tests::component_digest;

use crate::server::{Reply, Server};
use crate::{Desk, Signer, component, stderr};

#[tokio::test]
async fn a_component_is_fetched_with_the_signature_beside_it() {
    let alice = Signer::new("alice");
    let desk = Desk::with(|options| options.with("plugin-keys", &alice.setting()));
    let wasm = component("one");
    let digest = component_digest(&wasm);
    let signature = alice.sign(&wasm);
    let server = Server::start(move |request| match request.path.as_str() {
        "/a/x.wasm?v=1" => Reply::new(200, wasm.clone()),
        "/a/x.wasm.minisig?v=1" => Reply::new(200, signature.clone()),
        _ => Reply::new(404, ""),
    })
    .await;
    let host = desk.host().await;
    host.put("/r/x.edition", "hello").await;
    let url = format!("{}/a/x.wasm?v=1", server.url);
    let keys = alice.setting();
    let installed = desk
        .installed(&[&url, "--pin", &digest, "--plugin-keys", &keys])
        .await;
    assert_eq!(installed["source"], *url, "{installed}");
    assert_eq!(installed["pin"], *digest);
    assert_eq!(installed["signer"], "alice");
    assert_eq!(installed["signature"]["comment"], "by alice");
    assert_eq!(installed["signature"]["verified"], true);
    assert_eq!(host.get("/r/x.edition").await.text(), "one: hello\n");
    let listed = desk.run(&["list"]).await;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let known = format!("from {url}, pinned, signed by alice");
    assert!(listed.contains(&known), "{listed}");
    let shown = desk.run(&["inspect", "edition"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    for line in [
        format!("source      {url}"),
        format!("pin         {digest}"),
        "signed by   alice".to_owned(),
        "comment     by alice".to_owned(),
    ] {
        assert!(shown.contains(&line), "{shown}");
    }
}

#[tokio::test]
async fn a_component_is_fetched_over_tls_of_whom_the_system_trusts() {
    let desk = Desk::new();
    let wasm = component("one");
    let (server, certificate) = Server::secure(move |request| match request.path.as_str() {
        "/x.wasm" => Reply::new(200, wasm.clone()),
        _ => Reply::new(404, ""),
    })
    .await;
    let url = format!("{}/x.wasm", server.url);
    let told = desk.refused(&[&url]).await;
    assert!(
        told.starts_with(&url) && told.contains("certificate"),
        "{told}"
    );
    let trusted = desk.folder.path().join("trusted.pem");
    std::fs::write(&trusted, certificate).expect("a folder to write to");
    let trusted = trusted.display().to_string();
    let desk = Desk::with(|options| options.env("SSL_CERT_FILE", &trusted));
    let installed = desk.installed(&[&url]).await;
    assert_eq!(installed["source"], *url, "{installed}");
    assert!(installed["signature"].is_null() && installed["pin"].is_null());
}

#[tokio::test]
async fn servers_may_lead_on_and_tell_nobody_else_who_one_is() {
    let desk = Desk::new();
    let wasm = component("one");
    let other = Server::start(move |request| match request.path.as_str() {
        "/x.wasm" => Reply::new(200, wasm.clone()),
        _ => Reply::new(404, ""),
    })
    .await;
    let to = format!("{}/x.wasm", other.url);
    let server = Server::start(move |request| match request.path.as_str() {
        "/a/one.wasm" => Reply::redirect("two.wasm"),
        "/a/two.wasm" => Reply::redirect(&to),
        _ => Reply::new(404, ""),
    })
    .await;
    let url = format!("{}/a/one.wasm", server.url);
    let with_login = url.replace("http://", "http://ann:a%20secret@");
    let installed = desk.installed(&[&with_login]).await;
    assert_eq!(installed["source"], *url, "{installed}");
    let login = |server: &Server| {
        let asked = server.asked();
        let told = asked
            .iter()
            .filter_map(|request| request.headers.get("authorization"));
        told.cloned().collect::<Vec<_>>()
    };
    // `ann:a secret`, for the component twice and for its signature.
    assert_eq!(login(&server), ["Basic YW5uOmEgc2VjcmV0"; 3]);
    let told = login(&other);
    assert!(told.is_empty(), "{told:?}");
}

#[tokio::test]
async fn a_signature_is_where_one_says() {
    let (alice, bob) = (Signer::new("alice"), Signer::new("bob"));
    let keys = format!("{},{}", alice.setting(), bob.setting());
    let desk = Desk::with(|options| options.env("REALM_PLUGIN_KEYS", &keys));
    let wasm = component("one");
    // The one beside it is not looked at.
    let file = desk.file("x.wasm", &wasm, Some(&alice.sign(&wasm)));
    let elsewhere = desk.file("other.minisig", bob.sign(&wasm).as_bytes(), None);
    let installed = desk.installed(&[&file, "--signature", &elsewhere]).await;
    assert_eq!(installed["signer"], "bob", "{installed}");
    let signature = bob.sign(&wasm);
    let server = Server::start(move |request| match request.path.as_str() {
        "/sig" => Reply::new(200, signature.clone()),
        _ => Reply::new(404, ""),
    })
    .await;
    let at = |path: &str| format!("{}{path}", server.url);
    let installed = desk.installed(&[&file, "--signature", &at("/sig")]).await;
    assert_eq!(installed["signer"], "bob", "{installed}");
    let told = desk.refused(&[&file, "--signature", &at("/none")]).await;
    let wanted = format!(
        "{}: there is no such thing there (404 Not Found)",
        at("/none")
    );
    assert_eq!(told, wanted);
    let told = desk.refused(&[&file, "--signature", "/nowhere"]).await;
    assert!(told.starts_with("/nowhere: "), "{told}");
    let installed = desk.installed(&[&file]).await;
    assert_eq!(installed["signer"], "alice", "{installed}");
}

#[tokio::test]
async fn what_cannot_be_fetched_is_a_usage_error() {
    let desk = Desk::new();
    for (reference, told) in [
        ("ftp://example.org/x.wasm", "nothing is fetched by `ftp://`"),
        ("oci://ghcr.io", "names no repository"),
        ("https://", "this is no URL"),
    ] {
        let output = desk.run(&["install", reference]).await;
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
    }
    let told = desk.refused(&["/nowhere/x.wasm"]).await;
    assert!(told.starts_with("/nowhere/x.wasm: No such file"), "{told}");
}
