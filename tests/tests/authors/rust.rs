use serde_json::Value;

use crate::scripts::{MISTAKE, NOTE, SETTINGS};
use crate::{Desk, cargo, has, read, write};

#[tokio::test]
async fn a_rust_plugin_is_begun_built_run_tested_and_installed_offline() {
    let desk = Desk::new("transpiler-rust");
    desk.done(".", &["new", "my-ini", "--lang", "rust"]).await;
    let at = "my-ini";
    let (_, early) = desk
        .failed(at, &["run", "cases/settings/input.ini"], 1)
        .await;
    has(&early, &["not built yet", "realm plugin build"]);
    let (built, _) = desk.done(at, &["build", "--json", "--", "--offline"]).await;
    let built: Value = serde_json::from_str(&built).expect("JSON");
    let (checked, _) = desk.done(at, &["check"]).await;
    let digest = built["digest"].as_str().expect("a digest");
    has(
        &checked,
        &[digest, "my-ini@0.1.0", ".ini to .js", "repeatable"],
    );
    assert!(!checked.contains("FAILED"), "{checked}");

    // What comes is on standard output, and nothing else; what it has spent is beside each limit.
    let (out, said) = desk.done(at, &["run", "cases/settings/input.ini"]).await;
    assert!(
        out.starts_with("export default {") && out.ends_with("};\n"),
        "{out}"
    );
    has(
        &said,
        &[
            "fuel",
            "plugin-deadline",
            "plugin-memory",
            "plugin-output",
            "plugin-reads",
        ],
    );
    let (json, _) = desk
        .done(at, &["run", "cases/settings/input.ini", "--json"])
        .await;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    let budget = &json["calls"][0]["budget"];
    assert_eq!(budget["output"]["spent"], out.len(), "{budget}");
    assert_eq!(budget["memory"]["limit"], 256 << 20, "{budget}");
    assert!(
        budget["fuel"]["spent"]
            .as_u64()
            .is_some_and(|fuel| fuel > 1000),
        "{budget}"
    );
    let options = [
        "run",
        "cases/settings/input.ini",
        "--options",
        r#"{"lowercase":true}"#,
    ];
    let (lower, _) = desk.done(at, &options).await;
    has(&lower, &["\"text\""]);
    assert!(out.contains("\"Text\""), "{out}");

    // The template's own test needs neither a host nor WebAssembly.
    cargo(&desk.folder(at), &["test", "--quiet", "--lib"]).await;

    // A mistake in the input has its line.
    let (nothing, said) = desk
        .failed(at, &["run", "cases/mistake/input.ini"], 1)
        .await;
    assert_eq!(nothing, "");
    has(
        &said,
        &[
            "error[syntax]: neither a section nor a value",
            "cases/mistake/input.ini:3:1",
            "3 | wide 40",
            "^^^^^^^",
            "= help: write `[section]` or `name = value`",
            "plugin-deadline",
        ],
    );

    // Cases: nothing is expected yet, then what came is, then something else came.
    let (diff, said) = desk.failed(at, &["test"], 1).await;
    has(&diff, &["FAILED   settings", "+export default {"]);
    has(&said, &["2 of 2 cases failed", "--bless"]);
    desk.done(at, &["test", "--bless"]).await;
    let (passed, _) = desk.done(at, &["test"]).await;
    has(&passed, &["passed   mistake", "passed   settings"]);
    let expected = desk.folder("my-ini/cases/settings/expected/output.js");
    let good = read(&expected);
    assert_eq!(good, SETTINGS);
    let mistake = desk.folder("my-ini/cases/mistake/expected/diagnostics.txt");
    assert_eq!(read(&mistake), MISTAKE);
    write(&expected, &good.replace("Cats", "Dogs"));
    let (diff, said) = desk.failed(at, &["test", "--only", "settings"], 1).await;
    has(
        &diff,
        &[
            "-  \"title\": \"Dogs & dogs\"",
            "+  \"title\": \"Cats & dogs\"",
        ],
    );
    has(&said, &["1 of 1 case failed"]);
    let surplus = desk.folder("my-ini/cases/settings/expected/output.js.map");
    write(&surplus, "{}");
    desk.done(at, &["test", "--bless"]).await;
    assert!(!surplus.exists(), "what does not come is not expected");
    assert_eq!(read(&expected), good);

    let (measured, _) = desk.done(at, &["bench", "--calls", "5", "--json"]).await;
    let lines: Vec<Value> = measured
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 2, "{measured}");
    assert!(
        lines
            .iter()
            .all(|line| line["calls"] == 5 && line["p50Milliseconds"].as_f64() > Some(0.0))
    );

    // And a host serves with it.
    let host = desk.options(at).with("role", "serve").with_realm().await.0;
    desk.done(at, &["install", "plugin.wasm", "--pin", digest])
        .await;
    host.put("/r/a.ini", "[a]\nb = c").await;
    let served = host.get("/r/a.ini").await;
    assert_eq!(served.status, 200, "{}", served.text());
    has(&served.text(), &["export default", "\"b\": \"c\""]);
}

#[tokio::test]
async fn a_rust_prerenderer_is_begun_built_and_run_offline() {
    let desk = Desk::new("prerenderer-rust");
    let new = ["new", "my-note", "--lang", "rust", "--prerenderer"];
    desk.done(".", &new).await;
    let at = "my-note";
    desk.done(at, &["build", "--", "--offline"]).await;
    cargo(&desk.folder(at), &["test", "--quiet", "--lib"]).await;
    let (checked, _) = desk.done(at, &["check"]).await;
    has(&checked, &["my-note@0.1.0", "documents .note"]);
    let (html, said) = desk.done(at, &["run", "cases/links/input.note"]).await;
    assert_eq!(html, NOTE);
    let missing = [
        "warning[link]: there is no note `dogs`",
        "cases/links/input.note:4:20",
        "plugin-render-deadline",
    ];
    has(&said, &missing);
    let wrong = ["run", "cases/links/input.note", "--format", "none-such"];
    let (_, said) = desk.failed(at, &wrong, 1).await;
    has(&said, &["it gives no `none-such`; it gives ", "isolated"]);
    desk.done(at, &["test", "--bless"]).await;
    desk.done(at, &["test"]).await;
    let expected = desk.folder("my-note/cases/links/expected");
    assert!(expected.join("isolated.html").is_file() && expected.join("rendition.json").is_file());
}
