use realm_tests::{Answer, Host, HostOptions, on_both};

use crate::scene::{Doc, Index, directive, look_again};

on_both! {
    one_rendering_is_served_by_its_format
    what_there_is_none_of_is_not_found
}

async fn rendering(host: &Host, path: &str) -> Answer {
    let request = host.request("GET", path);
    host.send(request.header("accept", "application/vnd.card+html"))
        .await
}

async fn one_rendering_is_served_by_its_format(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    host.put(&format!("{realm}x.json"), "{}").await;
    let renderings = [
        ("isolated", "", "<p>isolated</p>"),
        ("embedded", "", "<p>embedded</p>"),
        (
            "embedded",
            "http://realm.test/r/base/Thing",
            "<p>as a thing</p>",
        ),
        ("icon", "", "<svg></svg>"),
        ("markdown", "", "# isolated"),
    ];
    index.put(&realm, &Doc::of("x.json", &renderings)).await;
    let own = "as=http%3A%2F%2Frealm.test%2Fr%2Fperson%2FPerson";
    let other = "as=http%3A%2F%2Frealm.test%2Fr%2Fbase%2FThing";
    for (query, expected) in [
        (String::new(), "<p>isolated</p>"),
        ("?format=isolated".to_owned(), "<p>isolated</p>"),
        ("?format=embedded".to_owned(), "<p>embedded</p>"),
        (format!("?format=embedded&{own}"), "<p>embedded</p>"),
        (format!("?format=embedded&{other}"), "<p>as a thing</p>"),
        ("?format=icon".to_owned(), "<svg></svg>"),
    ] {
        for name in ["x.json", "x"] {
            let answer = rendering(&host, &format!("{realm}{name}{query}")).await;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, expected),
                "{name}{query}"
            );
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
            assert_eq!(directive(&answer, "default-src"), "'none'");
            assert!(
                answer
                    .header("content-security-policy")
                    .ends_with("; sandbox")
            );
            assert_eq!(answer.generation(), 2);
            let place = if name == "x" {
                format!("/r/x.json{query}")
            } else {
                String::new()
            };
            assert_eq!(answer.header("content-location"), place);
            let tag = answer.header("etag").to_owned();
            assert!(tag.starts_with('"'), "{tag}");
            let known = host.request("GET", &format!("{realm}{name}{query}"));
            let known = known.header("accept", "application/vnd.card+html");
            assert_eq!(
                host.send(known.header("if-none-match", tag)).await.status,
                304
            );
        }
    }
    let markdown = rendering(&host, &format!("{realm}x?format=markdown")).await;
    assert_eq!(
        markdown.header("content-type"),
        "text/markdown; charset=utf-8"
    );
    let plain = host.get(&format!("{realm}x.json?format=embedded")).await;
    assert_eq!(
        plain.text(),
        "{}",
        "a query is nobody's who does not ask for renderings"
    );
}

async fn what_there_is_none_of_is_not_found(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    for path in ["x.json", "new.json", "bad.json"] {
        host.put(&format!("{realm}{path}"), "{}").await;
    }
    index
        .put(&realm, &Doc::of("x.json", &[("isolated", "", "<p>x</p>")]))
        .await;
    let error = "\"it went wrong\"";
    index
        .put(
            &realm,
            &Doc {
                error: Some(error),
                ..Doc::of("bad.json", &[])
            },
        )
        .await;
    let unknown = rendering(&host, &format!("{realm}x?format=gilded")).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text());
    let detail = unknown.errors()[0]["detail"].to_string();
    for format in ["isolated", "embedded", "fitted", "atom", "head", "icon"] {
        assert!(detail.contains(&format!("`{format}`")), "{detail}");
    }
    for (path, status, code) in [
        ("x?format=atom", 404, "no-rendering"),
        ("x?as=http://realm.test/r/other/Other", 404, "no-rendering"),
        ("new", 404, "no-rendering"),
        ("bad", 406, "render"),
        ("missing", 404, "not-found"),
        ("no-folder/", 404, "not-found"),
    ] {
        let answer = rendering(&host, &format!("{realm}{path}")).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_eq!(answer.errors()[0]["code"], code, "{path}");
    }
    host.delete(&format!("{realm}x.json")).await;
    look_again(&host, &realm).await;
    assert_eq!(
        rendering(&host, &format!("{realm}x.json")).await.status,
        404
    );
}
