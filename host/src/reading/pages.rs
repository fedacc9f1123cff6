use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::sync::watch;

use super::fresh::DOWN_FOR;
use super::resolve::Resolved;
use super::{Asked, Origin, Read, ReadError, Reader, Served};
use crate::cache::{Stamp, Weigh};
use crate::changes::{BootTime, Invalidation, Subscriber};
use crate::database::{DatabaseError, FailedRow, FileRow, IndexState, PageRow, bounded};
use crate::realm::{Generation, LocalPath, RealmId, RealmSettings, RealmUrl};
use crate::registry::Mounted;

/// The formats that a document may be rendered in.
pub const FORMATS: [&str; 7] = [
    "isolated", "embedded", "fitted", "atom", "head", "icon", "markdown",
];

/// Extensions of the documents that are pages at their URL without it, in this order.
const DOCUMENTS: [&str; 3] = [".json", ".md", ".html"];

/// How often a page that is waited for is looked at, at first and at most, when nothing is heard of it.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(250)];

/// What the index has of a document, and how sure that is.
#[derive(Clone, Debug)]
pub struct Page {
    /// What it has.
    pub row: Arc<PageRow>,
    /// How sure that is.
    pub served: Served,
}

/// A page as the cache holds it.
#[derive(Debug)]
pub(super) struct HeldPage {
    row: Arc<PageRow>,
    stamp: Stamp,
    /// How many times news of the realm's index had been heard before it was looked at, by whom.
    heard: Heard,
    /// When the look began.
    looked: BootTime,
}

impl Weigh for Arc<HeldPage> {
    fn weight(&self) -> usize {
        let entry = self.row.entry.as_ref().map_or(0, |entry| {
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            let types: usize = entry.types.iter().map(|name| name.len() + 24).sum();
            let renderings = entry.renderings.iter();
            let renderings = renderings.map(|one| one.format.len() + one.as_type.len() + 80);
            text(&entry.title) + text(&entry.error) + types + renderings.sum::<usize>()
        });
        size_of::<HeldPage>() + size_of::<PageRow>() + self.stamp.weight() + entry
    }
}

/// A look that many share: a path, in one period between invalidations and pieces of news.
pub(super) type PageKey = (RealmId, LocalPath, [u64; 5], u64);
pub(super) type LookedPage = Result<Option<Arc<HeldPage>>, DatabaseError>;

/// One for each realm whose pages were asked for: it is raised when its index has news.
type Bulletin = watch::Sender<u64>;
pub(super) type Bulletins = RwLock<HashMap<String, Arc<Bulletin>>>;

/// A bulletin's state at one moment.
#[derive(Clone, Debug)]
struct Heard {
    bulletin: Arc<Bulletin>,
    number: u64,
}

impl Heard {
    fn of(bulletin: &Arc<Bulletin>) -> Self {
        Self {
            bulletin: Arc::clone(bulletin),
            number: *bulletin.borrow(),
        }
    }

    /// Whether nothing has been heard since.
    fn is_latest(&self, bulletin: &Arc<Bulletin>) -> bool {
        Arc::ptr_eq(&self.bulletin, bulletin) && *bulletin.borrow() == self.number
            || mutant!("news-of-the-index-not-heard")
    }
}

/// Files of exact names, as one look found them.
#[derive(Clone, Debug)]
pub struct Documents {
    /// Those that are there, in the order of the names.
    pub files: Vec<FileRow>,
    /// The realm's settings.
    pub settings: Arc<RealmSettings>,
    /// How it came about.
    pub origin: Origin,
    looks: Vec<Arc<Resolved>>,
}

impl Documents {
    /// Whether nothing that was looked at has changed by a generation that has been applied.
    #[must_use]
    pub fn still_hold(&self) -> bool {
        !self.looks.iter().any(|look| look.stamp.is_overtaken())
    }
}

impl Reader {
    /// The index of the realm at a URL has changed; none: any may have. What is cached of its pages is believed no more,
    /// and whoever waits for a page looks again.
    pub fn index_updated(&self, realm: Option<&str>) {
        let all = self.0.bulletins.read();
        let raise = |bulletin: &Arc<Bulletin>| bulletin.send_modify(|number| *number += 1);
        match realm {
            Some(realm) => all.get(realm).into_iter().for_each(raise),
            None => all.values().for_each(raise),
        }
    }

    fn bulletin(&self, realm: &RealmUrl) -> Arc<Bulletin> {
        if let Some(known) = self.0.bulletins.read().get(realm.as_str()) {
            return Arc::clone(known);
        }
        let mut all = self.0.bulletins.write();
        Arc::clone(all.entry(realm.as_str().to_owned()).or_default())
    }

