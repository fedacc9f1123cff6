use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tracing::debug;

use super::entry::{Card, clean_text, error_of};
use super::words;
use super::worker::{Trouble, Turn, pause};
use super::{Hearing, Worker};
use crate::database::{
    DatabaseError, EntryState, Job, Lane, NewEntry, NewRendering, Seen, Shown, Stored, Visit,
    bounded, url_key,
};
use crate::reading::{Asked, DocumentOutcome, ReadError, Rendered};
use crate::realm::{Generation, RealmId, RealmUrl};
use crate::registry::Mounted;

/// Visits that one look at the queue gives: files that nobody renders are stored so many at a time.
const BATCH: usize = 256;
/// How long a realm is worked on before others have their turn, where there is no room for them otherwise.
const SLICE: Duration = Duration::from_secs(1);
/// How often a document whose read set has changed before it was stored is rendered anew at once.
const TRIES: usize = 5;

/// What a visit came to, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// A guest ran.
    Rendered,
    /// What a guest had made before was found again.
    Found,
    /// The index had it already.
    Unchanged,
    /// The file is gone.
    Removed,
    /// It is wrong.
    Failed,
}

impl Outcome {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rendered => "rendered",
            Self::Found => "found",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::Failed => "failed",
        }
    }
}

/// What became of a visit.
enum Made {
    /// It is stored.
    Stored(Outcome),
    /// It is to be made again later.
    Postponed,
    /// The realm is gone, or another one: whoever made it so has wished for what is to be done.
    RealmGone,
}

impl Worker {
    /// The render lane: visits are made, several at a time, the most urgent first.
    pub(super) async fn visits(&self, job: Job) -> Result<Turn, Trouble> {
        let own = &self.0;
        let limit = own.limits.database_timeout;
        let Some(url) = bounded(limit, "url_of", own.database.url_of(job.realm)).await? else {
            // What it has of a deleted realm goes by the index lane.
            return Ok(Turn::Done);
        };
        let plugins = own.reader.plugins();
        let mixed = own.database.mix_plugins(job.realm, plugins.name());
        bounded(limit, "mix_plugins", mixed).await?;
        let hearing = Hearing::of(&own.wake, job.realm);
        let begun = Instant::now();
        let mut running: JoinSet<(i64, Result<Made, Trouble>)> = JoinSet::new();
        let mut numbers: HashSet<i64> = HashSet::new();
        let mut waiting: VecDeque<Visit> = VecDeque::new();
        let most = own.limits.concurrency * 2;
        let turn = loop {
            let gives_way = begun.elapsed() >= SLICE && own.room(Lane::Render) == 0;
            if waiting.is_empty() && running.len() < most && !gives_way {
                let visits = own.database.visits(job.realm, BATCH + running.len());
                let visits = bounded(limit, "visits", visits).await?;
                let due = visits.due.into_iter();
                let new: Vec<_> = due
                    .filter(|visit| !numbers.contains(&visit.number))
                    .collect();
                if !new.is_empty() {
                    self.applied(&url, job.realm, visits.cursor).await?;
                }
                let (rendered, plain): (Vec<_>, Vec<_>) = new
                    .into_iter()
                    .partition(|visit| own.reader.renders(&visit.path));
                if !plain.is_empty() {
                    self.files(&url, job.realm, &plain).await?;
                }
                // The rest is asked for again: something more urgent may have come by then.
                waiting.extend(rendered.into_iter().take(most));
                if running.is_empty() && waiting.is_empty() {
                    if !plain.is_empty() {
                        continue;
                    }
                    break match visits.next {
                        Some(pause) => Turn::More(pause, 0),
                        None => Turn::Done,
                    };
                }
            }
            while running.len() < most
                && let Some(visit) = waiting.pop_front()
            {
                numbers.insert(visit.number);
                let (worker, url, realm) = (self.clone(), url.clone(), job.realm);
                running.spawn(async move {
                    let number = visit.number;
                    (number, worker.visit(&url, realm, visit).await)
                });
            }
            let joined = tokio::select! {
                biased;
                joined = running.join_next() => joined,
                // A document may take long: those that have come meanwhile do not wait for it.
                () = hearing.more.notified(), if running.len() < most => continue,
            };
            match joined {
                Some(Ok((number, made))) => {
                    numbers.remove(&number);
                    if let Made::RealmGone = made? {
                        break Turn::Done;
                    }
                }
                Some(Err(error)) => {
                    let text = format!("a visit panicked: {error}");
                    return Err(DatabaseError::Refused(text).into());
                }
                // Its time is up.
                None => break Turn::More(Duration::ZERO, 0),
            }
        };
        own.updates.flush(Some(&url));
        Ok(turn)
    }

