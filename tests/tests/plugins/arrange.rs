//! Who is asked first, and that files come to an end.

use realm_tests::{Edition, Storage};

use crate::{LONG, alone, becomes, enable, install, pair, pick, refused, served};

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_picks_who_is_asked_first() {
    let (a, b) = pair(LONG).await;
    a.put("/r/x.edition", "hello").await;
    install(&a, &Edition::new("one")).await;
    install(&a, &Edition::new("two").with("name", "other")).await;
    // The earlier one stays.
    assert_eq!(served(&a, "/r/x.edition").await, "one: hello\n");
    let answer = pick(&a, ".edition", Some("other")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(served(&a, "/r/x.edition").await, "two: hello\n");
    becomes(&b, "/r/x.edition", "two: hello").await;
    // A realm chooses for itself.
    let choice = r#"{ "plugins": { ".edition": "edition" } }"#;
    let generation = a.put("/r/realm.json", choice).await.generation();
    assert_eq!(
        served(&a, "/r/x.edition").await,
        "one: hello\n",
        "{generation:?}"
    );
    a.delete("/r/realm.json").await;
    assert_eq!(pick(&a, ".edition", None).await.status, 200);
    assert_eq!(served(&a, "/r/x.edition").await, "one: hello\n");
    becomes(&b, "/r/x.edition", "one: hello").await;
    let answer = pick(&a, ".ts", Some("other")).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    let detail = answer.json()["errors"][0]["detail"].clone();
    assert!(
        detail
            .as_str()
            .is_some_and(|text| text.contains(".edition")),
        "{detail}"
    );
}

#[tokio::test]
async fn files_that_would_go_round_for_ever_are_refused() {
    let host = alone(Storage::Sqlite).await;
    let there = Edition::new("there")
        .with("takes", ".a")
        .with("gives", ".b");
    install(&host, &there).await;
    let back = Edition::new("back").with("name", "back");
    let back = back.with("takes", ".b").with("gives", ".a");
    let error = refused(&host, back.component()).await;
    assert_eq!(error["code"], "circle", "{error}");
    let detail = error["detail"].as_str().expect("a detail");
    for step in ["`edition` makes `.b` of `.a`", "`back` makes `.a` of `.b`"] {
        assert!(detail.contains(step), "{detail}");
    }
    // Nor by the back door.
    assert_eq!(enable(&host, "edition", false).await.status, 200);
    install(&host, &back).await;
    let answer = enable(&host, "edition", true).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
}
