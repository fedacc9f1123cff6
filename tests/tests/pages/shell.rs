use std::io::Read as _;

use flate2::read::GzDecoder;
use realm_tests::{Answer, HostOptions, on_both};
use serde_json::Value;

use crate::scene::{Doc, Index, between, directive, look_again, nonce, page, visit};

on_both! {
    a_document_is_shown_in_the_page_shell
    each_answer_has_a_nonce_of_its_own
    a_page_is_at_its_url_without_extension_and_an_index_at_its_folder
    without_a_rendering_it_is_served_as_it_is
    pages_load_modules_from_where_the_realm_says
    the_runtime_is_everyones
}

const ISOLATED: &str = "<h1>Isolated</h1><script type=\"module\" src=\"./main.ts\"></script>";
const HEAD: &str = "<meta name=\"description\" content=\"Head\">";

async fn a_document_is_shown_in_the_page_shell(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    host.put(&format!("{realm}x.json"), "{}").await;
    let renderings = [("isolated", "", ISOLATED), ("head", "", HEAD)];
    index.put(&realm, &Doc::of("x.json", &renderings)).await;
    let shown = page(&host, &format!("{realm}x.json")).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert_eq!(shown.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    assert_eq!(shown.header("vary"), "Accept, Accept-Encoding");
    assert_eq!(
        shown.header("cache-control"),
        "public, max-age=0, must-revalidate"
    );
    assert_eq!(shown.header("content-location"), "");
    assert_eq!(shown.generation(), 2);
    let text = shown.text();
    assert!(
        text.starts_with("<!doctype html>\n<html lang=\"en\">"),
        "{text}"
    );
    assert!(text.contains("<meta charset=\"utf-8\">"), "{text}");
    assert!(text.contains("name=\"viewport\""), "{text}");
    assert!(text.contains("<title>A title</title>"), "{text}");
    assert!(between(&text, "<head>", "</head>").contains(HEAD), "{text}");
    assert!(
        between(&text, "<body>", "</body>").contains(ISOLATED),
        "{text}"
    );
    assert!(
        text.contains("data-realm-document=\"http://realm.test/r/x.json\""),
        "{text}"
    );
    let nonce = nonce(&shown);
    let map = between(
        &text,
        &format!("<script type=\"importmap\" nonce=\"{nonce}\">"),
        "</script>",
    );
    let map: Value = serde_json::from_str(map).unwrap();
    assert_eq!(
        map["imports"]["realm/jsx-runtime"],
        "/_runtime/jsx-runtime.js"
    );
    assert_eq!(directive(&shown, "object-src"), "'none'");
    assert_eq!(directive(&shown, "frame-ancestors"), "'self'");
    let again = page(&host, &format!("{realm}x.json")).await;
    assert_eq!(again.header("cache-status"), "realm; hit");
    let data = host.get(&format!("{realm}x.json")).await;
    assert_eq!(
        (data.text().as_str(), data.header("content-type")),
        ("{}", "application/json")
    );
    let raw = host.source(&format!("{realm}x.json")).await;
    assert_eq!(raw.text(), "{}");
}

async fn each_answer_has_a_nonce_of_its_own(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    let path = format!("{realm}x.json");
    host.put(&path, "{}").await;
    let isolated = "<p>Words on a page.</p>".repeat(100);
    index
        .put(&realm, &Doc::of("x.json", &[("isolated", "", &isolated)]))
        .await;
    let (first, second) = (page(&host, &path).await, page(&host, &path).await);
    assert_ne!(nonce(&first), nonce(&second));
    let without = |answer: &Answer, text: &str| text.replace(&nonce(answer), "NONCE");
    let plain = without(&first, &first.text());
    assert_eq!(plain.matches("NONCE").count(), 1, "{plain}");
    assert_eq!(plain, without(&second, &second.text()));
    let tag = first.header("etag").to_owned();
    assert!(tag.starts_with("W/\""), "its bytes differ each time: {tag}");
    assert_eq!(second.header("etag"), tag);
    let known = host
        .send(visit(&host, &path).header("if-none-match", &tag))
        .await;
    assert_eq!((known.status, known.body.len()), (304, 0));
    assert_eq!(known.header("etag"), tag);
    assert_eq!(
        known.header("content-security-policy"),
        "",
        "the body that the reader has came with another"
    );
    let head = host.request("HEAD", &path).header("accept", "text/html");
    let head = host.send(head).await;
    assert_eq!(
        (head.status, head.body.len(), head.header("etag")),
        (200, 0, &*tag)
    );
    assert_eq!(head.header("content-length"), first.body.len().to_string());
    let part = host
        .send(visit(&host, &path).header("range", "bytes=0-9"))
        .await;
    assert_eq!((part.status, part.body.len()), (200, first.body.len()));
    let gzip = || visit(&host, &path).header("accept-encoding", "br, gzip");
    for _ in 0..2 {
        let coded = host.send(gzip()).await;
        assert_eq!(coded.header("content-encoding"), "gzip");
        assert_eq!(coded.header("content-length"), coded.body.len().to_string());
        assert!(
            coded.body.len() < first.body.len() / 2,
            "{}",
            coded.body.len()
        );
        assert_ne!(coded.header("etag"), tag);
        let mut text = String::new();
        GzDecoder::new(&coded.body[..])
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(without(&coded, &text), plain);
        let known = host
            .send(gzip().header("if-none-match", coded.header("etag")))
            .await;
        assert_eq!((known.status, known.header("content-encoding")), (304, ""));
    }
    let brotli = host
        .send(visit(&host, &path).header("accept-encoding", "br"))
        .await;
    assert_eq!(brotli.header("content-encoding"), "");
    index
        .put(
            &realm,
            &Doc::of("x.json", &[("isolated", "", "<p>Others.</p>")]),
        )
        .await;
    look_again(&host, &realm).await;
    let other = host
        .send(visit(&host, &path).header("if-none-match", &tag))
        .await;
    assert_eq!(other.status, 200);
    assert!(other.text().contains("<p>Others.</p>"), "{}", other.text());
    assert_ne!(other.header("etag"), tag);
}

async fn a_page_is_at_its_url_without_extension_and_an_index_at_its_folder(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    for path in [
        "x.json",
        "x.md",
        "index.html",
        "index.md",
        "docs/index.md",
        "docs/a.md",
    ] {
        host.put(&format!("{realm}{path}"), path).await;
        index
            .put(
                &realm,
                &Doc::of(path, &[("isolated", "", &format!("<p>{path}</p>"))]),
            )
            .await;
    }
    look_again(&host, &realm).await;
    for (asked, shown) in [
        ("x", "x.json"),
        ("x.md", "x.md"),
        ("", "index.md"),
        ("index", "index.md"),
        ("docs/", "docs/index.md"),
        ("docs/a", "docs/a.md"),
    ] {
        let answer = page(&host, &format!("{realm}{asked}")).await;
        let text = answer.text();
        assert!(
            text.contains(&format!("<p>{shown}</p>")),
            "{asked}: {} {text}",
            answer.status
        );
        let place = if asked == shown {
            String::new()
        } else {
            format!("{realm}{shown}")
        };
        assert_eq!(answer.header("content-location"), place, "{asked}");
    }
    for asked in ["docs", "y", "nothing/", "x.j"] {
        let answer = page(&host, &format!("{realm}{asked}")).await;
        assert_eq!(
            (answer.status, answer.errors()[0]["code"].as_str()),
            (404, Some("not-found"))
        );
    }
    assert_eq!(
        host.get(&format!("{realm}x")).await.status,
        404,
        "who asks for no page"
    );
    host.put(&format!("{realm}x.ts"), "export const x: number = 1;\n")
        .await;
    let module = page(&host, &format!("{realm}x")).await;
    assert_eq!(
        module.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    host.delete(&format!("{realm}x.ts")).await;
    host.delete(&format!("{realm}x.json")).await;
    let other = page(&host, &format!("{realm}x")).await;
    assert!(other.text().contains("<p>x.md</p>"), "{}", other.text());
}

async fn without_a_rendering_it_is_served_as_it_is(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    host.put(&format!("{realm}index.html"), "<p>as it is</p>")
        .await;
    host.put(&format!("{realm}note.md"), "# Note\n").await;
    let stored = page(&host, &realm).await;
    assert_eq!(stored.text(), "<p>as it is</p>");
    assert_eq!(
        stored.header("content-location"),
        format!("{realm}index.html")
    );
    assert!(directive(&stored, "script-src").contains("'unsafe-inline'"));
    let note = page(&host, &format!("{realm}note")).await;
    assert_eq!(
        (note.text().as_str(), note.header("content-location")),
        ("# Note\n", "/r/note.md")
    );
    let error = r#"{ "plugin": "cards@1.0.0", "diagnostics": [{ "severity": "error", "message": "no such export",
        "code": "CARD1", "path": "x.json", "start": { "line": 2, "column": 7 }, "end": null, "help": "name one" }] }"#;
    host.put(&format!("{realm}x.json"), "{}").await;
    index
        .put(
            &realm,
            &Doc {
                error: Some(error),
                ..Doc::of("x.json", &[])
            },
        )
        .await;
    index
        .put(
            &realm,
            &Doc {
                error: Some(error),
                ..Doc::of("note.md", &[("isolated", "", "<p>of before</p>")])
            },
        )
        .await;
    look_again(&host, &realm).await;
    for path in ["x", "x.json"] {
        let failed = page(&host, &format!("{realm}{path}")).await;
        assert_eq!(failed.status, 406, "{}", failed.text());
        assert_eq!(failed.generation(), 2);
        let error = &failed.errors()[0];
        assert_eq!(
            (&error["code"], &error["source"]["line"]),
            (&"CARD1".into(), &2.into())
        );
        assert_eq!(error["meta"]["plugin"], "cards@1.0.0");
    }
    assert_eq!(
        host.get(&format!("{realm}x.json")).await.text(),
        "{}",
        "for those who want it"
    );
    let before = page(&host, &format!("{realm}note.md")).await;
    assert_eq!(before.status, 200);
    assert!(
        before.text().contains("<p>of before</p>"),
        "{}",
        before.text()
    );
    assert!(
        before.text().contains("data-realm-state=\"error\""),
        "{}",
        before.text()
    );
    host.put(&format!("{realm}index.json"), "{}").await;
    index
        .put(
            &realm,
            &Doc {
                error: Some(error),
                ..Doc::of("index.json", &[])
            },
        )
        .await;
    look_again(&host, &realm).await;
    assert_eq!(
        page(&host, &realm).await.text(),
        "<p>as it is</p>",
        "the author's page stands in"
    );
}

