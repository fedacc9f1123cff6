use std::path::{Path, PathBuf};

use realm_tests::ORIGIN;

use crate::{host, install, rendered, served};

/// The components that are kept, and the version of the contract that each was built for. To keep another one: `make
/// guests`, then copy `realm_test_released.wasm` to `tests/fixtures/plugins/<version>/released.wasm` and add a line here.
const KEPT: [(&str, &str); 1] = [("0.1.0", "released.wasm")];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plugins")
}

#[test]
fn each_component_that_is_kept_is_tried() {
    let mut there = Vec::new();
    for version in std::fs::read_dir(folder()).expect("the fixtures") {
        let version = version.expect("the fixtures");
        for file in std::fs::read_dir(version.path()).expect("a folder for each version") {
            let name = |of: std::ffi::OsString| of.to_string_lossy().into_owned();
            let file = file.expect("the fixtures");
            there.push((name(version.file_name()), name(file.file_name())));
        }
    }
    there.sort();
    let tried = KEPT.map(|(version, file)| (version.to_owned(), file.to_owned()));
    assert_eq!(there, tried);
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    for version in std::fs::read_dir(ours).expect("the contract") {
        let version = version.expect("the contract").file_name();
        let kept = KEPT.iter().any(|(kept, _)| version == *kept);
        assert!(kept, "no component is kept for {}", version.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_built_for_a_released_version_keeps_working() {
    for (version, file) in KEPT {
        let component = folder().join(version).join(file);
        let component = std::fs::read(&component).expect("a component that is kept");
        let host = host().await;
        let installed = install(&host, component).await;
        assert_eq!(installed.status, 200, "{}", installed.text());
        let installed = installed.json();
        assert_eq!(installed["data"]["contract"], version, "{installed}");
        assert_eq!(installed["data"]["optionsSchema"]["type"], "object");

        // Every function and import, every kind of answer.
        host.put("/r/other.txt", "what it reads\n").await;
        host.put("/r/a.released", "read ./other.txt\n").await;
        let text = served(&host, "/r/a.released").await;
        assert_eq!(
            text,
            "export default `what it reads`; // Purpose::Browser {}\n"
        );
        assert_eq!(served(&host, "/r/a.released.css").await, "a {}\n");
        let map = served(&host, "/r/a.released.map").await;
        assert!(map.contains("AAAA"), "{map}");
        host.put("/r/none.released", "read ./nothing\n").await;
        let text = served(&host, "/r/none.released").await;
        assert!(text.contains("not-found"), "{text}");
        host.put("/r/invalid.released", "invalid\n").await;
        let failed = host.get("/r/invalid.released").await;
        let error = failed.json()["errors"][0].clone();
        assert_eq!(failed.status, 406, "{error}");
        assert_eq!(error["code"], "R1", "{error}");
        assert_eq!(error["source"]["column"], 3, "{error}");
        host.put("/r/unreadable.released", "unreadable ./nothing\n")
            .await;
        let failed = host.get("/r/unreadable.released").await;
        assert_eq!(failed.status, 406, "{}", failed.text());
        assert!(failed.text().contains("there is no such file"));
        host.put("/r/declined.released", "decline\n").await;
        assert_eq!(served(&host, "/r/declined.released").await, "decline\n");

        host.put("/r/a.document", "./a.released\n").await;
        let document = rendered(&host, "/r/a.document").await;
        let renderings = document["outcome"]["renderings"].to_string();
        assert!(renderings.contains("Purpose::Prerender"), "{document}");
        assert_eq!(document["outcome"]["title"], "A document");
        assert_eq!(
            document["outcome"]["types"][0],
            format!("{ORIGIN}/r/a/Document")
        );
    }
}
