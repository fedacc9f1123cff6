//! What workers say, and what replicas hear.

use realm_tests::{HostOptions, ORIGIN, Storage, eventually, server};
use sqlx::postgres::PgListener;

use crate::{Tables, quick};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wished_for_done_and_updated_is_said() {
    let url = server().database().await;
    let options = quick(HostOptions::new(Storage::Postgres(url.clone())));
    let (host, _) = options.with_realm().await;
    let tables = Tables::of(&host, &Storage::Postgres(url.clone())).await;
    tables.settled().await;
    let realm = tables
        .number("SELECT id FROM realms WHERE deleted_at IS NULL")
        .await;
    let mut listener = PgListener::connect(&url).await.unwrap();
    let channels = ["jobs", "jobs_finished", "realm_index_updated"];
    listener.listen_all(channels).await.unwrap();
    for number in 0..20 {
        host.put(&format!("/r/d{number}.misrender"), "echo one")
            .await;
    }
    tables.settled().await;
    let mut heard: Vec<(String, String)> = Vec::new();
    let wanted = [
        ("jobs", format!("index:{realm}")),
        ("jobs", format!("render:{realm}")),
        ("jobs_finished", format!("index:{realm}")),
        ("jobs_finished", format!("render:{realm}")),
        ("realm_index_updated", format!("{ORIGIN}/r/")),
    ];
    while !wanted.iter().all(|(channel, payload)| {
        heard
            .iter()
            .any(|(on, what)| on == channel && what == payload)
    }) {
        let next = tokio::time::timeout(std::time::Duration::from_secs(20), listener.recv());
        let next = next
            .await
            .unwrap_or_else(|_| panic!("only heard {heard:?}"))
            .unwrap();
        heard.push((next.channel().to_owned(), next.payload().to_owned()));
    }
    eventually("nothing is left", || async {
        (tables.number("SELECT count(*) FROM jobs").await == 0).then_some(())
    })
    .await;
}
