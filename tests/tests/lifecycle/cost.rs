//! What publishing costs: rows, and no bytes.

use std::time::{Duration, Instant};

use realm_tests::{Host, Postgres};
use sqlx::{Connection, PgConnection};

use crate::scene::{LONG, options, sql};

/// Bytes of each file.
const SIZE: u64 = 8192;

/// What the database holds and has written.
#[derive(Clone, Copy, Debug)]
struct Stock {
    /// Bytes of its log since it was made.
    log: i64,
    /// Bytes of the table, its indexes and what is stored beside it.
    blobs: i64,
    rows: i64,
}

async fn stock(client: &mut PgConnection) -> Stock {
    let sql = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint, pg_total_relation_size('blobs'),
                      (SELECT count(*) FROM blobs)";
    let (log, blobs, rows) = sqlx::query_as(sql).fetch_one(client).await.expect("a row");
    Stock { log, blobs, rows }
}

/// Fills the source with files of different bytes that cannot be compressed.
async fn fill(database: &str, realm: &str, files: usize) {
    let bytes = format!(
        "(SELECT string_agg(sha256(convert_to('{realm} ' || n || ' ' || i, 'UTF8')), ''::bytea) FROM generate_series(1, {}) i)",
        SIZE / 32
    );
    sql(
        database,
        &format!(
            "CREATE TEMPORARY TABLE new AS SELECT n, {bytes} AS bytes FROM generate_series(1, {files}) n;
             INSERT INTO blobs (hash, size, bytes) SELECT sha256(bytes), {SIZE}, bytes FROM new;
             INSERT INTO files (tree_id, path, blob, size, media_type, created_at, modified_at)
                 SELECT r.tree_id, 'folder-' || n % 100 || '/file-' || n || '.bin', sha256(bytes), {SIZE}, 'application/octet-stream', 1, 1
                 FROM new, realms r WHERE r.url LIKE '%{realm}';
             CHECKPOINT"
        ),
    )
    .await;
}

/// Publishes and prints what it took; the bytes that were written for each file.
async fn publish(host: &Host, client: &mut PgConnection, what: &str, files: usize) -> f64 {
    let before = stock(client).await;
    let begun = Instant::now();
    host.publish("/s/", "/p/").await;
    let took = begun.elapsed();
    let after = stock(client).await;
    let written = after.log - before.log;
    println!(
        "{what} of {files} files ({} KiB): {took:.1?}, {:.0} KiB of log ({:.0} bytes a file), blobs {} KiB before and {} KiB after, {} rows and {}",
        files as u64 * SIZE / 1024,
        written as f64 / 1024.0,
        written as f64 / files as f64,
        before.blobs / 1024,
        after.blobs / 1024,
        before.rows,
        after.rows,
    );
    assert_eq!(
        (after.blobs, after.rows),
        (before.blobs, before.rows),
        "no bytes are copied"
    );
    assert!(took < Duration::from_secs(60), "{took:?}");
    written as f64 / files as f64
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_copies_no_bytes() {
    // A server of its own: what others write would be counted too.
    let postgres = Postgres::start();
    for files in [100, 10_000] {
        let database = postgres.database().await;
        let host = options(&database, LONG)
            .with("database-timeout", "60s")
            .start()
            .await;
        let mut client = PgConnection::connect(&database)
            .await
            .expect("a connection");
        host.create("/s/").await;
        // Its workers write to the log as well.
        sql(&database, "ALTER TABLE blobs SET (autovacuum_enabled = off); ALTER TABLE files SET (autovacuum_enabled = off)").await;
        fill(&database, "/s/", files).await;
        for what in ["publish", "publish again"] {
            let each = publish(&host, &mut client, what, files).await;
            // A hundred files are few beside what any transaction writes.
            let most = if files == 100 { SIZE / 2 } else { SIZE / 8 };
            assert!(each < most as f64, "{what}: {each:.0} bytes a file");
        }
        let listed = host.request("GET", "/p/_mtimes");
        assert_eq!(host.send(listed).await.status, 200);
        let file = host.source("/p/folder-7/file-7.bin").await;
        assert_eq!((file.status, file.body.len() as u64), (200, SIZE));
    }
}
