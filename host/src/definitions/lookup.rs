//! Stored rows, and whether they are believed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tracing::debug;

use super::overtaken::Log;
use super::{Definitions, ModuleDefinitions, document};
use crate::database::{self, DatabaseError, DefinitionRow, NewRead, bounded};
use crate::reading::ReadError;
use crate::realm::{Generation, LocalPath, RealmId};
use crate::registry::Mounted;

/// How many commits a row may be behind before it is moved on: looking through some costs less than a write.
const BEHIND: i64 = 64;

type Found = HashMap<LocalPath, Arc<ModuleDefinitions>>;

impl Definitions {
    /// The definitions of these files of a realm that are stored and true, and how often definitions had been cleared by then.
    pub(super) async fn stored(
        &self,
        realm: &Arc<Mounted>,
        paths: &[LocalPath],
    ) -> Result<(Generation, Found), ReadError> {
        let (mut cleared, mut all) = (0, HashMap::new());
        for paths in paths.chunks(database::Definitions::MOST) {
            let plugins = self.0.plugins();
            let look = self.0.database.definitions(realm.id, paths, &plugins);
            let seen = bounded(self.0.limits.database_timeout, "definitions", look).await?;
            cleared = seen.cleared;
            let sorted = self.sort(realm, seen.registry, &seen.rows).await?;
            for row in &seen.rows {
                if sorted.believed.contains(&row.id)
                    && let Ok(path) = LocalPath::new(&row.path)
                    && let Some(outcome) = document::read(&row.document)
                {
                    let found = ModuleDefinitions {
                        url: row.url.clone(),
                        realm: realm.id,
                        path: path.clone(),
                        outcome,
                        tag: row.tag.clone(),
                    };
                    all.insert(path, Arc::new(found));
                }
            }
            if let Err(error) = self.tidy(&sorted).await {
                debug!(%error, "definitions that are not true any more stay for now");
            }
        }
        Ok((cleared, all))
    }

    async fn sort(
        &self,
        realm: &Arc<Mounted>,
        registry: Generation,
        rows: &[DefinitionRow],
    ) -> Result<Sorted, ReadError> {
        let mut sorted = Sorted {
            registry,
            ..Sorted::default()
        };
        let (mut moved, mut elsewhere) = (Vec::new(), Vec::new());
        for row in rows {
            let here = |path| row.url == realm.url.join(&path);
            let rehomed = !LocalPath::new(&row.path).is_ok_and(here);
            if rehomed && !mutant!("definitions-of-a-moved-realm-believed") {
                sorted.gone.push(row.id);
            } else if self.has_expired(row) {
                // Whoever makes it anew puts that in its place.
            } else {
                sorted.believed.insert(row.id);
                moved.extend(row.moved.then_some(row.id));
                let strayed = row.registry.is_some_and(|known| known != registry);
                elsewhere.extend(strayed.then_some(row.id));
            }
        }
        let mut doubted = [moved.as_slice(), &elsewhere].concat();
        doubted.sort_unstable();
        doubted.dedup();
        if doubted.is_empty() {
            return Ok(sorted);
        }
        let limit = self.0.limits.database_timeout;
        let read = self.0.database.definition_reads(&doubted);
        let reads = bounded(limit, "definition reads", read).await?;
        if !moved.is_empty() {
            self.compare(&moved, &reads, &mut sorted).await?;
        }
        if !elsewhere.is_empty() {
            self.judge(realm.id, &elsewhere, &reads, &mut sorted)
                .await?;
        }
        Ok(sorted)
    }

