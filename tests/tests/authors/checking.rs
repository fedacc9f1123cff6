use realm_tests::Edition;
use serde_json::Value;

use crate::{Desk, has, told, write};

const CHECK: [&str; 3] = ["plugin", "check", "one.wasm"];

#[tokio::test]
async fn what_is_near_a_limit_is_told() {
    let desk = Desk::new("checking");
    let size = desk.plugin("one.wasm", &Edition::new("one"));
    let (found, _) = desk.done(".", &["check", "one.wasm"]).await;
    let good = [
        "good     size ",
        "good     world        imports and exports are those of `realm:plugin` 0.1.0",
        "good     describe     edition@1.0.0",
        "good     takes        .edition to .js",
        "good     repeatable ",
        "good     limits       transpile of small files: ",
    ];
    has(&found, &good);

    write(&desk.folder("a.edition"), "a");
    let run = ["run", "a.edition", "--plugin", "one.wasm", "--json"];
    let (ran, _) = desk.done(".", &run).await;
    let ran: Value = serde_json::from_str(&ran).expect("JSON");
    let memory = ran["calls"][0]["budget"]["memory"]["spent"].as_u64();
    let memory = memory.expect("bytes") * 10 / 9;
    let near = desk
        .options(".")
        .env("REALM_PLUGIN_MEMORY", &memory.to_string());
    let near = near.env("REALM_PLUGIN_COMPONENT_BYTES", &(size + 10).to_string());
    let (found, _) = told(&near.run(&CHECK).await);
    has(
        &found,
        &[
            "warning  size ",
            "warning  limits       transpile of small files: ",
            "`plugin-memory`",
        ],
    );

    let small = desk
        .options(".")
        .env("REALM_PLUGIN_COMPONENT_BYTES", &(size - 1).to_string());
    let refused = small.run(&CHECK).await;
    assert_eq!(refused.status.code(), Some(1));
    has(
        &told(&refused).0,
        &[
            "FAILED   install      one.wasm: ",
            "`plugin-component-bytes`",
        ],
    );
}

#[tokio::test]
async fn what_a_host_would_not_install_or_warns_of_is_told() {
    let desk = Desk::new("checking-host");
    desk.plugin("one.wasm", &Edition::new("one").with("does", "random"));
    // What is random for guests is the same every time: it takes a host without that to see a difference.
    let differs = desk.options(".").mutant("randomness-is-random");
    let differs = differs.run(&CHECK).await;
    assert_eq!(differs.status.code(), Some(1));
    let (found, said) = told(&differs);
    has(
        &found,
        &[
            "good     size ",
            "FAILED   install      one.wasm: ",
            "`.edition` file",
        ],
    );
    has(&said, &["a host would not install it"]);
    desk.plugin("one.wasm", &Edition::new("one").with("does", "trap"));
    let (found, _) = desk.done(".", &["check", "one.wasm", "--json"]).await;
    let lines = found
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let lines: Vec<Value> = lines.collect();
    let of = |what: &str| lines.iter().find(|line| line["what"] == what).expect(what);
    assert_eq!(of("tried")["grade"], "warning", "{found}");
    has(
        of("tried")["found"].as_str().expect("words"),
        &["trap", "does not like this"],
    );
    assert_eq!(of("repeatable")["grade"], "warning", "{found}");
}
