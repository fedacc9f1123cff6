//! What the plugins of a pipeline say of a file, wherever in the pipeline they stand.

use serde_json::{Value, json};

use crate::{alone, errors, install, made, said, stage, three_stages, two_stages};

async fn all_said(host: &realm_tests::Host, path: &str) -> Vec<String> {
    errors(host, path).await.iter().map(said).collect()
}

#[tokio::test]
async fn what_later_stages_say_is_said_of_the_file() {
    let host = alone().await;
    three_stages(&host).await;
    // The first stage takes two lines away, and moves the others to the right.
    let page = "//@first warn one
//@first warn two
export const a: number = 1;
//@second warn three
//@second error four
";
    host.put("/r/a/x.page", page).await;
    assert_eq!(
        all_said(&host, "/r/a/x.page").await,
        [
            "second@1.0.0: warning: second warns at a/x.page:4:16",
            "second@1.0.0: error: second fails at a/x.page:5:17",
            "first@1.0.0: warning: first warns at a/x.page:1:15",
            "first@1.0.0: warning: first warns at a/x.page:2:15",
        ]
    );
    // Two stages further.
    let page = page.replace("error four", "warn four");
    host.put("/r/a/x.page", format!("{page}export const = 1;\n"))
        .await;
    let said = all_said(&host, "/r/a/x.page").await;
    let [error, rest @ ..] = said.as_slice() else {
        panic!("{said:?}")
    };
    assert!(error.starts_with("typescript@"), "{error}");
    assert!(error.ends_with(" at a/x.page:6:14"), "{error}");
    assert_eq!(rest.len(), 4, "{rest:?}");
    assert_eq!(
        rest[0],
        "first@1.0.0: warning: first warns at a/x.page:1:15"
    );
    assert_eq!(
        rest[3],
        "second@1.0.0: warning: second warns at a/x.page:5:16"
    );
}

#[tokio::test]
async fn a_column_counts_utf_16() {
    let host = alone().await;
    two_stages(&host).await;
    host.put(
        "/r/x.page",
        "//@first emit /*é😀*/ one\n//@second error 😀x\n",
    )
    .await;
    let error = &errors(&host, "/r/x.page").await[0];
    assert_eq!(
        said(error),
        "second@1.0.0: error: second fails at x.page:2:17"
    );
    host.put("/r/y.page", "//@first emit //@second error 😀x y\n")
        .await;
    let error = &errors(&host, "/r/y.page").await[0];
    assert_eq!(error["source"]["line"], 1, "{error}");
}

#[tokio::test]
async fn where_no_map_leads_back_the_stage_is_named() {
    let host = alone().await;
    three_stages(&host).await;
    host.put(
        "/r/x.page",
        "//@first nomap\n//@first warn w\n//@second error e\n",
    )
    .await;
    let errors = errors(&host, "/r/x.page").await;
    assert_eq!(
        said(&errors[0]),
        "second@1.0.0: error: second fails at x.page"
    );
    let help = "this is about line 1, column 17 of what `first@1.0.0` made of the file, which gave no source map";
    assert_eq!(errors[0]["meta"]["help"], help);
    // What the first one says, it says of the file.
    assert_eq!(
        said(&errors[1]),
        "first@1.0.0: warning: first warns at x.page:2:15"
    );
    // By the stage after it.
    host.put("/r/x.page", "//@first nomap\nexport const = 1;\n")
        .await;
    let errors = crate::errors(&host, "/r/x.page").await;
    let help = errors[0]["meta"]["help"].as_str().expect("help");
    let why =
        "of what `second@1.0.0` made of the file, and `first@1.0.0` before it gave no source map";
    assert!(help.ends_with(why), "{help}");
}

#[tokio::test]
async fn where_a_map_leads_nowhere_the_stage_is_named() {
    let host = alone().await;
    install(&host, stage("first", ".page", ".gts").component()).await;
    install(&host, stage("second", ".gts", ".js").component()).await;
    // What the options make it add comes from nowhere.
    let settings =
        json!({ "plugins": { ".page": { "options": { "mode": "x\n//@second error e" } } } });
    host.put("/r/realm.json", settings.to_string()).await;
    host.put("/r/x.page", "a\n").await;
    let errors = errors(&host, "/r/x.page").await;
    assert_eq!(
        said(&errors[0]),
        "second@1.0.0: error: second fails at x.page"
    );
    let help = errors[0]["meta"]["help"].as_str().expect("help");
    let why = "of what `first@1.0.0` made of the file, from where its source map leads nowhere";
    assert!(
        help.contains("about line 2, column 17 ") && help.ends_with(why),
        "{help}"
    );
}

#[tokio::test]
async fn warnings_of_all_stages_stand_beside_an_output() {
    let host = alone().await;
    three_stages(&host).await;
    host.put(
        "/r/x.page",
        "//@first warn one\n//@second warn two\nexport const a = 1;\n",
    )
    .await;
    let made = made(&host, "/r/x.page").await;
    let said = made["diagnostics"].as_array().expect("a list").iter();
    let said: Vec<Value> = said
        .map(|one| {
            json!([
                one["plugin"],
                one["start"]["line"],
                one["end"]["line"],
                one["path"]
            ])
        })
        .collect();
    assert_eq!(
        said,
        [
            json!(["first@1.0.0", 1, 1, "x.page"]),
            json!(["second@1.0.0", 2, null, "x.page"])
        ]
    );
}
