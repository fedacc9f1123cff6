//! Folders as bootstrap realms, followed both ways, and the command line.

use std::path::Path;

use realm_tests::{Host, HostOptions, ORIGIN, Storage, eventually, server};

fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn read(folder: &Path, path: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(path)).ok()
}

async fn serves(host: &Host, path: &str, text: &str) {
    eventually(&format!("{text} at {path}"), || async {
        let answer = host.get(path).await;
        (answer.status == 200 && answer.text().contains(text)).then_some(())
    })
    .await;
}

async fn storages() -> [Storage; 2] {
    [
        Storage::Sqlite,
        Storage::Postgres(server().database().await),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_reach_the_browser_and_writes_reach_the_folder() {
    for storage in storages().await {
        let home = tempfile::tempdir().unwrap();
        let site = home.path().join("site");
        write(&site, "a.ts", "export const one: number = 1;\n");
        write(&site, ".hidden", "secret");
        write(&site, ".gitignore", "node_modules\n");
        write(&site, "node_modules/x/index.js", "x");
        let host = HostOptions::new(storage).serving(&site).start().await;
        assert!(
            host.get("/site/a.ts").await.text().contains("one = 1"),
            "served as soon as the host is ready"
        );
        assert_eq!(host.get("/site/node_modules/x/index.js").await.status, 404);
        assert_eq!(host.get("/site/.hidden").await.status, 404);
        write(&site, "a.ts", "export const two: number = 2;\n");
        serves(&host, "/site/a.ts", "two = 2").await;
        write(&site, "deep/er/b.txt", "new");
        serves(&host, "/site/deep/er/b.txt", "new").await;
        std::fs::rename(site.join("deep"), site.join("moved")).unwrap();
        serves(&host, "/site/moved/er/b.txt", "new").await;
        eventually("the old place is empty", || async {
            (host.get("/site/deep/er/b.txt").await.status == 404).then_some(())
        })
        .await;
        std::fs::remove_file(site.join("moved/er/b.txt")).unwrap();
        eventually("gone", || async {
            (host.get("/site/moved/er/b.txt").await.status == 404).then_some(())
        })
        .await;
        host.put("/site/c/d.txt", "over http").await;
        eventually("written through", || async {
            (read(&site, "c/d.txt")? == "over http").then_some(())
        })
        .await;
        host.put("/site/.hidden", "over http").await;
        host.put("/site/.git/config", "over http").await;
        host.put("/site/node_modules/x/index.js", "over http").await;
        host.delete("/site/c/d.txt").await;
        eventually("taken away", || async {
            read(&site, "c/d.txt").is_none().then_some(())
        })
        .await;
        // What is hidden or ignored is the folder's own: not read, not written, whatever the realm has of that name.
        assert_eq!(read(&site, ".hidden").unwrap(), "secret");
        assert_eq!(read(&site, "node_modules/x/index.js").unwrap(), "x");
        assert!(!site.join(".git").exists());
        for path in [".hidden", ".git/config", "node_modules/x/index.js"] {
            let answer = host.source(&format!("/site/{path}")).await;
            assert_eq!(answer.text(), "over http", "{path}: nothing reverts it");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_that_cannot_be_written_keeps_no_other() {
    let home = tempfile::tempdir().unwrap();
    let site = home.path().join("site");
    write(&site, "a.txt", "a");
    let outside = home.path().join("outside");
    write(&outside, "x.txt", "outside");
    std::os::unix::fs::symlink(&outside, site.join("link")).unwrap();
    let data = tempfile::tempdir().unwrap();
    let options = HostOptions::new(Storage::Sqlite)
        .serving(&site)
        .in_folder(data.path());
    let host = options.clone().start().await;
    assert_eq!(
        host.get("/site/link/x.txt").await.status,
        404,
        "links are not followed"
    );
    host.put("/site/link/x.txt", "through the link").await;
    host.put(
        &format!("/site/{}.txt", "n".repeat(300)),
        "a name that no file can have",
    )
    .await;
    host.put("/site/a.txt/b.txt", "below a file").await;
    host.put("/site/z.txt", "z").await;
    eventually("the last one", || async {
        (read(&site, "z.txt")? == "z").then_some(())
    })
    .await;
    assert_eq!(read(&outside, "x.txt").unwrap(), "outside");
    write(&site, "a.txt", "b");
    serves(&host, "/site/a.txt", "b").await;
    assert!(host.stop().await);
    let host = options.start().await;
    assert_eq!(host.get("/site/a.txt/b.txt").await.text(), "below a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_side_reverts_the_other_across_restarts() {
    for storage in storages().await {
        let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let site = home.path().join("site");
        for name in ["folder.txt", "http.txt", "both.txt", "same.txt"] {
            write(&site, name, "old");
        }
        let options = HostOptions::new(storage)
            .serving(&site)
            .in_folder(data.path());
        let host = options.clone().start().await;
        let generation = host.get("/site/same.txt").await.generation();
        assert!(host.stop().await);
        let host = options.clone().start().await;
        assert_eq!(
            host.get("/site/same.txt").await.generation(),
            generation,
            "an unchanged folder changes nothing"
        );
        host.put("/site/http.txt", "http").await;
        host.put("/site/both.txt", "http").await;
        eventually("written through", || async {
            (read(&site, "both.txt")? == "http" && read(&site, "http.txt")? == "http").then_some(())
        })
        .await;
        assert!(host.stop().await);
        write(&site, "folder.txt", "folder");
        let host = options.clone().start().await;
        serves(&host, "/site/folder.txt", "folder").await;
        assert_eq!(host.get("/site/http.txt").await.text(), "http");
        drop(host);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_both_have_changed_the_folder_wins_and_the_log_names_what_it_replaced() {
    let url = server().database().await;
    let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let site = home.path().join("site");
    write(&site, "both.txt", "old");
    let options = HostOptions::new(Storage::Postgres(url)).in_folder(data.path());
    let host = options.clone().serving(&site).start().await;
    assert!(host.stop().await);
    let other = options.clone().start().await;
    other.put("/site/both.txt", "over http").await;
    write(&site, "both.txt", "in the folder");
    let host = options.serving(&site).start().await;
    assert_eq!(host.get("/site/both.txt").await.text(), "in the folder");
    let replaced = blake3_of("over http");
    host.says("the folder wins").await;
    host.says(&replaced).await;
}

fn blake3_of(text: &str) -> String {
    realm_host::realm::BlobHash::of(text.as_bytes()).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_port_re_homes_a_folder_and_one_replica_follows_it() {
    let url = server().database().await;
    let home = tempfile::tempdir().unwrap();
    let site = home.path().join("site");
    write(&site, "a.txt", "one");
    let options = HostOptions::new(Storage::Postgres(url));
    let first = options
        .clone()
        .with("origin", "http://one.test")
        .serving(&site)
        .start()
        .await;
    let second = options
        .clone()
        .with("origin", "http://one.test")
        .serving(&site)
        .start()
        .await;
    assert_eq!(second.get("/site/a.txt").await.text(), "one");
    second.says("standing by").await;
    write(&site, "a.txt", "two");
    serves(&first, "/site/a.txt", "two").await;
    serves(&second, "/site/a.txt", "two").await;
    second.put("/site/b.txt", "through the other").await;
    eventually("written through by the one that follows", || async {
        (read(&site, "b.txt")? == "through the other").then_some(())
    })
    .await;
    drop(first);
    write(&site, "a.txt", "three");
    serves(&second, "/site/a.txt", "three").await;
    drop(second);
    let moved = options
        .with("origin", "http://two.test")
        .serving(&site)
        .start()
        .await;
    assert_eq!(moved.get("/site/a.txt").await.text(), "three");
    let listed = String::from_utf8(moved.command(&["list"]).await.stdout).unwrap();
    assert!(
        listed.contains("http://two.test/site/") && !listed.contains("http://one.test"),
        "no stale twin: {listed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_works_with_and_without_a_host() {
    for storage in storages().await {
        let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let folder = home.path().join("files");
        write(&folder, "a.ts", "export const one: number = 1;\n");
        write(&folder, "bytes.bin", "x");
        std::fs::write(folder.join("bytes.bin"), [0xff, 0, 0xfe]).unwrap();
        let options = HostOptions::new(storage).in_folder(data.path());
        let realm = format!("{ORIGIN}/r/");
        let (files, realm) = (folder.to_str().unwrap(), realm.as_str());
        let host = options.clone().start().await;
        assert_eq!(
            host.command(&["create", realm]).await.status.code(),
            Some(0)
        );
        let again = host.command(&["create", realm]).await;
        assert_eq!(again.status.code(), Some(1));
        assert!(
            String::from_utf8_lossy(&again.stderr).contains("there is a realm at"),
            "{again:?}"
        );
        let imported = host.command(&["import", files, realm, "--json"]).await;
        let report: serde_json::Value =
            serde_json::from_slice(&imported.stdout).unwrap_or_else(|_| panic!("{imported:?}"));
        assert_eq!(
            (report["files"].as_u64(), report["bytes"].as_u64()),
            (Some(2), Some(33))
        );
        assert!(host.get("/r/a.ts").await.text().contains("one = 1"));
        assert_eq!(host.get("/r/bytes.bin").await.body, [0xff, 0, 0xfe]);
        let imported = host.command(&["import", files, realm, "--json"]).await;
        assert!(
            String::from_utf8_lossy(&imported.stdout).contains("\"files\":0"),
            "nothing has changed"
        );
        host.put("/r/extra.txt", "extra").await;
        assert!(host.command(&["sync", files, realm]).await.status.success());
        assert_eq!(
            host.get("/r/extra.txt").await.status,
            404,
            "exactly the folder's files"
        );
        eventually("a hit", || async {
            let answer = host.get("/r/a.ts").await;
            (answer.header("cache-status") == "realm; hit").then_some(())
        })
        .await;
        assert!(host.command(&["invalidate", realm]).await.status.success());
        assert_ne!(
            host.get("/r/a.ts").await.header("cache-status"),
            "realm; hit"
        );
        let config = host.command(&["config", "--lease", "7s"]).await;
        let text = String::from_utf8(config.stdout).unwrap();
        assert!(
            text.lines().any(|line| line.starts_with("lease")
                && line.contains("7s")
                && line.contains("flag")),
            "{text}"
        );
        let wrong = host.command(&["config", "--lease", "soon"]).await;
        assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
        assert_eq!(host.command(&["frobnicate"]).await.status.code(), Some(2));
        assert!(host.stop().await);
        let host = options.start().await;
        assert!(host.get("/r/a.ts").await.text().contains("one = 1"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_without_a_host_works_on_the_database_and_announces() {
    let url = server().database().await;
    let home = tempfile::tempdir().unwrap();
    write(home.path(), "files/a.txt", "imported");
    let host = HostOptions::new(Storage::Postgres(url.clone()))
        .with("lease", "60s")
        .start()
        .await;
    host.create("/r/").await;
    assert_eq!(host.get("/r/a.txt").await.status, 404);
    // A data folder of its own: no host is found there.
    let apart = HostOptions::new(Storage::Postgres(url)).in_folder(home.path());
    let output = apart
        .run(&[
            "import",
            home.path().join("files").to_str().unwrap(),
            &format!("{ORIGIN}/r/"),
        ])
        .await;
    assert!(output.status.success(), "{output:?}");
    serves(&host, "/r/a.txt", "imported").await;
}
