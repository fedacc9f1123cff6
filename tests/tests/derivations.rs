//! What was made is found again, where it holds and nowhere else: on both databases.

use realm_tests::{HostOptions, on_both};

on_both! {
    two_realms_with_the_same_file_and_other_siblings
    what_a_specifier_means_is_part_of_what_was_read
    hits_ask_nothing_and_unchanged_bytes_need_no_call
    what_was_made_is_found_again_after_a_restart
    settings_of_a_realm_are_obeyed_and_a_mistake_keeps_the_last_good_ones
}

async fn two_realms_with_the_same_file_and_other_siblings(options: HostOptions) {
    let (host, one) = options.with_realm().await;
    let two = host.create("/two/").await;
    for (realm, colour) in [(&one, "red"), (&two, "blue")] {
        host.put(
            &format!("{realm}main.scss"),
            "@use 'theme'; a { color: theme.$c }\n",
        )
        .await;
        host.put(&format!("{realm}_theme.scss"), format!("$c: {colour};\n"))
            .await;
    }
    for _ in 0..2 {
        assert!(
            host.get(&format!("{one}main.scss"))
                .await
                .text()
                .contains("red")
        );
        assert!(
            host.get(&format!("{two}main.scss"))
                .await
                .text()
                .contains("blue")
        );
    }
    assert_eq!(host.guest_calls("scss").await, 2);
    host.derivations_are_stored().await;
    host.put(&format!("{two}_theme.scss"), "$c: red;\n").await;
    assert!(
        host.get(&format!("{two}main.scss"))
            .await
            .text()
            .contains("red")
    );
    assert_eq!(
        host.guest_calls("scss").await,
        2,
        "the same bytes and the same reads: nothing new to make"
    );
    host.put(&format!("{one}theme.scss"), "$c: green;\n").await;
    let overtaken = host.get(&format!("{one}main.scss")).await;
    assert!(
        overtaken.text().contains("green"),
        "a probe that found nothing is part of the read set: {}",
        overtaken.text()
    );
}

async fn what_a_specifier_means_is_part_of_what_was_read(options: HostOptions) {
    let (host, one) = options.with_realm().await;
    let two = host.create("/two/").await;
    for realm in [&one, &two] {
        host.put(&format!("{realm}x.misbehave"), "read lit ../r/own.txt\n")
            .await;
    }
    host.put(&format!("{one}own.txt"), "of the first").await;
    // The second has no mapping: `lit` is outside, and what comes of that is for nobody to keep.
    let bare = host.get(&format!("{two}x.misbehave")).await.text();
    assert!(
        bare.contains("outside") && bare.contains("of the first"),
        "{bare}"
    );
    host.put(&format!("{one}lit.txt"), "the library").await;
    host.put(
        &format!("{one}realm.json"),
        r#"{ "imports": { "lit": "./lit.txt" } }"#,
    )
    .await;
    let mapped = host.get(&format!("{one}x.misbehave")).await.text();
    assert!(mapped.contains("the library"), "{mapped}");
    host.put(&format!("{one}other.txt"), "another library")
        .await;
    host.put(
        &format!("{one}realm.json"),
        r#"{ "imports": { "lit": "./other.txt" } }"#,
    )
    .await;
    let mapped = host.get(&format!("{one}x.misbehave")).await.text();
    assert!(mapped.contains("another library"), "{mapped}");
    host.put(&format!("{two}lit.txt"), "its own library").await;
    host.put(
        &format!("{two}realm.json"),
        r#"{ "imports": { "lit": "./lit.txt" } }"#,
    )
    .await;
    let mapped = host.get(&format!("{two}x.misbehave")).await.text();
    assert!(mapped.contains("its own library"), "{mapped}");
    host.put(&format!("{one}own.txt"), "changed in the first")
        .await;
    let foreign = host.get(&format!("{two}x.misbehave")).await.text();
    assert!(
        foreign.contains("changed in the first"),
        "a read of another realm is followed too: {foreign}"
    );
}