async fn pages_load_modules_from_where_the_realm_says(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    host.put(
        &format!("{realm}realm.json"),
        r#"{ "imports": { "lit": "https://cdn.example/lit.js", "@lib/": "./lib/" }, "cacheControl": "max-age=60" }"#,
    )
    .await;
    host.put(&format!("{realm}x.json"), "{}").await;
    index
        .put(&realm, &Doc::of("x.json", &[("isolated", "", "<p>x</p>")]))
        .await;
    let shown = page(&host, &format!("{realm}x.json")).await;
    assert!(directive(&shown, "script-src").ends_with(" https://cdn.example"));
    assert_eq!(shown.header("cache-control"), "public, max-age=60");
    let text = shown.text();
    let map: Value = serde_json::from_str(between(
        &text,
        &format!("nonce=\"{}\">", nonce(&shown)),
        "</script>",
    ))
    .unwrap();
    assert_eq!(map["imports"]["@lib/"], "/r/lib/");
    assert_eq!(map["imports"]["lit"], "https://cdn.example/lit.js");
    let tag = shown.header("etag").to_owned();
    host.put(&format!("{realm}realm.json"), "{}").await;
    let other = page(&host, &format!("{realm}x.json")).await;
    assert_ne!(other.header("etag"), tag);
    assert!(!other.text().contains("cdn.example"), "{}", other.text());
}

