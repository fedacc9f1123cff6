use serde_json::Value;

use crate::{Desk, has, read, stage, write};

/// The files below a folder of the desk.
fn files(desk: &Desk, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(desk.folder(folder)).expect("a folder");
    let names = entries.map(|entry| entry.expect("there").file_name());
    let mut names: Vec<_> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn case(desk: &Desk, name: &str, input: &str) {
    let folder = desk.folder("cases").join(name);
    std::fs::create_dir_all(&folder).expect("a folder to write to");
    write(&folder.join("input.one"), input);
}

const TEST: [&str; 5] = ["test", ".", "--plugin", "one.wasm", "--cases"];

#[tokio::test]
async fn cases_hold_all_that_comes_and_nothing_is_written_unasked() {
    let desk = Desk::new("cases");
    let plugin = stage("one", ".one", ".js").with("schema", "options");
    desk.plugin("one.wasm", &plugin);
    case(&desk, "asset", "//@one asset .css a{}\ntext\n");
    case(&desk, "broken", "//@one error word\n");
    case(&desk, "declined", "//@one decline\n");
    case(&desk, "loud", "//@one warn word\ntext\n");
    write(
        &desk.folder("cases/loud/options.json"),
        r#"{"mode":"loud"}"#,
    );
    let test = [&TEST[..], &["cases"]].concat();
    let (diff, said) = desk.failed(".", &test, 1).await;
    has(
        &diff,
        &[
            "FAILED   asset",
            "--- /dev/null",
            "+++ asset/expected/asset.css",
            "+a{}",
        ],
    );
    has(&said, &["4 of 4 cases failed", "`--bless` writes down"]);
    assert_eq!(files(&desk, "cases/asset"), ["input.one"]);

    let bless = [&test[..], &["--bless"]].concat();
    let (blessed, said) = desk.done(".", &bless).await;
    has(
        &blessed,
        &[
            "blessed  asset: 3 files written",
            "blessed  declined: 1 file written",
        ],
    );
    has(&said, &["4 cases, 8 files written"]);
    let expected = |name: &str| files(&desk, &format!("cases/{name}/expected"));
    assert_eq!(
        expected("asset"),
        ["asset.css", "output.js", "output.js.map"]
    );
    assert_eq!(expected("broken"), ["diagnostics.txt"]);
    assert_eq!(expected("declined"), ["declined"]);
    assert_eq!(
        expected("loud"),
        ["diagnostics.txt", "output.js", "output.js.map"]
    );
    let output = read(&desk.folder("cases/loud/expected/output.js"));
    has(&output, &["//one is loud", "/*one*/text"]);
    let words = read(&desk.folder("cases/broken/expected/diagnostics.txt"));
    has(&words, &["error: one fails", "input.one:1:14", "^^^^"]);
    let (passed, said) = desk.done(".", &test).await;
    assert_eq!(passed.matches("passed ").count(), 4, "{passed}");
    has(&said, &["4 cases passed"]);

    // What is expected and does not come is a failure like what comes and is not expected.
    write(&desk.folder("cases/declined/expected/output.js"), "more\n");
    let only = [&test[..], &["--only", "decl", "--json"]].concat();
    let (found, _) = desk.failed(".", &only, 1).await;
    let found: Value = serde_json::from_str(&found).expect("a line of JSON");
    assert_eq!(found["verdict"], "failed");
    has(
        found["detail"].as_str().expect("a diff"),
        &["+++ /dev/null", "-more"],
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_case_is_said_with_its_name() {
    let desk = Desk::new("cases-wrong");
    desk.plugin("one.wasm", &stage("one", ".one", ".js"));
    let test = [&TEST[..], &["cases"]].concat();
    let (_, said) = desk.failed(".", &test, 1).await;
    has(&said, &["cases", "a case is a folder of its own"]);
    case(&desk, "two", "");
    write(&desk.folder("cases/two/input.other"), "");
    case(&desk, "options", "");
    write(&desk.folder("cases/options/options.json"), "[1]");
    for folder in ["none", "foreign"] {
        std::fs::create_dir(desk.folder("cases").join(folder)).expect("a folder to write to");
    }
    write(&desk.folder("cases/foreign/input.txt"), "");
    let (found, said) = desk.failed(".", &test, 1).await;
    let all = [
        "FAILED   foreign: case `foreign`: one@1.0.0 takes no file named `input.txt`",
        "FAILED   none: case `none`: it has no `input.<extension>`",
        "FAILED   options: case `options`: options.json: options are a JSON object",
        "FAILED   two: case `two`: it has both `input.one` and `input.other`",
    ];
    has(&found, &all);
    has(&said, &["4 of 4 cases failed"]);
    let none = [&test[..], &["--only", "such"]].concat();
    let (_, said) = desk.failed(".", &none, 1).await;
    has(&said, &["none of the 4 cases has `such` in its name"]);
}
