//! What one host does, on both databases: raw and transpiled files, probing, conditions, listings, errors.

use realm_tests::{Answer, HostOptions, ORIGIN, on_both};

on_both! {
    files_are_served_raw_and_transpiled
    extensions_are_tried_in_order_and_the_answer_names_the_file
    maps_and_assets_stand_beside_the_output
    conditions_are_judged_as_http_says
    writes_tell_what_they_did
    a_multi_file_write_is_all_or_nothing
    a_failed_transpile_names_the_place
    deeply_nested_sources_are_transpiled
    bad_paths_and_bodies_are_refused
    folders_are_listed
    a_generation_can_be_waited_for
    a_stopping_host_finishes_what_it_has_begun
}

async fn files_are_served_raw_and_transpiled(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    let written = host
        .put(&format!("{realm}a.ts"), "export const one: number = 1;\n")
        .await;
    assert_eq!((written.status, written.generation()), (201, 2));
    assert_eq!(written.header("location"), format!("{ORIGIN}/r/a.ts"));
    let made = host.get(&format!("{realm}a.ts")).await;
    assert_eq!(made.status, 200, "{}", made.text());
    assert!(
        made.text().contains("export const one = 1;"),
        "{}",
        made.text()
    );
    assert_eq!(
        made.header("content-type"),
        "text/javascript; charset=utf-8"
    );
    assert_eq!(
        (made.generation(), made.header("x-content-type-options")),
        (2, "nosniff")
    );
    assert_eq!(
        made.header("cache-control"),
        "public, max-age=0, must-revalidate"
    );
    assert_eq!(made.header("sourcemap"), "a.ts.map");
    let raw = host.source(&format!("{realm}a.ts")).await;
    assert_eq!(raw.text(), "export const one: number = 1;\n");
    assert_eq!(raw.header("etag"), written.header("etag"));
    assert_ne!(raw.header("etag"), made.header("etag"));
    host.put(&format!("{realm}logo.svg"), "<svg/>").await;
    let picture = host.get(&format!("{realm}logo.svg")).await;
    assert_eq!(
        (picture.text().as_str(), picture.header("content-type")),
        ("<svg/>", "image/svg+xml")
    );
    assert!(
        picture
            .header("content-security-policy")
            .contains("sandbox")
    );
    host.put(&format!("{realm}plain.js"), "export default 1;\n")
        .await;
    assert_eq!(
        host.get(&format!("{realm}plain.js")).await.text(),
        "export default 1;\n",
        "declined, so it is served as it is"
    );
    let head = host
        .send(host.request("HEAD", &format!("{realm}a.ts")))
        .await;
    assert_eq!(
        (head.status, head.body.len(), head.header("etag")),
        (200, 0, made.header("etag"))
    );
    assert_eq!(head.header("content-length"), made.body.len().to_string());
    let slash = host.get("/r").await;
    assert_eq!((slash.status, slash.header("location")), (302, "/r/"));
    assert_eq!(host.get("/nowhere/a.ts").await.status, 404);
}

async fn extensions_are_tried_in_order_and_the_answer_names_the_file(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    let missing = host.get(&format!("{realm}foo")).await;
    assert_eq!(
        (missing.status, missing.errors()[0]["code"].as_str()),
        (404, Some("not-found"))
    );
    host.put(&format!("{realm}foo.js"), "export default 'js';\n")
        .await;
    assert_eq!(
        host.get(&format!("{realm}foo")).await.text(),
        "export default 'js';\n",
        "an absence is forgotten like anything else"
    );
    host.put(&format!("{realm}foo.ts"), "export default 'ts';\n")
        .await;
    let made = host.get(&format!("{realm}foo")).await;
    assert!(
        made.text().contains("ts"),
        "an alias follows the file that takes it over: {}",
        made.text()
    );
    assert_eq!(made.header("content-location"), "/r/foo.ts");
    let raw = host.source(&format!("{realm}foo")).await;
    assert_eq!((raw.status, raw.header("location")), (302, "/r/foo.ts"));
    host.put(&format!("{realm}foo"), "exactly\n").await;
    assert_eq!(host.get(&format!("{realm}foo")).await.text(), "exactly\n");
    host.delete(&format!("{realm}foo")).await;
    host.delete(&format!("{realm}foo.ts")).await;
    assert_eq!(
        host.get(&format!("{realm}foo")).await.text(),
        "export default 'js';\n"
    );
}

