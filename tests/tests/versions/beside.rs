use realm_tests::{Edition, built_guest};

use crate::{host, install, served};

/// A component of 0.2.0, as if it were of another version of the same length.
fn next(version: &str) -> Vec<u8> {
    let mut component = built_guest("realm_test_next");
    let (old, new) = (b"@0.2.0", format!("@{version}"));
    assert_eq!(old.len(), new.len());
    let mut at = 0;
    while let Some(found) = component[at..]
        .windows(old.len())
        .position(|window| window == old)
    {
        at += found;
        // The names of functions that the component's own parts call each other by have no say in it.
        component[at..at + old.len()].copy_from_slice(new.as_bytes());
        at += old.len();
    }
    assert!(at > 0, "it names its contract");
    component
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_of_two_versions_work_beside_each_other() {
    let host = host().await;
    let installed = install(&host, next("0.2.0")).await;
    assert_eq!(installed.status, 200, "{}", installed.text());
    assert_eq!(installed.json()["data"]["contract"], "0.2.0");
    let old = install(&host, Edition::new("old").component()).await;
    assert_eq!(old.json()["data"]["contract"], "0.1.0", "{}", old.text());

    host.put("/r/folder/other.txt", "what it reads\n").await;
    host.put("/r/folder/a.next", "./other.txt\n").await;
    let text = served(&host, "/r/folder/a.next").await;
    let wanted = "a.next in folder: other.txt has what it reads; []\n";
    assert_eq!(text, wanted);
    host.put("/r/a.edition", "it").await;
    assert_eq!(served(&host, "/r/a.edition").await, "old: it\n");

    // What it reads is recorded, as for any other.
    host.put("/r/folder/other.txt", "something else\n").await;
    let text = served(&host, "/r/folder/a.next").await;
    assert!(text.contains("has something else"), "{text}");

    let settings = r#"{"plugins":{".next":{"use":"next","options":{"a":"b"}}}}"#;
    host.put("/r/realm.json", settings).await;
    let text = served(&host, "/r/folder/a.next").await;
    assert!(text.ends_with("[(\"a\", \"b\")]\n"), "{text}");
    host.put("/r/empty.next", "").await;
    let failed = host.get("/r/empty.next").await;
    assert_eq!(failed.status, 406, "{}", failed.text());
    let error = failed.json()["errors"][0].clone();
    assert_eq!(error["detail"], "it is empty", "{error}");
    host.put("/r/declined.next", "decline\n").await;
    assert_eq!(served(&host, "/r/declined.next").await, "decline\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_new_is_told_so() {
    let host = host().await;
    for (version, advice) in [
        ("0.3.0", "upgrade the host, or build the plugin for 0.2.0"),
        ("1.0.0", "upgrade the host, or build the plugin for 0.2.0"),
        ("0.0.9", "build the plugin for 0.2.0"),
    ] {
        let answer = install(&host, next(version)).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        let told = format!(
            "a-test: it was built for `realm:plugin` {version}, and this host speaks 0.1.0 and 0.2.0: {advice}"
        );
        let error = answer.json()["errors"][0].clone();
        assert_eq!(error["detail"], told, "{error}");
        assert_eq!(error["code"], "version", "{error}");
    }
}
