//! What a plugin says of itself must hold, and it must be able to say it.

use realm_tests::HostOptions;

use crate::{edition, error, host, installed, refused};

#[tokio::test]
async fn a_plugin_that_cannot_say_what_it_is_is_refused() {
    let (host, folder) = host(&[("plugin-deadline", "1s")]).await;
    let hangs = edition(&[("describes", "hang")]);
    assert_eq!(
        refused(&folder, &hangs).await,
        "`describe` failed (timeout): its time is up; a loop that does not end, or an input that takes longer than its `deadline` (`render-deadline` of a prerenderer); `realm plugin limit` raises it for this plugin, `plugin-deadline` (`plugin-render-deadline`) for all"
    );
    assert_eq!(error(&host, hangs).await["code"], "describe");
    let told = refused(&folder, &edition(&[("describes", "panic")])).await;
    assert!(
        told.starts_with("`describe` failed (trap): it panicked: it does not know what it is (at "),
        "{told}"
    );
}

#[tokio::test]
async fn a_plugin_that_lies_is_told_what_does_not_hold() {
    let (host, folder) = host(&[]).await;
    for (key, value, told) in [
        (
            "name",
            "No Name",
            "`describe` names it `No Name`; a name is `[a-z][a-z0-9-]*`, at most 64 bytes",
        ),
        (
            "version",
            "1.0",
            "`describe` gives version `1.0`, which is no semantic version: unexpected end of input while parsing minor version number; write it as in `1.2.3`",
        ),
        (
            "media",
            "application/x-evil",
            "`describe` gives `application/x-evil` for `.edition`; allowed are text/javascript, text/css, text/html, text/plain, application/json, image/svg+xml, application/wasm",
        ),
        (
            "takes",
            "edition",
            "`describe` has the extension `edition`; write it with its dot, as in `.ts`, without blanks and `/`, in at most 32 bytes",
        ),
        (
            "schema",
            "{",
            "`describe` gives a bad `options-schema`: it is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "rules",
            "65",
            "`describe` names 65 extensions for its transpiler; a plugin may name 64",
        ),
        (
            "renders",
            ".page",
            "`describe` names extensions for a prerenderer, which it does not export",
        ),
    ] {
        let lies = edition(&[(key, value)]);
        assert_eq!(refused(&folder, &lies).await, told);
        assert_eq!(error(&host, lies).await["code"], "description");
    }
}

#[tokio::test]
async fn what_breaks_a_plugin_while_it_is_vetted_is_told_and_no_reason_to_refuse_it() {
    let (host, folder) = host(&[]).await;
    let told = installed(&folder, &edition(&[("does", "trap")])).await;
    let warning = "warning: transpile of a `.edition` file of 4 bytes broke (trap): it panicked: it does not like this (at ";
    assert!(told.contains(warning), "{told}");
    assert_eq!(told.matches("warning: ").count(), 1, "{told}");
    host.put("/r/x.edition", "hello").await;
    assert_eq!(host.get("/r/x.edition").await.text(), "one: hello\n");
    // Where nothing breaks, nothing is said.
    let told = installed(&folder, &edition(&[])).await;
    assert!(!told.contains("warning"), "{told}");
    let shown = HostOptions::new(realm_tests::Storage::Sqlite).in_folder(folder.path());
    let shown = shown.run(&["plugin", "inspect", "edition"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("contract    0.1.0"), "{shown}");
}