async fn maps_and_assets_stand_beside_the_output(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    host.put(&format!("{realm}a.ts"), "export const one: number = 1;\n")
        .await;
    let map = host.get(&format!("{realm}a.ts.map")).await;
    assert_eq!(
        (map.status, map.json()["version"].as_i64()),
        (200, Some(3)),
        "{}",
        map.text()
    );
    host.put(&format!("{realm}x.misbehave"), "asset\n").await;
    let asset = host.get(&format!("{realm}x.misbehave.css")).await;
    assert_eq!(
        (asset.status, asset.header("content-type")),
        (200, "text/css; charset=utf-8")
    );
    host.put(&format!("{realm}x.misbehave.css"), "a{}").await;
    assert_eq!(
        host.get(&format!("{realm}x.misbehave.css")).await.text(),
        "a{}",
        "a file of that name comes first"
    );
    assert_eq!(host.get(&format!("{realm}plain.map")).await.status, 404);
}

async fn conditions_are_judged_as_http_says(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    let path = format!("{realm}a.ts");
    let tag = host
        .put(&path, "export {};\n")
        .await
        .header("etag")
        .to_owned();
    let made = host.get(&path).await.header("etag").to_owned();
    for known in [
        made.clone(),
        format!("W/{made}"),
        format!("\"x\", {made}"),
        "*".to_owned(),
    ] {
        let answer = host
            .send(host.request("GET", &path).header("if-none-match", &known))
            .await;
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), made);
    }
    assert_eq!(
        host.send(host.request("GET", &path).header("if-none-match", &tag))
            .await
            .status,
        200,
        "the source's tag is another"
    );
    let put = |name: &'static str, value: String| {
        host.request("PUT", &path)
            .header(name, value)
            .body("export const x = 1;\n")
    };
    assert_eq!(
        host.send(put("if-match", "\"other\"".into())).await.status,
        412
    );
    assert_eq!(
        host.send(put("if-none-match", "*".into())).await.status,
        412
    );
    assert_eq!(host.send(put("if-match", tag.clone())).await.status, 204);
    assert_eq!(
        host.send(host.request("DELETE", &path).header("if-match", &tag))
            .await
            .status,
        412,
        "that was the old one"
    );
    assert_eq!(
        host.send(
            host.request("PUT", &format!("{realm}new.ts"))
                .header("if-none-match", "*")
                .body("1")
        )
        .await
        .status,
        201
    );
}

async fn writes_tell_what_they_did(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    let path = format!("{realm}a.txt");
    let first = host.put(&path, "one").await;
    let same = host.put(&path, "one").await;
    assert_eq!(
        (same.status, same.generation()),
        (204, first.generation()),
        "identical bytes change nothing"
    );
    let second = host.put(&path, "two").await;
    assert_eq!(
        (second.status, second.generation()),
        (204, first.generation() + 1)
    );
    let post = host
        .send(
            host.request("POST", &path)
                .header("content-type", "application/octet-stream")
                .body("three"),
        )
        .await;
    assert_eq!(
        (post.status, post.generation()),
        (204, first.generation() + 2)
    );
    assert_eq!(
        host.send(
            host.request("POST", &path)
                .header("content-type", "text/plain")
                .body("x")
        )
        .await
        .status,
        415
    );
    assert_eq!(
        host.delete(&path).await.generation(),
        first.generation() + 3
    );
    assert_eq!(host.send(host.request("DELETE", &path)).await.status, 404);
    let foreign = host
        .send(
            host.request("PUT", &path)
                .header("origin", "http://elsewhere.test")
                .body("x"),
        )
        .await;
    assert_eq!((foreign.status, host.get(&path).await.status), (403, 404));
    assert_eq!(
        host.send(
            host.request("PUT", &path)
                .header("origin", ORIGIN)
                .body("x")
        )
        .await
        .status,
        201
    );
}

