use realm_tests::{HostOptions, on_both};
use serde_json::Value;

use crate::scene::{Doc, Index, between, directive, nonce, page};

on_both! {
    what_a_document_says_of_itself_is_text
    a_document_gains_no_script_of_its_own
}

const SCRIPT: &str = "<script>alert(1)</script>";

async fn what_a_document_says_of_itself_is_text(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    let path = "a\"'><script>alert(1)<&.json";
    let encoded = "a%22'%3E%3Cscript%3Ealert(1)%3C&.json";
    host.put(&format!("{realm}{encoded}"), "{}").await;
    host.put(
        &format!("{realm}realm.json"),
        format!(r#"{{ "imports": {{ "</script>{SCRIPT}<!--": "/x" }} }}"#),
    )
    .await;
    let title = format!("</title>{SCRIPT}\"'&");
    let types = [&*format!("\">{SCRIPT}'")];
    let language = serde_json::json!({ "lang": format!("\">{SCRIPT}") }).to_string();
    let doc = Doc {
        title: Some(&title),
        types: &types,
        search_document: &language,
        ..Doc::of(path, &[("isolated", "", "<p>isolated</p>")])
    };
    index.put(&realm, &doc).await;
    let shown = page(&host, &format!("{realm}{encoded}")).await;
    let text = shown.text();
    assert_eq!(shown.status, 200, "{text}");
    assert!(!text.contains(SCRIPT), "{text}");
    assert_eq!(text.matches("<script").count(), 1, "the import map: {text}");
    assert_eq!(text.matches("</script").count(), 1, "{text}");
    assert_eq!(text.matches("</title>").count(), 1, "{text}");
    assert!(text.contains("<html lang=\"en\">"), "{text}");
    assert!(
        text.contains("&lt;/title&gt;&lt;script&gt;alert(1)"),
        "{text}"
    );
    let container = between(&text, "<div ", "<p>isolated</p>");
    assert_eq!(
        container.matches('"').count(),
        6,
        "three attributes, and no more: {container}"
    );
    assert_eq!(container.matches('>').count(), 1, "{container}");
    let start = format!("nonce=\"{}\">", nonce(&shown));
    let map: Value = serde_json::from_str(between(&text, &start, "</script>")).unwrap();
    assert_eq!(map["imports"][format!("</script>{SCRIPT}<!--")], "/x");
}

/// Whatever a rendering has in it: the host's nonce stands before it, and the policy lets no script run without.
async fn a_document_gains_no_script_of_its_own(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    host.put(&format!("{realm}x.json"), "{}").await;
    let isolated = "</div></body></html><script>alert(1)</script><script nonce=\"\">alert(2)</script>\
        <img src=x onerror=alert(3)><base href=\"https://evil.example/\"><iframe srcdoc=\"<script>alert(4)</script>\"></iframe>\
        <object data=\"evil.swf\"></object><a href=\"javascript:alert(5)\">x</a><textarea>";
    let head = "<base href=\"https://evil.example/\"><meta content='";
    let renderings = [("isolated", "", isolated), ("head", "", head)];
    index.put(&realm, &Doc::of("x.json", &renderings)).await;
    let shown = page(&host, &format!("{realm}x.json")).await;
    let (text, nonce) = (shown.text(), nonce(&shown));
    let at = text.find(&nonce).expect("the nonce");
    assert_eq!(text.matches(&nonce).count(), 1, "{text}");
    assert!(
        at < text.find(head).expect("the head"),
        "no open attribute takes it in: {text}"
    );
    assert!(at < text.find(isolated).expect("the document"), "{text}");
    let scripts = directive(&shown, "script-src");
    assert_eq!(scripts, format!("'self' 'nonce-{nonce}'"));
    assert_eq!(directive(&shown, "base-uri"), "'none'");
    assert_eq!(directive(&shown, "object-src"), "'none'");
    assert_eq!(directive(&shown, "form-action"), "'self'");
    assert_eq!(directive(&shown, "default-src"), "'self'");
}
