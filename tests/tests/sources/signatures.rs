//! Whose signatures a host believes: by a host, and by a command that works on the database.

use realm_tests::{Answer, Host, component_digest};
use serde_json::Value;

use crate::{Desk, Signer, component, stderr};

/// Trusts `alice` and nobody else.
fn strict(alice: &Signer) -> Desk {
    let keys = alice.setting();
    Desk::with(|options| {
        options
            .env("REALM_PLUGIN_KEYS", &keys)
            .env("REALM_PLUGIN_SIGNATURES", "required")
    })
}

/// What is refused, each with the reason and its code.
fn misuses(alice: &Signer) -> Vec<(Option<String>, String, &'static str)> {
    let (mallory, wasm) = (Signer::new("mallory"), component("one"));
    let by_mallory = mallory.sign(&wasm);
    let changed = alice.sign(&wasm).replace("by alice", "by alicia");
    let wrong = "its signature does not verify with the key of `alice`: the component or the signature was changed, or they do not belong together";
    let number = mallory.number();
    vec![
        (
            None,
            "it has no signature, and this host runs nothing without one (`plugin-signatures`); known signers are alice".to_owned(),
            "unsigned",
        ),
        (
            Some(by_mallory),
            format!("it is signed with the key {number}, which is none of `plugin-keys`; known signers are alice"),
            "unknown-key",
        ),
        (
            Some(alice.sign(&component("two"))),
            wrong.to_owned(),
            "signature",
        ),
        // What the signer has said is signed too.
        (Some(changed), wrong.to_owned(), "signature"),
        (
            Some("hello\n".to_owned()),
            "what came as its signature is none of minisign's: Invalid encoding in minisign data; it is the text of the `.minisig` file".to_owned(),
            "signature",
        ),
    ]
}

async fn put(host: &Host, component: &[u8], signature: Option<&str>) -> Answer {
    let path = format!("/_plugins/{}?source=a-test", component_digest(component));
    let mut request = host.admin_request("PUT", &path);
    if let Some(signature) = signature {
        request = host.admin_request("PUT", &{
            let encoded: String = signature
                .bytes()
                .map(|byte| format!("%{byte:02x}"))
                .collect();
            format!("{path}&signature={encoded}")
        });
    }
    host.send(request.body(component.to_vec())).await
}

#[tokio::test]
async fn a_host_that_requires_signatures_takes_none_but_those_it_knows() {
    let alice = Signer::new("alice");
    let desk = strict(&alice);
    let host = desk.host().await;
    let wasm = component("one");
    for (signature, told, code) in misuses(&alice) {
        let answer = put(&host, &wasm, signature.as_deref()).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        let error = &answer.errors()[0];
        assert_eq!(error["detail"], *format!("a-test: {told}"), "{error}");
        assert_eq!(error["code"], code, "{error}");
    }
    let listed = host.admin("/_plugins").await.text();
    assert!(!listed.contains("\"edition\""), "{listed}");
    let answer = put(&host, &wasm, Some(&alice.sign(&wasm))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["data"]["signer"], "alice");
    host.put("/r/x.edition", "hello").await;
    assert_eq!(host.get("/r/x.edition").await.text(), "one: hello\n");
}

#[tokio::test]
async fn a_command_that_works_on_the_database_asks_for_the_same() {
    let alice = Signer::new("alice");
    let desk = strict(&alice);
    let wasm = component("one");
    for (number, (signature, told, _)) in misuses(&alice).into_iter().enumerate() {
        let name = format!("{number}.wasm");
        let file = desk.file(&name, &wasm, signature.as_deref());
        assert_eq!(desk.refused(&[&file]).await, format!("{file}: {told}"));
    }
    let file = desk.file("good.wasm", &wasm, Some(&alice.sign(&wasm)));
    let installed = desk.installed(&[&file]).await;
    assert_eq!(installed["signer"], "alice", "{installed}");
}

#[tokio::test]
async fn a_signature_that_does_not_verify_is_refused_where_none_is_needed() {
    let (alice, bob) = (Signer::new("alice"), Signer::new("bob"));
    let desk = Desk::with(|options| options.env("REALM_PLUGIN_KEYS", &alice.setting()));
    let host = desk.host().await;
    let wasm = component("one");
    let wrong = alice.sign(&component("two"));
    let answer = put(&host, &wasm, Some(&wrong)).await;
    assert_eq!(answer.status, 422, "{}", answer.text());
    assert_eq!(answer.errors()[0]["code"], "signature");
    // Of whom it does not know it says so.
    let by_bob = bob.sign(&wasm);
    let answer = put(&host, &wasm, Some(&by_bob)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let installed = answer.json()["data"].clone();
    assert_eq!(installed["signer"], Value::Null, "{installed}");
    assert_eq!(installed["signature"]["key"], *bob.number());
    assert_eq!(installed["signature"]["comment"], Value::Null);
    let listed = desk.run(&["list"]).await;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let known = format!("from a-test, signed by an unknown key ({})", bob.number());
    assert!(listed.contains(&known), "{listed}");
    // Installed again, with a better one, and again with none, which takes none away.
    for signature in [
        Some(alice.sign(&wasm)),
        None,
        Some(alice.sign_as_of_old(&wasm)),
    ] {
        let answer = put(&host, &wasm, signature.as_deref()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let shown = host.admin("/_plugins/edition").await.json();
        assert_eq!(shown["data"]["signer"], "alice", "{shown}");
    }
}

#[tokio::test]
async fn a_signed_plugin_is_upgraded_and_taken_back() {
    let alice = Signer::new("alice");
    let desk = strict(&alice);
    let host = desk.host().await;
    host.put("/r/x.edition", "hello").await;
    let mut files = Vec::new();
    for text in ["one", "two"] {
        let wasm = component(text);
        let file = desk.file(&format!("{text}.wasm"), &wasm, Some(&alice.sign(&wasm)));
        let installed = desk.installed(&[&file]).await;
        assert_eq!(installed["signer"], "alice", "{installed}");
        let served = host.get("/r/x.edition").await.text();
        assert_eq!(served, format!("{text}: hello\n"));
        files.push(component_digest(&wasm));
    }
    let taken_back = desk.run(&["enable", &files[0]]).await;
    assert!(taken_back.status.success(), "{}", stderr(&taken_back));
    assert_eq!(host.get("/r/x.edition").await.text(), "one: hello\n");
}
