//! Each stage is a derivation of its own: made once of the same bytes, whatever becomes of the stages around it.

use realm_tests::Host;

use crate::{alone, install, served, stage, two_stages};

/// Calls of each stage, without those that it took to install it.
struct Calls<'a>(&'a Host, u64, u64);

impl<'a> Calls<'a> {
    async fn from_now(host: &'a Host) -> Self {
        let (first, second) = ("first", "second");
        Self(
            host,
            host.guest_calls(first).await,
            host.guest_calls(second).await,
        )
    }

    async fn made(&self) -> (u64, u64) {
        let now = Self::from_now(self.0).await;
        (now.1 - self.1, now.2 - self.2)
    }
}

#[tokio::test]
async fn a_change_of_the_last_plugin_does_not_run_the_first_again() {
    let host = alone().await;
    two_stages(&host).await;
    let calls = Calls::from_now(&host).await;
    host.put("/r/x.page", "a\n").await;
    assert_eq!(served(&host, "/r/x.page").await, "/*second*//*first*/a\n");
    assert_eq!(calls.made().await, (1, 1));
    // Its options.
    let options = r#"{ "plugins": { ".gts": { "options": { "mode": "loud" } } } }"#;
    host.put("/r/realm.json", options).await;
    let loud = served(&host, "/r/x.page").await;
    assert_eq!(loud, "//second is loud\n/*second*//*first*/a\n");
    assert_eq!(calls.made().await, (1, 2));
    // Its version.
    let second = stage("second", ".gts", ".js").with("version", "2.0.0");
    install(&host, second.component()).await;
    let calls = Calls(&host, calls.1, host.guest_calls("second").await - 2);
    assert_eq!(served(&host, "/r/x.page").await, loud);
    assert_eq!(calls.made().await, (1, 3));
    // And back: nobody is called.
    host.delete("/r/realm.json").await;
    let answer = host.admin_request("PATCH", "/_plugins/second@1.0.0");
    let body = r#"{ "data": { "attributes": { "enabled": true } } }"#;
    assert_eq!(host.send(answer.body(body)).await.status, 200);
    assert_eq!(served(&host, "/r/x.page").await, "/*second*//*first*/a\n");
    assert_eq!(calls.made().await, (1, 3));
}

#[tokio::test]
async fn what_a_stage_gives_as_before_is_not_taken_anew() {
    let host = alone().await;
    two_stages(&host).await;
    let calls = Calls::from_now(&host).await;
    host.put("/r/x.page", "//@first warn one\na\n").await;
    assert_eq!(served(&host, "/r/x.page").await, "/*second*//*first*/a\n");
    // Another input, and the same after the first stage.
    host.put("/r/x.page", "//@first warn two\na\n").await;
    assert_eq!(served(&host, "/r/x.page").await, "/*second*//*first*/a\n");
    assert_eq!(calls.made().await, (2, 1));
}

#[tokio::test]
async fn another_realm_with_the_same_file_has_every_stage_already() {
    let host = alone().await;
    two_stages(&host).await;
    let calls = Calls::from_now(&host).await;
    host.create("/s/").await;
    host.put("/r/x.page", "a\n").await;
    let made = served(&host, "/r/x.page").await;
    host.derivations_are_stored().await;
    host.put("/s/x.page", "a\n").await;
    assert_eq!(served(&host, "/s/x.page").await, made);
    assert_eq!(calls.made().await, (1, 1));
    // What differs before the first stage only differs there.
    host.put("/s/x.page", "//@first warn one\na\n").await;
    assert_eq!(served(&host, "/s/x.page").await, made);
    assert_eq!(calls.made().await, (2, 1));
    let map = host.get("/s/x.page.map").await.json();
    assert_eq!(map["sourcesContent"][0], "//@first warn one\na\n");
}
