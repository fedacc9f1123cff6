//! What is installed serves on every replica, and what will not do is refused with the reason.

use realm_tests::{Edition, HostOptions, Storage, component_digest, on_both};

use crate::{LONG, alone, becomes, install, install_as, pair, plugins, refused, served};

on_both! {
    what_is_installed_is_there_after_a_restart
}

async fn what_is_installed_is_there_after_a_restart(options: HostOptions) {
    let folder = tempfile::tempdir().expect("a folder");
    let options = options.in_folder(folder.path()).with("role", "serve");
    let host = options.clone().with_realm().await.0;
    host.put("/r/x.edition", "hello").await;
    assert_eq!(served(&host, "/r/x.edition").await, "hello");
    let digest = install(&host, &Edition::new("one")).await;
    assert_eq!(served(&host, "/r/x.edition").await, "one: hello\n");
    assert!(host.stop().await);
    let host = options.start().await;
    assert_eq!(served(&host, "/r/x.edition").await, "one: hello\n");
    let inspected = host.admin(&format!("/_plugins/{digest}")).await.json();
    assert_eq!(inspected["data"]["source"], "a-test", "{inspected}");
    assert_eq!(inspected["data"]["transpiles"][0]["takes"], ".edition");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_serves_on_every_replica() {
    let (a, b) = pair(LONG).await;
    a.put("/r/x.edition", "hello").await;
    becomes(&b, "/r/x.edition", "hello").await;
    install(&a, &Edition::new("one")).await;
    assert_eq!(served(&a, "/r/x.edition").await, "one: hello\n");
    becomes(&b, "/r/x.edition", "one: hello").await;
    // And by any of them.
    install(&b, &Edition::new("two")).await;
    assert_eq!(served(&b, "/r/x.edition").await, "two: hello\n");
    becomes(&a, "/r/x.edition", "two: hello").await;
    assert_eq!(plugins(&a).await, plugins(&b).await);
}

#[tokio::test]
async fn a_lost_notification_is_made_up_for_by_the_lease() {
    let (a, b) = pair("1s").await;
    a.put("/r/x.edition", "hello").await;
    a.close_gate("announce", "").await;
    install(&a, &Edition::new("one")).await;
    becomes(&b, "/r/x.edition", "one: hello").await;
    a.open_gate("announce").await;
}

#[tokio::test]
async fn a_component_is_what_its_digest_says() {
    let host = alone(Storage::Sqlite).await;
    let component = Edition::new("one").component();
    let other = component_digest(b"another");
    let answer = install_as(&host, &other, component.clone()).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let error = &answer.json()["errors"][0];
    assert_eq!(error["code"], "digest");
    let detail = error["detail"].as_str().expect("a detail");
    for digest in [other, component_digest(&component)] {
        assert!(detail.contains(&digest), "{detail}");
    }
    assert!(
        !plugins(&host)
            .await
            .iter()
            .any(|plugin| plugin.starts_with("edition"))
    );
}

#[tokio::test]
async fn what_is_no_component_is_refused() {
    let host = alone(Storage::Sqlite).await;
    let whole = Edition::new("one").component();
    for bytes in [
        b"hello".to_vec(),
        Vec::new(),
        whole[..whole.len() / 2].to_vec(),
    ] {
        let error = refused(&host, bytes).await;
        assert_eq!(error["code"], "no-component", "{error}");
    }
}

#[tokio::test]
async fn a_component_may_have_so_many_bytes() {
    let options = HostOptions::new(Storage::Sqlite).with("plugin-component-bytes", "20KiB");
    let host = options.start().await;
    let error = refused(&host, Edition::new("one").component()).await;
    assert_eq!(
        (&error["code"], &error["status"]),
        (&"too-large".into(), &"413".into()),
        "{error}"
    );
    let detail = error["detail"].as_str().expect("a detail");
    assert!(detail.contains("plugin-component-bytes"), "{detail}");
}

#[tokio::test]
async fn what_differs_from_run_to_run_is_refused() {
    let random = Edition::new("one").with("does", "random");
    let options = HostOptions::new(Storage::Sqlite).mutant("randomness-is-random");
    let host = options.start().await;
    let error = refused(&host, random.component()).await;
    assert_eq!(error["code"], "not-deterministic", "{error}");
    let detail = error["detail"].as_str().expect("a detail");
    assert!(detail.contains("`.edition` file"), "{detail}");
}

#[tokio::test]
async fn what_a_guest_takes_for_random_is_the_same_everywhere() {
    let (a, b) = pair(LONG).await;
    let random = Edition::new("one").with("does", "random");
    install(&a, &random).await;
    for (host, path) in [(&a, "/r/x.edition"), (&b, "/r/y.edition")] {
        host.put(path, "hello").await;
    }
    let of_a = served(&a, "/r/x.edition").await;
    assert!(
        of_a.starts_with("one") && of_a.len() > "one: hello\n".len(),
        "{of_a}"
    );
    becomes(&b, "/r/y.edition", of_a.trim_end()).await;
}