    /// No byte of a realm is read before this replica has applied the generation that its visits came from.
    async fn applied(
        &self,
        url: &RealmUrl,
        realm: RealmId,
        generation: Generation,
    ) -> Result<(), Trouble> {
        if mutant!("visited-before-it-is-applied") {
            return Ok(());
        }
        let Some(mounted) = self.mounted(url, realm).await? else {
            return Ok(());
        };
        Ok(self.0.reader.wait_for(&mounted, generation).await?)
    }

    /// The realm as this replica follows it now; none: it is gone, or another one is there.
    async fn mounted(
        &self,
        url: &RealmUrl,
        realm: RealmId,
    ) -> Result<Option<Arc<Mounted>>, Trouble> {
        let find = || {
            let mounted = self.0.registry.get(url)?;
            (mounted.id == realm && !mounted.tracker.gone.is_cancelled()).then_some(mounted)
        };
        if let Some(mounted) = find() {
            return Ok(Some(mounted));
        }
        self.0.registry.refresh().await?;
        Ok(find())
    }

    /// Files that nobody renders.
    async fn files(&self, url: &RealmUrl, realm: RealmId, visits: &[Visit]) -> Result<(), Trouble> {
        let own = &self.0;
        let _store = own.stores.acquire().await;
        let store = own.database.store_files(realm, visits, |name, document| {
            words(Some(name), document, None)
        });
        let changed = bounded(own.limits.database_timeout, "store_files", store).await?;
        let visits = visits.len() as u64;
        count(Outcome::Found, changed.min(visits));
        count(Outcome::Unchanged, visits.saturating_sub(changed));
        if changed > 0 {
            own.updates.stored(url);
        }
        Ok(())
    }

    /// One visit.
    async fn visit(&self, url: &RealmUrl, realm: RealmId, visit: Visit) -> Result<Made, Trouble> {
        let own = &self.0;
        let begun = Instant::now();
        let made = self.attempts(url, realm, &visit).await;
        metrics::histogram!("realm_index_visit_seconds").record(begun.elapsed().as_secs_f64());
        match made {
            Ok(Made::Stored(outcome)) => {
                count(outcome, 1);
                if outcome != Outcome::Unchanged {
                    own.updates.stored(url);
                }
                Ok(Made::Stored(outcome))
            }
            Ok(other) => Ok(other),
            Err(error @ Trouble::Read(ReadError::Stopping)) => Err(error),
            // What ails one document does not keep the others waiting; where the database is away, this fails too, and the job.
            Err(error) => {
                let pause = pause(visit.attempts, own.limits.pause);
                debug!(realm = %url, path = %visit.path, %error, ?pause, "a document could not be rendered; it is tried again");
                let postponed = own.database.postpone_visit(realm, &visit, pause);
                bounded(own.limits.database_timeout, "postpone_visit", postponed).await?;
                Ok(Made::Postponed)
            }
        }
    }