async fn hits_ask_nothing_and_unchanged_bytes_need_no_call(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    const MODULES: usize = 1000;
    let operations: Vec<_> = (0..MODULES)
        .map(|n| serde_json::json!({ "op": "add", "href": format!("m{n}.ts"), "data": { "type": "source", "attributes": { "content": format!("export const n: number = {n};\n") } } }))
        .collect();
    let body = serde_json::json!({ "atomic:operations": operations });
    assert_eq!(
        host.send(
            host.request("POST", &format!("{realm}_atomic"))
                .body(body.to_string())
        )
        .await
        .status,
        201
    );
    let mut misses = 0;
    for n in 0..MODULES {
        let answer = host.get(&format!("{realm}m{n}.ts")).await;
        misses += usize::from(answer.header("cache-status") == "realm; fwd=miss; stored");
    }
    assert_eq!(
        (misses, host.guest_calls("typescript").await),
        (MODULES, MODULES as u64)
    );
    assert_eq!(
        host.get(&format!("{realm}m7.ts"))
            .await
            .header("cache-status"),
        "realm; hit"
    );
    let invalidated = host
        .send(host.request("POST", &format!("{realm}_invalidate")))
        .await;
    assert_eq!(invalidated.status, 204);
    for n in 0..MODULES {
        let answer = host.get(&format!("{realm}m{n}.ts")).await;
        assert_eq!(
            answer.header("cache-status"),
            "realm; fwd=miss; stored; detail=derivation"
        );
        assert!(answer.text().contains(&format!("n = {n};")));
    }
    assert_eq!(
        host.guest_calls("typescript").await,
        MODULES as u64,
        "not one more call"
    );
    assert_eq!(
        host.get(&format!("{realm}m7.ts"))
            .await
            .header("cache-status"),
        "realm; hit"
    );
}

async fn what_was_made_is_found_again_after_a_restart(options: HostOptions) {
    let data = tempfile::tempdir().unwrap();
    let options = options.in_folder(data.path());
    let (host, realm) = options.clone().with_realm().await;
    host.put(&format!("{realm}a.ts"), "export const one: number = 1;\n")
        .await;
    host.put(
        &format!("{realm}main.scss"),
        "@use 'theme'; a { color: theme.$c }\n",
    )
    .await;
    host.put(&format!("{realm}_theme.scss"), "$c: red;\n").await;
    let (script, style) = (
        host.get(&format!("{realm}a.ts")).await,
        host.get(&format!("{realm}main.scss")).await,
    );
    assert!(host.stop().await, "a clean end");
    let host = options.start().await;
    let (again, style_again) = (
        host.get(&format!("{realm}a.ts")).await,
        host.get(&format!("{realm}main.scss")).await,
    );
    assert_eq!(
        (again.text(), again.header("etag")),
        (script.text(), script.header("etag"))
    );
    assert_eq!(
        (style_again.text(), style_again.header("etag")),
        (style.text(), style.header("etag"))
    );
    assert_eq!(
        again.header("cache-status"),
        "realm; fwd=miss; stored; detail=derivation"
    );
    assert_eq!(
        host.guest_calls("typescript").await + host.guest_calls("scss").await,
        0
    );
}

async fn settings_of_a_realm_are_obeyed_and_a_mistake_keeps_the_last_good_ones(
    options: HostOptions,
) {
    let (host, realm) = options.with_realm().await;
    host.put(&format!("{realm}foo.js"), "export default 'js';\n")
        .await;
    host.put(&format!("{realm}foo.ts"), "export default 'ts';\n")
        .await;
    assert_eq!(
        host.get(&format!("{realm}foo"))
            .await
            .header("content-location"),
        "/r/foo.ts"
    );
    host.put(
        &format!("{realm}realm.json"),
        r#"{ "extensions": [".js", ".ts"], "cacheControl": "max-age=60" }"#,
    )
    .await;
    let answer = host.get(&format!("{realm}foo")).await;
    assert_eq!(
        (
            answer.header("content-location"),
            answer.header("cache-control")
        ),
        ("/r/foo.js", "public, max-age=60")
    );
    host.put(&format!("{realm}realm.json"), r#"{ "extensions": 7 }"#)
        .await;
    assert_eq!(
        host.get(&format!("{realm}foo"))
            .await
            .header("content-location"),
        "/r/foo.js",
        "the last good settings stay"
    );
    // And the log says where the mistake is.
    host.says("realm.json:1:").await;
    host.put(
        &format!("{realm}realm.json"),
        r#"{ "plugins": { ".ts": "nobody" } }"#,
    )
    .await;
    let answer = host.get(&format!("{realm}foo.ts")).await;
    assert_eq!(
        (answer.status, answer.errors()[0]["source"]["path"].as_str()),
        (406, Some("realm.json"))
    );
    host.delete(&format!("{realm}realm.json")).await;
    assert_eq!(
        host.get(&format!("{realm}foo"))
            .await
            .header("content-location"),
        "/r/foo.ts"
    );
}
