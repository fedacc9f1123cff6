//! Those who read and write.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::RequestBuilder;

use super::files::{TARGETS, Target, WRITES, content};
use super::{REALM, Shared};
use crate::ORIGIN;
use crate::history::{Claim, FileName, Outcome, Read, Write};

/// How long a client waits for an answer: longer than any fault stays.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long a client waits that was turned away.
const BREATH: Duration = Duration::from_millis(5);
/// The longest pause between two writes of a client, in milliseconds.
const PAUSE: u64 = 20;

/// The parts of an answer that matter here.
struct Reply {
    status: u16,
    generation: Option<i64>,
    stale: bool,
    tag: String,
    location: String,
    text: String,
}

async fn ask(request: RequestBuilder) -> reqwest::Result<Reply> {
    let answer = request.timeout(PATIENCE).send().await?;
    let header = |name: &str| {
        answer
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let location = if header("location").is_empty() {
        header("content-location")
    } else {
        header("location")
    };
    Ok(Reply {
        status: answer.status().as_u16(),
        generation: header("realm-generation").parse().ok(),
        stale: header("cache-status").contains("detail=lease"),
        tag: header("etag").to_owned(),
        location: location.to_owned(),
        text: answer.text().await?,
    })
}

/// An output that a client has seen before: its tag, and what it says.
type Remembered = (String, Vec<Claim>);

/// All that is asked for.
pub(super) fn readings() -> impl Iterator<Item = &'static Target> {
    TARGETS.iter()
}

fn random(shared: &Shared, host: usize, client: usize) -> StdRng {
    StdRng::seed_from_u64(
        shared
            .seed
            .wrapping_mul(1000)
            .wrapping_add((host * 100 + client) as u64),
    )
}

/// Reads one thing after the other.
pub(super) async fn reader(shared: Arc<Shared>, host: usize, number: usize) {
    let mut random = random(&shared, host, number);
    let mut remembered: HashMap<&str, Remembered> = HashMap::new();
    while !shared.is_stopped() {
        let target = TARGETS
            .choose_weighted(&mut random, |target| target.weight)
            .expect("there are some");
        let (names, knows) = (random.random_bool(0.05), random.random_bool(0.3));
        let asked = names.then(|| shared.acknowledged.load(Ordering::SeqCst));
        let known = remembered.get(target.what).filter(|_| knows).cloned();
        match read(&shared, host, target, asked, known).await {
            Some(read) if !read.tag.is_empty() => {
                remembered.insert(target.what, (read.tag, read.claims));
            }
            Some(_) => {}
            None => tokio::time::sleep(BREATH).await,
        }
    }
}

/// What a read has shown.
pub(super) struct Shown {
    pub(super) generation: i64,
    pub(super) stale: bool,
    tag: String,
    claims: Vec<Claim>,
}

/// Reads, and hands what was answered to the checker; none: there was no answer about content.
pub(super) async fn read(
    shared: &Shared,
    host: usize,
    target: &'static Target,
    asked: Option<i64>,
    known: Option<Remembered>,
) -> Option<Shown> {
    let to = shared.cluster.host(host);
    let mut request = to.request("GET", &format!("{REALM}{}", target.path));
    if target.raw {
        request = request.header("accept", "application/vnd.card+source");
    }
    if let Some(asked) = asked {
        request = request.header("realm-generation", asked);
    }
    if let Some((tag, _)) = &known {
        request = request.header("if-none-match", tag);
    }
    let sent = shared.now();
    let Ok(reply) = ask(request).await else {
        shared.tally(|tally| tally.lost += 1);
        return None;
    };
    let received = shared.now();
    if reply.status == 503 {
        shared.tally(|tally| tally.refused(target.what, &reply.text));
        return None;
    }
    let claims = match known {
        Some((tag, claims)) if reply.status == 304 && reply.tag == tag => Some(claims),
        _ => target.understand(reply.status, &reply.location, &reply.text),
    };
    let (Some(generation), Some(claims)) = (reply.generation, claims) else {
        shared.tally(|tally| tally.odd("GET", target.path, reply.status, &reply.text));
        return None;
    };
    shared.checker(|checker| {
        checker.read(Read {
            host,
            what: target.what,
            sent,
            received,
            asked,
            generation,
            stale: reply.stale,
            claims: claims.clone(),
            together: target.is_together(),
        });
    });
    shared.tally(|tally| {
        tally.answered(
            target.what,
            reply.stale,
            asked.is_some(),
            reply.status == 304,
        )
    });
    Some(Shown {
        generation,
        stale: reply.stale,
        tag: reply.tag,
        claims,
    })
}

