//! What everybody who listens hears of an operation, and when.

use serde_json::json;
use sqlx::postgres::PgListener;

use crate::operation::{Operation, Round};
use crate::stage::{LONG, Stage, answered, ask, at};

type Heard = (String, String);

/// All that is said until `last` is, which is not counted.
async fn until(listener: &mut PgListener, last: &str) -> Vec<Heard> {
    let mut all = Vec::new();
    let hear = async {
        loop {
            let heard = listener.recv().await.unwrap();
            if heard.payload() == last {
                return;
            }
            all.push((heard.channel().to_owned(), heard.payload().to_owned()));
        }
    };
    let patience = std::time::Duration::from_secs(30);
    let heard = tokio::time::timeout(patience, hear).await;
    heard.unwrap_or_else(|_| panic!("waited in vain for: {last}"));
    all
}

/// What must be said of a realm that is another one now, or is gone.
fn about(path: &str, hint: &str) -> [Heard; 3] {
    let url = at(path);
    [
        ("realm_file_changes".to_owned(), format!("{url}:*")),
        (
            "module_cache_invalidated".to_owned(),
            json!({ "k": "realm", "r": url }).to_string(),
        ),
        ("realm_registry".to_owned(), format!("{hint}:{url}")),
    ]
}

/// The host's announcements go out in order: a write's comes after all that was said before it.
async fn mark(stage: &Stage, listener: &mut PgListener, number: &str) -> Vec<Heard> {
    stage.a.put(&format!("/marks/{number}.txt"), number).await;
    until(listener, &format!("{}:{number}.txt", at("/marks/"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_been_committed_is_said_on_every_channel_and_not_before() {
    let stage = Stage::start(&[("lease", LONG)]).await;
    stage.a.create("/marks/").await;
    let mut listener = PgListener::connect(&stage.url).await.unwrap();
    let channels = [
        "realm_file_changes",
        "module_cache_invalidated",
        "realm_registry",
    ];
    listener.listen_all(channels).await.unwrap();
    for operation in [
        Operation::Publish,
        Operation::PublishAgain,
        Operation::Unpublish,
        Operation::DeleteWithCopies,
    ] {
        let round = Round::prepare(&stage, operation, "said").await;
        let expected = match operation {
            Operation::Unpublish => about(&round.copy, "delete").to_vec(),
            Operation::DeleteWithCopies => {
                let all = [&round.source, &round.copy, &round.other];
                all.map(|realm| about(realm, "delete")).concat()
            }
            _ => about(&round.copy, "upsert").to_vec(),
        };
        let label = operation.label().replace(' ', "-");
        mark(&stage, &mut listener, &format!("{label}-1")).await;
        let step = format!("{}:commit;", operation.name());
        stage.a.close_gate("statement", &step).await;
        let asking = ask(round.request(&stage.a));
        stage.a.at_gate("statement", 1).await;
        let early = mark(&stage, &mut listener, &format!("{label}-2")).await;
        assert!(
            early.is_empty(),
            "{operation:?} said before its commit: {early:?}"
        );
        stage.a.open_gate("statement").await;
        let done = answered("the operation", asking).await;
        assert!(done.status < 300, "{operation:?}: {}", done.text());
        let said = mark(&stage, &mut listener, &format!("{label}-3")).await;
        for one in &expected {
            assert!(
                said.contains(one),
                "{operation:?} did not say {one:?}, but {said:?}"
            );
        }
    }
}

/// One that fails or is refused says nothing: nobody has to do anything.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_committed_is_not_said() {
    let stage = Stage::start(&[("lease", LONG)]).await;
    stage.a.create("/marks/").await;
    let round = Round::prepare(&stage, Operation::PublishAgain, "failed").await;
    let mut listener = PgListener::connect(&stage.url).await.unwrap();
    let channels = [
        "realm_file_changes",
        "module_cache_invalidated",
        "realm_registry",
    ];
    listener.listen_all(channels).await.unwrap();
    mark(&stage, &mut listener, "1").await;
    stage.a.close_gate("statement", "publish:10;").await;
    let asking = ask(round.request(&stage.a));
    stage.a.at_gate("statement", 1).await;
    let (pid, _) = stage.in_transaction().await;
    stage.end_backend(pid).await;
    stage.a.open_gate("statement").await;
    assert_eq!(answered("an error", asking).await.status, 503);
    let said = mark(&stage, &mut listener, "2").await;
    assert!(said.is_empty(), "{said:?}");
}