    /// The files that a document's name may mean where no other file has it: those of exactly these names.
    #[must_use]
    pub fn document_names(base: &str) -> Vec<LocalPath> {
        let names = DOCUMENTS
            .iter()
            .map(|extension| format!("{base}{extension}"));
        names
            .filter_map(|name| LocalPath::new(&name).ok())
            .collect()
    }

    /// Which of these names a realm has a file of.
    ///
    /// # Errors
    /// When the realm is gone, or the database is away and was needed.
    pub async fn documents(
        &self,
        realm: &Arc<Mounted>,
        names: &[LocalPath],
    ) -> Result<Documents, ReadError> {
        let (looked, origin) = self.look_up_all(realm, names).await?;
        let looks: Vec<_> = names.iter().filter_map(|name| looked.get(name)).collect();
        let files = names.iter().zip(&looks).filter_map(|(name, look)| {
            let file = look.resolution.file.as_ref()?;
            (file.path == *name).then(|| file.clone())
        });
        let settings = looks
            .first()
            .map(|look| Arc::clone(&look.resolution.settings));
        Ok(Documents {
            files: files.collect(),
            settings: settings.unwrap_or_default(),
            origin,
            looks: looks.into_iter().cloned().collect(),
        })
    }

    /// What the index has of a file that is there. With a generation, it waits until that is what the realm had then or
    /// later; where there is nothing to be shown by the end of the wait, it says so.
    ///
    /// # Errors
    /// When the realm is gone, the database is away and was needed, or the index does not come that far in time.
    pub async fn page(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        asked: Asked,
        wanted: Option<Generation>,
    ) -> Result<Read<Page>, ReadError> {
        let bulletin = self.bulletin(&realm.url);
        let lease = self.0.limits.lease;
        let wanted = wanted.filter(|_| !mutant!("page-not-waited-for"));
        let known = self.0.pages.get(realm.id, path);
        if let Some(known) = &known
            && known.stamp.is_of(&realm.floors)
            && known.stamp.is_current()
            && known.heard.is_latest(&bulletin)
            && (asked.at.since(known.looked) <= lease || mutant!("page-outlives-the-lease"))
            && self.has_come_to(&known.row, path, wanted)
        {
            return Ok(answer(&known.row, Served::Fresh, Origin::Hit));
        }
        // While the database is away: stale, and it says so, as everything else that is cached.
        let age = |known: &HeldPage| asked.at.since(known.looked).saturating_sub(lease);
        let old = known.filter(|known| {
            known.stamp.is_of(&realm.floors)
                && age(known) <= self.0.limits.stale_limit
                && self.has_come_to(&known.row, path, wanted)
        });
        let stale = |known: &HeldPage| answer(&known.row, Served::Stale(age(known)), Origin::Hit);
        if let Some(old) = &old
            && realm.tracker.has_failed_within(DOWN_FOR)
        {
            return Ok(stale(old));
        }
        let mut news = bulletin.subscribe();
        let until = Instant::now() + self.0.limits.generation_wait;
        let [mut pause, longest] = PAUSES;
        loop {
            news.borrow_and_update();
            let held = match (self.look_at_page(realm, path, &bulletin).await, &old) {
                (Ok(held), _) => held.ok_or(ReadError::NoRealm)?,
                (Err(error), Some(old)) if error.is_passing() => return Ok(stale(old)),
                (Err(error), _) => return Err(error.into()),
            };
            if self.has_come_to(&held.row, path, wanted) {
                return Ok(answer(&held.row, Served::Fresh, Origin::Miss));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return match wanted {
                    Some(wanted) if is_shown(&held.row) => Err(ReadError::NotYet {
                        wanted,
                        applied: held.row.generation(),
                    }),
                    _ => Ok(answer(&held.row, Served::Fresh, Origin::Miss)),
                };
            }
            let _ = tokio::time::timeout(pause.min(left), news.changed()).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Whether what the index has of a path may answer a request that names a generation. A file of which it shows nothing
    /// is served as it is, and that is new already; but what is going to be shown soon is worth waiting for.
    fn has_come_to(&self, row: &PageRow, path: &LocalPath, wanted: Option<Generation>) -> bool {
        let Some(wanted) = wanted else { return true };
        row.generation() >= wanted || !(self.renders(path) || is_shown(row))
    }

    async fn look_at_page(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        bulletin: &Arc<Bulletin>,
    ) -> LookedPage {
        let _turn = self.turn().await?;
        let (mark, heard) = (realm.floors.mark(path.as_str()), Heard::of(bulletin));
        let key = (realm.id, path.clone(), mark.period(), heard.number);
        let (own, realm, path) = (self.clone(), Arc::clone(realm), path.clone());
        let mut waiter = self.0.page_flights.join(key, |_| async move {
            let looked = BootTime::now();
            let read = own.0.database.page(realm.id, &path);
            let row = bounded(own.0.limits.database_timeout, "page", read).await?;
            #[cfg(feature = "under-test")]
            crate::gates::pass("page-read", path.as_str()).await;
            let heard = if mutant!("news-heard-too-late") {
                Heard::of(&heard.bulletin)
            } else {
                heard
            };
            Ok(row.map(|row| {
                let stamp = Stamp::of(mark, row.realm_at);
                let row = Arc::new(row);
                let held = Arc::new(HeldPage {
                    row,
                    stamp,
                    heard,
                    looked,
                });
                own.0.pages.insert(realm.id, path, Arc::clone(&held));
                held
            }))
        });
        let broken = || DatabaseError::Unavailable("the look at a page failed".to_owned());
        waiter.result().await.ok_or_else(broken)?
    }

    /// How far the index of a realm has come.
    ///
    /// # Errors
    /// When the realm is gone or the database is away.
    pub async fn index_state(&self, realm: &Mounted) -> Result<IndexState, ReadError> {
        let read = self.0.database.index_state(realm.id);
        self.of_index("index-state", read)
            .await?
            .ok_or(ReadError::NoRealm)
    }

    /// How far the index of a realm has come: the generation of which it tells, though some files may still be of before.
    /// With a generation, it waits until the index tells of that or a later one, with all files visited.
    ///
    /// # Errors
    /// When the realm is gone, the database is away, or the index does not come that far in time.
    pub async fn index_at(
        &self,
        realm: &Mounted,
        wanted: Option<Generation>,
    ) -> Result<Generation, ReadError> {
        let until = Instant::now() + self.0.limits.generation_wait;
        let [mut pause, longest] = PAUSES;
        loop {
            let state = self.index_state(realm).await?;
            let at = state.cursor.unwrap_or_default();
            let Some(wanted) = wanted.filter(|wanted| *wanted > at || state.visits > 0) else {
                return Ok(at);
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ReadError::NotYet {
                    wanted,
                    applied: at,
                });
            }
            self.index_news(&realm.url, pause.min(left)).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Waits until the index of a realm has news, for no longer than this.
    pub async fn index_news(&self, realm: &RealmUrl, longest: Duration) {
        let mut news = self.bulletin(realm).subscribe();
        news.borrow_and_update();
        let _ = tokio::time::timeout(longest, news.changed()).await;
    }

    /// The types of a realm's documents, each with how many have it as their own.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_types(&self, realm: &Mounted) -> Result<Vec<(String, i64)>, ReadError> {
        let read = self.0.database.index_types(realm.id);
        self.of_index("index-types", read).await
    }

    /// The URLs that the first of these files which the index has was made from.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_reads(
        &self,
        realm: &Mounted,
        paths: &[LocalPath],
    ) -> Result<Vec<String>, ReadError> {
        let read = self.0.database.index_reads(realm.id, paths);
        self.of_index("index-reads", read).await
    }

    /// The files of a realm that the index has an error for, and how many they are in all.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_errors(&self, realm: &Mounted) -> Result<(Vec<FailedRow>, i64), ReadError> {
        let read = self.0.database.index_errors(realm.id);
        self.of_index("index-errors", read).await
    }

    async fn of_index<T>(
        &self,
        operation: &'static str,
        read: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Result<T, ReadError> {
        let _turn = self.turn().await?;
        Ok(bounded(self.0.limits.database_timeout, operation, read).await?)
    }
}

impl Subscriber for Reader {
    /// What is cached says itself whether it is still so.
    fn invalidate(&self, _: Invalidation<'_>) {}

    fn index_updated(&self, url: Option<&str>) {
        Self::index_updated(self, url);
    }
}

/// Whether there is something to be shown, or to be told, of what the index has.
fn is_shown(row: &PageRow) -> bool {
    let entry = row.entry.as_ref();
    entry.is_some_and(|entry| !entry.renderings.is_empty() || entry.error.is_some())
}

fn answer(row: &Arc<PageRow>, served: Served, origin: Origin) -> Read<Page> {
    Read {
        generation: row.generation(),
        value: Page {
            row: Arc::clone(row),
            served,
        },
        origin,
    }
}
