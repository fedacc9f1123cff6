use serde_json::Value;

use crate::{Desk, has, stage, write};

#[tokio::test]
async fn what_is_served_has_gone_through_the_hosts_plugins() {
    let desk = Desk::new("served");
    desk.plugin("one.wasm", &stage("one", ".one", ".ts"));
    write(
        &desk.folder("a.one"),
        "//@one warn word\n//@one emit let a: number = 1;\n",
    );
    let run = ["run", "a.one", "--plugin", "one.wasm"];
    let (alone, said) = desk.done(".", &run).await;
    has(&alone, &["let a: number = 1;"]);
    has(&said, &["one@1.0.0 has spent", "fuel"]);
    let served = [&run[..], &["--served"]].concat();
    let (out, said) = desk.done(".", &served).await;
    assert_eq!(out, "let a = 1;\n");
    has(
        &said,
        &[
            "warning: one warns",
            "a.one:1:",
            "one@1.0.0 has spent",
            "typescript@",
        ],
    );
    let json = [&served[..], &["--json"]].concat();
    let (out, _) = desk.done(".", &json).await;
    let out: Value = serde_json::from_str(&out).expect("JSON");
    let calls = out["calls"].as_array().expect("calls");
    assert_eq!(calls.len(), 2, "{out}");
    assert_eq!(out["served"]["mediaType"], "text/javascript", "{out}");
    has(
        out["served"]["sourceMap"].as_str().expect("a map"),
        &["a.one"],
    );

    // What a later stage says of its input is said of the file.
    write(&desk.folder("a.one"), "\n//@one emit let a: = 1;\n");
    let (none, said) = desk.failed(".", &served, 1).await;
    assert_eq!(none, "");
    has(
        &said,
        &[
            "error",
            "a.one:2:",
            "2 | //@one emit let a: = 1;",
            "no output",
        ],
    );
}

#[tokio::test]
async fn the_plugin_that_is_written_is_asked_before_those_of_the_host() {
    let desk = Desk::new("served-first");
    desk.plugin("mine.wasm", &stage("mine", ".ts", ".js"));
    write(&desk.folder("a.ts"), "let a: number = 1;\n");
    let served = ["run", "a.ts", "--plugin", "mine.wasm", "--served"];
    let (out, said) = desk.done(".", &served).await;
    has(&out, &["/*mine*/let a: number = 1;"]);
    has(&said, &["mine@1.0.0 has spent"]);
    // Unless the realm asks for another one.
    write(
        &desk.folder("realm.json"),
        r#"{ "plugins": { ".ts": "typescript" } }"#,
    );
    let (out, _) = desk.done(".", &served).await;
    assert_eq!(out, "let a = 1;\n");
    write(
        &desk.folder("realm.json"),
        r#"{ "plugins": { ".ts": "nobody" } }"#,
    );
    let (_, said) = desk.failed(".", &served, 1).await;
    has(&said, &["nobody"]);
}