async fn a_multi_file_write_is_all_or_nothing(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    let operation = |op: &str, href: &str, content: &str| serde_json::json!({ "op": op, "href": href, "data": { "type": "source", "attributes": { "content": content } } });
    let atomic = |operations: Vec<serde_json::Value>| {
        let body = serde_json::json!({ "atomic:operations": operations });
        host.send(
            host.request("POST", &format!("{realm}_atomic"))
                .body(body.to_string()),
        )
    };
    let done = atomic(vec![
        operation("add", "a.txt", "a"),
        operation("add", &format!("{ORIGIN}/r/b.txt"), "b"),
    ])
    .await;
    assert_eq!(
        (done.status, done.generation()),
        (201, 2),
        "{}",
        done.text()
    );
    assert_eq!(
        done.json()["atomic:results"][1]["data"]["id"],
        format!("{ORIGIN}/r/b.txt")
    );
    for (operations, status) in [
        (
            vec![
                operation("update", "a.txt", "new"),
                operation("add", "b.txt", "again"),
            ],
            409,
        ),
        (
            vec![
                operation("update", "a.txt", "new"),
                operation("update", "c.txt", "c"),
            ],
            404,
        ),
        (
            vec![
                operation("update", "a.txt", "new"),
                operation("frobnicate", "c.txt", "c"),
            ],
            400,
        ),
        (
            vec![
                operation("update", "a.txt", "new"),
                operation("update", "a.txt", "newer"),
            ],
            400,
        ),
        (vec![operation("add", "../x", "new")], 400),
    ] {
        let refused = atomic(operations).await;
        assert_eq!(refused.status, status, "{}", refused.text());
        assert!(!refused.errors().is_empty());
    }
    let kept = host.get(&format!("{realm}a.txt")).await;
    assert_eq!((kept.text().as_str(), kept.generation()), ("a", 2));
    let done = atomic(vec![
        operation("update", "a.txt", "A"),
        serde_json::json!({ "op": "remove", "href": "b.txt" }),
    ])
    .await;
    assert_eq!(
        (done.status, done.generation()),
        (201, 3),
        "two files, one generation"
    );
    assert_eq!(host.get(&format!("{realm}b.txt")).await.status, 404);
}

async fn a_failed_transpile_names_the_place(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    host.put(
        &format!("{realm}bad.ts"),
        "export const ok = 1;\nexport const = ;\n",
    )
    .await;
    for _ in 0..2 {
        let answer = host.get(&format!("{realm}bad.ts")).await;
        assert_eq!(answer.status, 406);
        let error = &answer.errors()[0];
        assert_eq!(
            (error["status"].as_str(), error["source"]["path"].as_str()),
            (Some("406"), Some("bad.ts"))
        );
        assert_eq!(error["source"]["line"], 2, "{error}");
        assert!(
            error["source"]["column"]
                .as_u64()
                .is_some_and(|column| column >= 1)
                && error["code"].is_string()
        );
        assert!(
            error["meta"]["plugin"]
                .as_str()
                .is_some_and(|plugin| plugin.starts_with("typescript@"))
        );
    }
    assert_eq!(
        host.guest_calls("typescript").await,
        1,
        "a failure is an output like any other"
    );
    host.put(&format!("{realm}style.scss"), "@use 'missing';\n")
        .await;
    let answer = host.get(&format!("{realm}style.scss")).await;
    assert_eq!(
        (answer.status, answer.errors()[0]["source"]["line"].as_u64()),
        (406, Some(1)),
        "{}",
        answer.text()
    );
    host.put(&format!("{realm}_missing.scss"), "a { b: c }\n")
        .await;
    assert_eq!(
        host.get(&format!("{realm}style.scss")).await.status,
        200,
        "what was absent is part of the read set"
    );
}

async fn deeply_nested_sources_are_transpiled(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    for depth in [100, 400, 1000] {
        let nested = format!(
            "export const deep: unknown = {}1{};\n",
            "[".repeat(depth),
            "]".repeat(depth)
        );
        host.put(&format!("{realm}deep.ts"), nested).await;
        let answer = host.get(&format!("{realm}deep.ts")).await;
        assert_eq!(answer.status, 200, "{depth} deep: {}", answer.text());
    }
}

