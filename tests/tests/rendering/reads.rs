//! What a document was made from, and what that is good for.

use std::path::Path;

use realm_tests::ORIGIN;
use serde_json::{Value, json};

use crate::{html, quiet, rendered};

fn has_read(rendered: &Value, path: &str) -> bool {
    let urls = rendered["reads"].as_array().expect("a list");
    urls.contains(&json!(format!("{ORIGIN}{path}")))
}

#[tokio::test]
async fn a_document_is_rendered_again_when_what_it_was_made_from_changes_and_only_then() {
    let host = quiet().with_realm().await.0;
    host.put("/r/lib/m.ts", "export const n: number = 1;").await;
    host.put("/r/d.misrender", "load ./lib/m").await;
    let first = rendered(&host, "/r/d.misrender").await;
    assert_eq!(first["called"], true);
    assert!(html(&first).contains("n = 1"), "{first}");
    assert!(
        html(&first).contains("http://realm.test/r/lib/m.ts"),
        "{first}"
    );
    for path in ["/r/d.misrender", "/r/lib/m", "/r/realm.json"] {
        assert!(has_read(&first, path), "{path}: {first}");
    }
    host.put("/r/other.ts", "export {}").await;
    let same = rendered(&host, "/r/d.misrender").await;
    assert_eq!(
        (&same["called"], &same["tag"]),
        (&json!(false), &first["tag"])
    );
    host.put("/r/lib/m.ts", "export const n: number = 2;").await;
    let second = rendered(&host, "/r/d.misrender").await;
    assert!(html(&second).contains("n = 2"), "{second}");
    assert_eq!(second["called"], true);
    assert_ne!(second["tag"], first["tag"]);
    // What was made once is found again.
    host.put("/r/lib/m.ts", "export const n: number = 1;").await;
    let again = rendered(&host, "/r/d.misrender").await;
    assert_eq!(
        (&again["called"], &again["tag"]),
        (&json!(false), &first["tag"])
    );
    assert_eq!(html(&again), html(&first));
    host.delete("/r/d.misrender").await;
    assert_eq!(rendered(&host, "/r/d.misrender").await["exists"], false);
}

#[tokio::test]
async fn what_is_not_there_is_read_too() {
    let host = quiet().with_realm().await.0;
    let document = "load ./absent https://elsewhere.test/x.js bare /r/outer realm/jsx-runtime";
    host.put("/r/d.misrender", document).await;
    let first = rendered(&host, "/r/d.misrender").await;
    let text = html(&first);
    assert!(
        text.contains("not-found") && text.contains("outside"),
        "{text}"
    );
    assert!(text.contains("jsx-runtime.js"), "{text}");
    assert!(
        has_read(&first, "/r/absent") && has_read(&first, "/r/outer"),
        "{first}"
    );
    let urls = first["reads"].as_array().unwrap();
    assert!(
        urls.contains(&json!("https://elsewhere.test/x.js")),
        "{first}"
    );
    host.put("/r/absent.js", "export default 7").await;
    let second = rendered(&host, "/r/d.misrender").await;
    assert!(html(&second).contains("export default 7"), "{second}");
}

#[tokio::test]
async fn what_a_module_was_made_from_is_read_by_its_documents_too() {
    let host = quiet().with_realm().await.0;
    host.put("/r/part.txt", "one").await;
    host.put("/r/m.misbehave", "read ./part.txt").await;
    host.put("/r/d.misrender", "load ./m.misbehave").await;
    let first = rendered(&host, "/r/d.misrender").await;
    assert!(html(&first).contains("one"), "{first}");
    assert!(has_read(&first, "/r/part.txt"), "{first}");
    host.put("/r/part.txt", "two").await;
    let second = rendered(&host, "/r/d.misrender").await;
    assert!(html(&second).contains("two"), "{second}");
}

#[tokio::test]
async fn a_realm_with_the_same_files_finds_what_another_has_made() {
    let host = quiet().with_realm().await.0;
    host.create("/s/").await;
    for realm in ["/r/", "/s/"] {
        host.put(&format!("{realm}m.ts"), "export default 1").await;
        host.put(&format!("{realm}d.misrender"), "load ./m").await;
    }
    let first = rendered(&host, "/r/d.misrender").await;
    let other = rendered(&host, "/s/d.misrender").await;
    assert_eq!(
        (&first["called"], &other["called"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(html(&other), html(&first).replace("/r/", "/s/"));
    assert_eq!(
        other["outcome"]["types"],
        json!([format!("{ORIGIN}/s/m.ts/default")])
    );
}

#[tokio::test]
async fn what_is_wrong_is_an_outcome_and_what_was_read_for_it_is_known() {
    let options = quiet().with("plugin-render-deadline", "2s");
    let host = options.with_realm().await.0;
    host.put("/r/flag.txt", "go").await;
    for (document, code) in [
        ("spin-if ./flag.txt go", "plugin-timeout"),
        ("recurse", "plugin-trap"),
        ("allocate", "plugin-memory"),
        ("huge 17500000", "plugin-output"),
        ("panic at once", "plugin-trap"),
        ("invalid", "MB0001"),
    ] {
        host.put("/r/d.misrender", document).await;
        let answer = rendered(&host, "/r/d.misrender").await;
        assert_eq!(
            answer["outcome"]["failed"][0]["code"], code,
            "{document}: {answer}"
        );
    }
    host.put("/r/d.misrender", "spin-if ./flag.txt go").await;
    assert!(has_read(
        &rendered(&host, "/r/d.misrender").await,
        "/r/flag.txt"
    ));
    host.put("/r/flag.txt", "stop").await;
    assert!(html(&rendered(&host, "/r/d.misrender").await).contains("stop"));
    host.put("/r/d.misrender", "declined").await;
    assert_eq!(rendered(&host, "/r/d.misrender").await["outcome"], "plain");
}

#[tokio::test]
async fn a_document_is_rendered_again_when_a_module_is_made_by_another_plugin() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, plugins) = (folder.path().join("data"), folder.path().join("plugins"));
    let guests = realm_tests::guests();
    std::fs::create_dir_all(&data).expect("a folder");
    std::fs::create_dir_all(&plugins).expect("a folder");
    std::fs::copy(
        guests.join("misbehave.wasm"),
        plugins.join("misbehave.wasm"),
    )
    .expect("the guest");
    let options = quiet()
        .in_folder(&data)
        .with("plugin-dir", plugins.to_str().expect("UTF-8"));
    let host = options.clone().with_realm().await.0;
    host.put("/r/m.ts", "export default 1").await;
    host.put("/r/d.misrender", "load ./m").await;
    host.put("/r/e.misrender", "echo alone").await;
    for document in ["/r/d.misrender", "/r/e.misrender"] {
        assert_eq!(rendered(&host, document).await["called"], true);
    }
    host.stop().await;
    upgrade(&plugins.join("typescript.wasm"));
    let host = options.start().await;
    assert_eq!(rendered(&host, "/r/d.misrender").await["called"], true);
    assert_eq!(rendered(&host, "/r/e.misrender").await["called"], false);
}

/// The plugin that we ship, with another digest.
fn upgrade(to: &Path) {
    let mut bytes = realm_tests::shipped("typescript");
    // A custom section: its size, the size of its name, its name.
    bytes.extend([0, 2, 1, b'x']);
    std::fs::write(to, bytes).expect("a folder to write to");
}