async fn the_runtime_is_everyones(options: HostOptions) {
    let host = options
        .with("auth", "none")
        .with("role", "serve")
        .start()
        .await;
    let module = host.get("/_runtime/jsx-runtime.js").await;
    assert_eq!(module.status, 200);
    assert_eq!(
        module.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert!(module.text().contains("export"), "{}", module.text());
    assert!(
        module
            .header("cache-control")
            .starts_with("public, max-age=")
    );
    let tag = module.header("etag");
    assert!(tag.starts_with('"'), "{tag}");
    let known = host
        .request("GET", "/_runtime/jsx-runtime.js")
        .header("if-none-match", tag);
    assert_eq!(host.send(known).await.status, 304);
    let head = host
        .send(host.request("HEAD", "/_runtime/jsx-runtime.js"))
        .await;
    assert_eq!(head.header("content-length"), module.body.len().to_string());
    let coded = host
        .request("GET", "/_runtime/jsx-runtime.js")
        .header("accept-encoding", "gzip");
    let coded = host.send(coded).await;
    if coded.header("content-encoding") == "gzip" {
        assert_ne!(coded.header("etag"), tag);
    }
    assert_eq!(
        host.send(host.request("PUT", "/_runtime/jsx-runtime.js"))
            .await
            .status,
        405
    );
    assert_eq!(host.get("/_runtime/other.js").await.status, 404);
}