    /// Sorts rows whose realms have moved on: by what the realms' logs say of the time since.
    ///
    /// What is found to be so still at a later moment was so when the rows were read, as long as each realm's log is read
    /// after them.
    async fn compare(
        &self,
        moved: &[i64],
        reads: &[(i64, NewRead)],
        sorted: &mut Sorted,
    ) -> Result<(), ReadError> {
        let (database, limit) = (&self.0.database, self.0.limits.database_timeout);
        let realms = bounded(
            limit,
            "definition realms",
            database.definition_realms(moved),
        )
        .await?;
        let mut oldest: HashMap<RealmId, Generation> = HashMap::new();
        for (_, realm, holds_at) in &realms {
            let known = oldest.entry(*realm).or_insert(*holds_at);
            *known = (*known).min(*holds_at);
        }
        let mut logs = HashMap::new();
        for (realm, oldest) in oldest {
            let changes = bounded(limit, "changes", database.changes_since(realm, oldest)).await?;
            logs.extend(changes.map(|changes| (realm, Log::new(&changes))));
        }
        let mut of: HashMap<i64, Vec<&NewRead>> = HashMap::new();
        for (id, read) in reads {
            of.entry(*id).or_default().push(read);
        }
        // One that has gone meanwhile has no realms: it is not known to be true any more.
        let known: HashSet<i64> = realms.iter().map(|(id, ..)| *id).collect();
        let mut overtaken: HashSet<i64> = moved
            .iter()
            .copied()
            .filter(|id| !known.contains(id))
            .collect();
        let mut behind: HashMap<(RealmId, Generation), Vec<i64>> = HashMap::new();
        for (id, realm, holds_at) in realms {
            let paths = of
                .get(&id)
                .into_iter()
                .flatten()
                .filter_map(|read| read.place.as_ref());
            let mut paths = paths.filter(|(of, _)| *of == realm).map(|(_, path)| path);
            let holds = |log: &&Log| log.says_nothing_of(&mut paths, holds_at);
            match logs.get(&realm).filter(holds) {
                Some(log) if log.generation - holds_at > BEHIND => {
                    behind.entry((realm, log.generation)).or_default().push(id);
                }
                Some(_) => {}
                None => {
                    overtaken.insert(id);
                }
            }
        }
        for id in overtaken {
            if !mutant!("overtaken-definition-believed") {
                sorted.believed.remove(&id);
                sorted.gone.push(id);
            }
        }
        sorted.behind = behind.into_iter().collect();
        Ok(())
    }

    fn has_expired(&self, row: &DefinitionRow) -> bool {
        let ttl = i64::try_from(self.0.limits.error_ttl.as_millis()).unwrap_or(i64::MAX);
        row.failing_for.is_some_and(|age| age >= ttl) && !mutant!("failed-definition-kept")
    }

    /// Sorts rows that were made when the registry was another: whether every URL that was read still leads where it did.
    async fn judge(
        &self,
        realm: RealmId,
        doubted: &[i64],
        reads: &[(i64, NewRead)],
        sorted: &mut Sorted,
    ) -> Result<(), ReadError> {
        let registry = &self.0.registry;
        if registry.generation() != sorted.registry {
            registry.catch_up().await?;
        }
        let strayed: HashSet<i64> = reads
            .iter()
            .filter(|(_, read)| !self.leads_there(realm, read))
            .map(|(id, _)| *id)
            .collect();
        // What this replica knows must be what the statement saw. Where it cannot be, nothing is said of these rows.
        let known = registry.generation() == sorted.registry;
        for id in doubted {
            if known && !strayed.contains(id) || mutant!("definitions-by-strayed-urls-believed") {
                sorted.by_registry.push(*id);
                continue;
            }
            sorted.believed.remove(id);
            sorted.gone.extend(known.then_some(*id));
        }
        Ok(())
    }

    fn leads_there(&self, own: RealmId, read: &NewRead) -> bool {
        // A URL of the module's own realm is always looked for in that.
        if read.place.as_ref().is_some_and(|(realm, _)| *realm == own) {
            return true;
        }
        let found = self.0.registry.find(&read.url);
        let place = found.and_then(|(realm, rest)| Some((realm.id, LocalPath::decode(rest).ok()?)));
        place == read.place
    }

    /// Takes away what is not true any more, and moves on what is.
    async fn tidy(&self, sorted: &Sorted) -> Result<(), DatabaseError> {
        let database = &self.0.database;
        if !sorted.gone.is_empty() {
            database.drop_definitions(&sorted.gone).await?;
        }
        for ((realm, generation), ids) in &sorted.behind {
            let moved = database.advance_definitions(ids, *realm, *generation);
            moved.await?;
        }
        if !sorted.by_registry.is_empty() {
            let moved = database.advance_definitions_registry(&sorted.by_registry, sorted.registry);
            moved.await?;
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Sorted {
    /// The registry's generation in the statement that saw the rows.
    registry: Generation,
    believed: HashSet<i64>,
    /// Not true any more.
    gone: Vec<i64>,
    /// As true at these generations of their realms as they were …
    behind: Vec<((RealmId, Generation), Vec<i64>)>,
    /// … and at the registry's.
    by_registry: Vec<i64>,
}