    /// Renders and stores, until what was read is still so when it is stored.
    async fn attempts(
        &self,
        url: &RealmUrl,
        realm: RealmId,
        visit: &Visit,
    ) -> Result<Made, Trouble> {
        let own = &self.0;
        for _ in 0..TRIES {
            let Some(mounted) = self.mounted(url, realm).await? else {
                return Ok(Made::RealmGone);
            };
            let rendered = {
                let _turn = own.turns.acquire().await;
                #[cfg(feature = "under-test")]
                crate::gates::pass("index-visit", visit.path.as_str()).await;
                own.reader.render(&mounted, &visit.path, Asked::now()).await
            };
            let rendered = match rendered {
                Err(ReadError::NoRealm) => return Ok(Made::RealmGone),
                other => other?,
            };
            #[cfg(feature = "under-test")]
            crate::gates::pass("index-store", visit.path.as_str()).await;
            match self.store(realm, visit, &rendered).await {
                Ok(Stored::Stored) => return Ok(Made::Stored(counted(&rendered))),
                Ok(Stored::Unchanged) => return Ok(Made::Stored(Outcome::Unchanged)),
                Ok(Stored::Overtaken(realms)) => self.catch_up(&realms).await?,
                // The collector had the HTML before it was pointed at.
                Err(DatabaseError::Vanished(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(ReadError::Overtaken(TRIES).into())
    }

    /// Before something is rendered again: what has overtaken it is applied here, and which realms there are.
    async fn catch_up(&self, realms: &[RealmId]) -> Result<(), Trouble> {
        if realms.is_empty() {
            self.0.registry.catch_up().await?;
        }
        for realm in realms {
            match self.0.registry.by_id(*realm) {
                Some(mounted) => self.0.hub.catch_up(&mounted.tracker).await?,
                None => self.0.registry.catch_up().await?,
            }
        }
        Ok(())
    }

    async fn store(
        &self,
        realm: RealmId,
        visit: &Visit,
        rendered: &Rendered,
    ) -> Result<Stored, DatabaseError> {
        let own = &self.0;
        let seen: Vec<Seen> = rendered
            .reads
            .iter()
            .filter_map(|read| {
                let (realm, path) = read.place.clone()?;
                Some(Seen {
                    realm,
                    path: Some(path),
                    read_at: read.read_at,
                })
            })
            .collect();
        let mut reads: Vec<String> = rendered
            .reads
            .iter()
            .map(|read| clean_text(&url_key(&read.url)))
            .collect();
        reads.sort_unstable();
        reads.dedup();
        let modified_at = rendered.file.as_ref().map_or(0, |file| file.modified_at);
        let file = || {
            let (media_type, size) = rendered
                .file
                .as_ref()
                .map_or(("", 0), |file| (file.media_type, file.size));
            Card::of_file(visit.path.name(), media_type, size)
        };
        let (card, error) = match &rendered.outcome {
            DocumentOutcome::Rendition(rendition) => (Card::of(rendition), None),
            // Where nothing was good before, there is nothing to show.
            DocumentOutcome::Failed(failure) => (Card::empty(), Some(error_of(failure))),
            DocumentOutcome::Plain | DocumentOutcome::Definitions(_) => (file(), None),
        };
        let mut formats = HashSet::new();
        let contents: Vec<_> = match &rendered.outcome {
            DocumentOutcome::Rendition(rendition) => rendition
                .renderings
                .iter()
                .map(|one| {
                    let contents = String::from_utf8_lossy(&one.contents);
                    (one, clean_text(&one.as_type), contents)
                })
                // One of each: which of two is meant, nobody can say.
                .filter(|(one, as_type, _)| formats.insert((one.format.clone(), as_type.clone())))
                .collect(),
            _ => Vec::new(),
        };
        let renderings: Vec<_> = contents
            .iter()
            .map(|(one, as_type, contents)| NewRendering {
                format: &one.format,
                as_type,
                contents,
            })
            .collect();
        let shown = Shown {
            title: card.title.as_deref(),
            types: &card.types,
            search_document: &card.search_document,
            words: &card.words,
            modified_at,
        };
        let state = match (&rendered.file, &error) {
            (None, _) => EntryState::Gone,
            (Some(_), Some(error)) => EntryState::Bad(error, shown),
            (Some(_), None) => EntryState::Good(shown, &renderings),
        };
        let new = NewEntry {
            realm,
            visit,
            seen: &seen,
            registry: rendered.registry,
            tag: &rendered.tag,
            plugin: rendered.plugin.as_deref(),
            reads: &reads,
            state,
        };
        let _store = own.stores.acquire().await;
        bounded(
            own.limits.database_timeout,
            "store_entry",
            own.database.store_entry(&new),
        )
        .await
    }
}

fn counted(rendered: &Rendered) -> Outcome {
    match (&rendered.file, &rendered.outcome) {
        (None, _) => Outcome::Removed,
        (_, DocumentOutcome::Failed(_)) => Outcome::Failed,
        _ if rendered.called => Outcome::Rendered,
        _ => Outcome::Found,
    }
}

fn count(outcome: Outcome, by: u64) {
    metrics::counter!("realm_index_visits_total", "outcome" => outcome.as_str()).increment(by);
}
