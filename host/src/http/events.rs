use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use super::authorize::Visitor;
use super::error::Problem;
use super::read::{Ask, GENERATION};
use super::serve::Stop;
use crate::changes::Hub;
use crate::database::DatabaseError;
use crate::reading::Reader;
use crate::realm::Generation;
use crate::registry::Mounted;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// How often a stream without events shows that it is alive, to proxies and to whoever has gone without a word.
const PING: Duration = Duration::from_secs(15);
/// How long a stream that begins waits for the log.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a client waits before it comes again, in milliseconds.
const RETRY: u64 = 1000;

/// `_events`: a realm's changes as they commit, as server-sent events (WHATWG HTML, section 9.2).
pub(super) async fn events(ask: &Ask<'_>) -> Result<Response, Problem> {
    ask.reached().await?;
    let app = &ask.app.0;
    let Ok(turn) = Arc::clone(&app.streams).try_acquire_owned() else {
        let detail = "this host has all the event streams that it keeps open at one time (`max-event-streams`)";
        let busy = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", detail);
        return Err(busy.with_header(RETRY_AFTER.as_str(), "5"));
    };
    let hub = Arc::clone(app.reader.hub());
    let last = resume_from(ask.headers, &hub, ask.realm).await?;
    let mut response = Response::default();
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that collect answers would hold events back.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    headers.insert(GENERATION, last.into());
    if ask.is_get {
        let follower = Follower {
            hub,
            reader: app.reader.clone(),
            visitor: ask.visitor.clone(),
            judged_at: ask.realm.tracker.applied(),
            realm: Arc::clone(ask.realm),
            last,
            stop: app.stop.clone(),
            begun: false,
            _turn: turn,
        };
        *response.body_mut() = Body::from_stream(follower.stream());
    }
    Ok(response)
}

/// The generation after which events are wanted: the client's last one, else the present.
async fn resume_from(
    headers: &HeaderMap,
    hub: &Hub,
    realm: &Mounted,
) -> Result<Generation, Problem> {
    // What was announced before this replica followed the realm was told to nobody here.
    let caught_up = tokio::time::timeout(PATIENCE, async {
        if mutant!("stream-not-caught-up") {
            return Ok(());
        }
        hub.catch_up(&realm.tracker).await
    });
    let late = |_| DatabaseError::Unavailable("it did not answer in time".to_owned());
    let caught_up = caught_up.await.map_err(late).flatten();
    let Some(id) = headers.get(LAST_EVENT_ID) else {
        return Ok(realm.tracker.applied());
    };
    let id: Option<Generation> = id.to_str().ok().and_then(|text| text.trim().parse().ok());
    let id = id.filter(|id| *id >= 0).ok_or_else(|| {
        let detail = "Last-Event-ID is not a generation: send the `id` of the last event that came";
        Problem::new(StatusCode::BAD_REQUEST, "bad-event-id", detail)
    })?;
    if id > realm.tracker.applied() {
        caught_up.map_err(Problem::from)?;
    }
    Ok(id)
}

struct Follower {
    hub: Arc<Hub>,
    reader: Reader,
    visitor: Visitor,
    /// The generation at which the visitor was last seen to have the right to read.
    judged_at: Generation,
    realm: Arc<Mounted>,
    /// The generation up to which the client has been told.
    last: Generation,
    stop: Stop,
    begun: bool,
    _turn: OwnedSemaphorePermit,
}

impl Follower {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, |mut follower| async move {
            let text = follower.next().await?;
            Some((Ok(Bytes::from(text)), follower))
        })
    }

    /// What is sent next; none when the realm or the host goes. Nothing is read ahead: a slow client costs no memory.
    async fn next(&mut self) -> Option<String> {
        let tracker = &self.realm.tracker;
        if !self.begun {
            self.begun = true;
            let applied = tracker.applied();
            if self.last > applied {
                // It has seen what this realm never had: another database, or one that was restored.
                self.last = applied;
                return Some(format!("retry: {RETRY}\n{}", event(applied, None)));
            }
            // An id without data is remembered and not dispatched: whoever is cut off before the first event resumes here.
            return Some(format!("retry: {RETRY}\nid: {}\n\n", self.last));
        }
        loop {
            let applied = tracker.applied();
            if applied > self.judged_at {
                // What they may do may have changed with it.
                if !self.visitor.may_still_read(&self.reader, &self.realm).await {
                    return None;
                }
                self.judged_at = applied;
            }
            if applied > self.last {
                match self.hub.commits_after(tracker, self.last).await {
                    Ok(commits) if !commits.is_empty() => {
                        let text = commits.iter().map(|commit| {
                            let paths = commit.paths.as_deref();
                            event(commit.generation, paths)
                        });
                        let text = text.collect();
                        self.last = commits.last().map_or(self.last, |commit| commit.generation);
                        return Some(text);
                    }
                    Ok(_) => {}
                    // It comes again, and resumes from what it had last.
                    Err(_) => return None,
                }
            }
            tokio::select! {
                () = tracker.reached(self.last + 1) => {}
                () = tokio::time::sleep(PING) => return Some(": alive\n\n".to_owned()),
                () = self.stop.cancelled() => return None,
                () = tracker.gone.cancelled() => return None,
            }
        }
    }
}

fn event(generation: Generation, paths: Option<&[crate::realm::LocalPath]>) -> String {
    let paths = match paths {
        Some(paths) => json!(paths.iter().map(|path| path.as_str()).collect::<Vec<_>>()),
        None => json!("*"),
    };
    let data = json!({ "generation": generation, "paths": paths });
    format!("id: {generation}\nevent: change\ndata: {data}\n\n")
}
