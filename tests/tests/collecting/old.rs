//! What goes, and when.

use std::time::Instant;

use realm_tests::{Host, HostOptions, Storage, eventually, on_both};

use crate::{AFTER, Tables, collecting, quick, turn};

on_both! {
    bytes_go_after_their_time_and_not_before
    bytes_that_are_used_again_and_left_again_have_their_whole_time_again
    a_derivation_goes_with_its_input_and_its_own_bytes_later
    the_files_of_a_tree_that_no_realm_has_go
}

async fn bytes_go_after_their_time_and_not_before(options: HostOptions) {
    let storage = options.storage().clone();
    let (host, _) = quick(options).with_realm().await;
    let tables = Tables::of(&host, &storage).await;
    host.create("/s/").await;
    host.put("/r/removed.txt", "removed").await;
    host.put("/r/overwritten.txt", "overwritten").await;
    for realm in ["/r/", "/s/"] {
        host.put(&format!("{realm}shared.txt"), "shared").await;
    }
    let left = Instant::now();
    host.delete("/r/shared.txt").await;
    host.delete("/r/removed.txt").await;
    host.put("/r/overwritten.txt", "new").await;
    for bytes in ["removed", "overwritten"] {
        tables.gone(bytes).await;
        assert!(left.elapsed() >= AFTER, "{bytes}: {:?}", left.elapsed());
    }
    assert_eq!(tables.mark("shared").await, Some(None));
    assert_eq!(host.get("/s/shared.txt").await.text(), "shared");
    assert_eq!(host.get("/r/overwritten.txt").await.text(), "new");
    let size = "removed".len() + "overwritten".len();
    eventually("it is counted", || async {
        let metrics = host.admin("/_metrics").await.text();
        let counted = [
            "realm_collected_blobs_total 2".to_owned(),
            format!("realm_collected_bytes_total {size}"),
        ];
        let said = |line: &String| metrics.lines().any(|said| said == line);
        counted.iter().all(said).then_some(())
    })
    .await;
}

async fn bytes_that_are_used_again_and_left_again_have_their_whole_time_again(
    options: HostOptions,
) {
    let storage = options.storage().clone();
    let (host, _) = quick(options).with_realm().await;
    let tables = Tables::of(&host, &storage).await;
    host.close_gate("collect", "").await;
    host.at_gate("collect", 1).await;
    host.put("/r/a.txt", "again").await;
    host.delete("/r/a.txt").await;
    turn(&host).await;
    tables.old("again").await;
    host.put("/r/b.txt", "again").await;
    let left = Instant::now();
    host.delete("/r/b.txt").await;
    host.open_gate("collect").await;
    tables.gone("again").await;
    assert!(left.elapsed() >= AFTER, "{:?}", left.elapsed());
}

async fn a_derivation_goes_with_its_input_and_its_own_bytes_later(options: HostOptions) {
    let storage = options.storage().clone();
    // Long enough for the call.
    let options = collecting(options, "3s", "3400ms");
    let (host, _) = options.with_realm().await;
    let tables = Tables::of(&host, &storage).await;
    let derivations = || tables.number("SELECT count(*) FROM derivations");
    let blobs = || tables.number("SELECT count(*) FROM blobs");
    host.put("/r/a.ts", "export const n: number = 1;\n").await;
    assert_eq!(host.get("/r/a.ts").await.status, 200);
    eventually("the output is stored", || async {
        (derivations().await > 0).then_some(())
    })
    .await;
    host.delete("/r/a.ts").await;
    eventually("the derivation goes", || async {
        (derivations().await == 0).then_some(())
    })
    .await;
    assert!(blobs().await > 0, "the output has a time of its own");
    eventually("its bytes go", || async {
        (blobs().await == 0).then_some(())
    })
    .await;
}

/// More than one batch of files.
const MANY: &str =
    "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 2500)
    INSERT INTO files (tree_id, path, blob, size, media_type, created_at, modified_at)
    SELECT f.tree_id, 'many/' || n, f.blob, f.size, f.media_type, f.created_at, f.modified_at
    FROM files f, numbers WHERE f.path = 'old.txt'";

async fn the_files_of_a_tree_that_no_realm_has_go(options: HostOptions) {
    let storage = options.storage().clone();
    let (host, _) = quick(options).with_realm().await;
    let tables = Tables::of(&host, &storage).await;
    let files = || tables.number("SELECT count(*) FROM files");
    host.create("/old/").await;
    host.put("/r/kept.txt", "kept").await;
    host.put("/old/old.txt", "old").await;
    tables.execute(MANY).await;
    assert_eq!(files().await, 2502);
    tables
        .execute("UPDATE realms SET deleted_at = 1 WHERE url LIKE '%/old/'")
        .await;
    eventually("the files of the deleted realm go", || async {
        (files().await == 1).then_some(())
    })
    .await;
    assert_eq!(tables.number("SELECT count(*) FROM trees").await, 2);
    host.create("/old/").await;
    host.put("/old/new.txt", "new").await;
    // Its row was held by the deleted realm.
    eventually("the old tree goes", || async {
        let trees = "SELECT count(*) FROM trees WHERE id NOT IN (SELECT tree_id FROM realms)";
        (tables.number(trees).await == 0).then_some(())
    })
    .await;
    tables.gone("old").await;
    assert_eq!(host.get("/old/new.txt").await.text(), "new");
    assert_eq!(host.get("/r/kept.txt").await.text(), "kept");
    assert_eq!(files().await, 2);
}

#[tokio::test]
async fn whoever_is_not_to_work_does_not_collect() {
    let start = |role| {
        quick(HostOptions::new(Storage::Sqlite))
            .with("role", role)
            .start()
    };
    let (serving, working) = (start("serve").await, start("serve,work").await);
    let collects = async |host: &Host| {
        let metrics = host.admin("/_metrics").await.text();
        metrics.contains("db_operation_name=\"mark_blobs\"")
    };
    eventually("the one that works has had a turn", || async {
        collects(&working).await.then_some(())
    })
    .await;
    assert!(!collects(&serving).await);
}