/// Writes one thing after the other.
pub(super) async fn writer(shared: Arc<Shared>, host: usize, number: usize) {
    let mut random = random(&shared, host, 50 + number);
    while !shared.is_stopped() {
        let (puts, removes, _) = WRITES
            .choose_weighted(&mut random, |write| write.2)
            .expect("there are some");
        let (pause, path) = (
            random.random_range(0..PAUSE),
            TARGETS.choose(&mut random).expect("some").path,
        );
        if puts.is_empty() && removes.is_empty() {
            let whole = random.random_bool(0.5);
            invalidate(&shared, host, (!whole).then_some(path)).await;
        } else {
            write(&shared, host, puts, removes, "update").await;
        }
        shared.pause(Duration::from_millis(pause)).await;
    }
}

async fn invalidate(shared: &Shared, host: usize, path: Option<&str>) {
    let urls: Option<Vec<_>> = path.map(|path| vec![format!("{ORIGIN}{REALM}{path}")]);
    let body = serde_json::json!({ "data": { "attributes": { "urls": urls } } });
    let request = shared
        .cluster
        .host(host)
        .request("POST", &format!("{REALM}_invalidate"));
    match ask(request.body(body.to_string())).await {
        Ok(Reply { status: 204, .. }) => shared.tally(|tally| tally.invalidations += 1),
        // Nobody can know then whether they may.
        Ok(Reply { status: 503, .. }) => {}
        Ok(reply) => {
            shared.tally(|tally| tally.odd("POST", "_invalidate", reply.status, &reply.text))
        }
        Err(_) => {}
    }
}

/// Writes every file once, so that everything is there.
pub(super) async fn write_all(shared: &Shared) {
    for (puts, removes, _) in WRITES.iter().filter(|(puts, _, _)| !puts.is_empty()) {
        write(shared, 0, puts, removes, "add").await;
    }
}

/// Makes one commit, and tells the checker what became of it; `verb` is what several files take.
async fn write(
    shared: &Shared,
    host: usize,
    puts: &'static [FileName],
    removes: &'static [FileName],
    verb: &str,
) {
    let value = shared.values.fetch_add(1, Ordering::SeqCst);
    let to = shared.cluster.host(host);
    let request = match (puts, removes) {
        ([file], []) => to
            .request("PUT", &format!("{REALM}{file}"))
            .body(content(file, value)),
        ([], [file]) => to.request("DELETE", &format!("{REALM}{file}")),
        _ => {
            let operation = |file: &FileName| {
                let data = serde_json::json!({ "type": "source", "attributes": { "content": content(file, value) } });
                serde_json::json!({ "op": verb, "href": file, "data": data })
            };
            let operations: Vec<_> = puts.iter().map(operation).collect();
            let body = serde_json::json!({ "atomic:operations": operations });
            to.request("POST", &format!("{REALM}_atomic"))
                .body(body.to_string())
        }
    };
    // The time is taken under the lock: the checker must know of a write that somebody may see.
    let id = shared.checker(|checker| {
        checker.begin(Write {
            host,
            sent: shared.now(),
            value,
            puts,
            removes,
        })
    });
    let outcome = match ask(request).await {
        Ok(Reply {
            status: 200..=299,
            generation: Some(generation),
            ..
        }) => Outcome::Acknowledged(generation),
        Ok(Reply {
            status: 404 | 409 | 412,
            ..
        }) => Outcome::Refused,
        Ok(Reply {
            status: 503, text, ..
        }) if !text.contains("\"outcome-unknown\"") => {
            shared.tally(|tally| tally.write_refused(&text));
            Outcome::Refused
        }
        Ok(Reply { status: 503, .. }) => Outcome::Unknown,
        Ok(reply) => {
            shared.tally(|tally| {
                tally.odd(
                    "write",
                    &format!("{puts:?}{removes:?}"),
                    reply.status,
                    &reply.text,
                )
            });
            Outcome::Unknown
        }
        Err(error) if error.is_connect() => Outcome::Refused,
        Err(_) => Outcome::Unknown,
    };
    shared.checker(|checker| checker.end(id, outcome, shared.now()));
    shared.tally(|tally| tally.written(outcome));
    if let Outcome::Acknowledged(generation) = outcome {
        shared.acknowledged.fetch_max(generation, Ordering::SeqCst);
    } else {
        tokio::time::sleep(BREATH).await;
    }
}