async fn bad_paths_and_bodies_are_refused(options: HostOptions) {
    let (host, realm) = options
        .with("max-file-bytes", "10KiB")
        .with("max-body-bytes", "20KiB")
        .with_realm()
        .await;
    for path in ["a//b", "a%00b", "a%5Cb", "%2A", &"x".repeat(1025), "%FF"] {
        let answer = host
            .send(host.request("PUT", &format!("{realm}{path}")).body("x"))
            .await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(!answer.errors().is_empty());
    }
    assert_eq!(
        host.raw(&format!("GET {realm}a/%2e%2e/b HTTP/1.1")).await,
        400,
        "as clients do not send it"
    );
    assert_eq!(
        host.send(host.request("PUT", &format!("{realm}_info")).body("x"))
            .await
            .status,
        405,
        "an endpoint that takes GET"
    );
    assert_eq!(
        host.send(host.request("PUT", &format!("{realm}_search")).body("x"))
            .await
            .status,
        405,
        "reserved"
    );
    assert_eq!(
        host.put(&format!("{realm}_partial.scss"), "x").await.status,
        201,
        "an ordinary file"
    );
    assert_eq!(
        host.put(&format!("{realm}most"), vec![b'x'; 10 << 10])
            .await
            .status,
        201
    );
    let answer = host
        .send(
            host.request("PUT", &format!("{realm}more"))
                .body(vec![b'x'; (10 << 10) + 1]),
        )
        .await;
    assert_eq!(
        (answer.status, answer.errors()[0]["code"].as_str()),
        (413, Some("too-large"))
    );
    let large = serde_json::json!({ "atomic:operations": [], "padding": "x".repeat(20 << 10) });
    assert_eq!(
        host.send(
            host.request("POST", &format!("{realm}_atomic"))
                .body(large.to_string())
        )
        .await
        .status,
        413
    );
    for url in ["nonsense", "http://x/no-slash", "ftp://x/"] {
        let body = serde_json::json!({ "data": { "attributes": { "url": url } } });
        assert_eq!(
            host.send(
                host.request("POST", "/_create-realm")
                    .body(body.to_string())
            )
            .await
            .status,
            400,
            "{url}"
        );
    }
    let own =
        serde_json::json!({ "data": { "attributes": { "url": format!("{ORIGIN}/foreign/") } } });
    let foreign = host
        .request("POST", "/_create-realm")
        .header("origin", "http://elsewhere.test");
    assert_eq!(host.send(foreign.body(own.to_string())).await.status, 403);
    let again = serde_json::json!({ "data": { "attributes": { "url": format!("{ORIGIN}/r/") } } });
    assert_eq!(
        host.send(
            host.request("POST", "/_create-realm")
                .body(again.to_string())
        )
        .await
        .status,
        409
    );
    assert_eq!(
        host.send(host.request("PATCH", &format!("{realm}a")))
            .await
            .status,
        405
    );
}

async fn folders_are_listed(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    for path in ["a.txt", "d/b.txt", "d/e/c.txt", "d2/x.txt"] {
        host.put(&format!("{realm}{path}"), path).await;
    }
    let list = |folder: &'static str| {
        host.send(
            host.request("GET", &format!("{realm}{folder}"))
                .header("accept", "application/vnd.api+json"),
        )
    };
    let root = list("").await;
    let paths = |answer: &Answer| {
        let data = answer.json()["data"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        data.iter()
            .map(|entry| {
                entry["attributes"]["path"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(&root), ["a.txt", "d/", "d2/"]);
    assert_eq!(root.json()["data"][0]["id"], format!("{ORIGIN}/r/a.txt"));
    assert_eq!(paths(&list("d/").await), ["d/b.txt", "d/e/"]);
    assert_eq!(list("nothing/").await.status, 404);
    host.put(&format!("{realm}index.html"), "<p>hello</p>")
        .await;
    let page = host.get(&realm).await;
    assert_eq!(
        (page.text().as_str(), page.header("content-type")),
        ("<p>hello</p>", "text/html; charset=utf-8")
    );
    assert!(
        page.header("content-security-policy")
            .contains("object-src 'none'")
    );
}

async fn a_generation_can_be_waited_for(options: HostOptions) {
    let (host, realm) = options.with("generation-wait", "100ms").with_realm().await;
    let written = host.put(&format!("{realm}a.txt"), "a").await.generation();
    let ask = |generation: String| {
        host.send(
            host.request("GET", &format!("{realm}a.txt"))
                .header("realm-generation", generation),
        )
    };
    assert_eq!(ask(written.to_string()).await.status, 200);
    let early = ask((written + 1).to_string()).await;
    assert_eq!((early.status, early.header("retry-after")), (503, "1"));
    assert_eq!(ask("soon".to_owned()).await.status, 400);
}

async fn a_stopping_host_finishes_what_it_has_begun(options: HostOptions) {
    let (host, realm) = options.with("drain", "300ms").with_realm().await;
    host.put(&format!("{realm}spin.misbehave"), "spin\n").await;
    host.put(&format!("{realm}a.txt"), "a").await;
    host.close_gate("blob-read", "").await;
    let (read, spin) = (
        host.request("GET", &format!("{realm}a.txt")),
        host.request("GET", &format!("{realm}spin.misbehave")),
    );
    let (read, spin) = (tokio::spawn(read.send()), tokio::spawn(spin.send()));
    host.at_gate("blob-read", 2).await;
    host.signal("TERM");
    host.open_gate("blob-read").await;
    assert_eq!(
        read.await.unwrap().unwrap().status(),
        200,
        "a request that had begun is answered"
    );
    assert!(
        host.ended().await,
        "the guest that spins does not keep the host"
    );
    drop(spin);
}
