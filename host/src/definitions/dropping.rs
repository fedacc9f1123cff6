//! Rows that a commit has overtaken go, whether or not anybody looks them up.

use std::collections::BTreeMap;
use std::sync::Weak;

use tokio::sync::mpsc;
use tracing::debug;

use super::{Definitions, Inner, Scope, payloads};
use crate::database::{DatabaseError, bounded};
use crate::realm::{Generation, LocalPath, RealmId};

/// A path that a commit has changed; none: the whole realm.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) realm: RealmId,
    pub(super) generation: Generation,
    pub(super) path: Option<LocalPath>,
}

/// Paths that may wait for it.
pub(super) const MOST_WAITING: usize = 10_000;

/// Names that one statement is asked about.
const NAMES_AT_ONCE: usize = 1000;

/// Drops what has been overtaken, as long as the cache is there.
pub(super) async fn keep(inner: Weak<Inner>, mut heard: mpsc::Receiver<Commit>) {
    let mut paths = Vec::new();
    while heard.recv_many(&mut paths, 1000).await > 0 {
        let Some(inner) = inner.upgrade() else { return };
        let definitions = Definitions(inner);
        let mut commits: BTreeMap<(i64, Generation), Vec<Option<LocalPath>>> = BTreeMap::new();
        for Commit {
            realm,
            generation,
            path,
        } in paths.drain(..)
        {
            let commit = commits.entry((realm.0, generation)).or_default();
            commit.push(path);
        }
        for ((realm, generation), paths) in commits {
            if mutant!("overtaken-definitions-linger") {
                continue;
            }
            let dropped = definitions.drop_overtaken(RealmId(realm), &paths, generation);
            if let Err(error) = dropped.await {
                debug!(%error, "definitions that have been overtaken stay until somebody looks them up");
            }
        }
    }
}

impl Definitions {
    /// One statement finds everything that has read what a commit changed, at whatever remove: a read set has it all.
    async fn drop_overtaken(
        &self,
        realm: RealmId,
        paths: &[Option<LocalPath>],
        generation: Generation,
    ) -> Result<(), DatabaseError> {
        let names: Option<Vec<&str>> = paths
            .iter()
            .map(|path| {
                let path = path.as_ref()?;
                Some(std::iter::once(path.as_str()).chain(path.aliases()))
            })
            .collect::<Option<Vec<_>>>()
            .map(|all| all.into_iter().flatten().collect());
        let (database, limit) = (&self.0.database, self.0.limits.database_timeout);
        let mut dropped = Vec::new();
        // A statement takes no more than so many names.
        let pieces: Vec<Option<&[&str]>> = match &names {
            Some(names) => {
                let mut pieces = Vec::new();
                pieces.extend(names.chunks(NAMES_AT_ONCE).map(Some));
                pieces
            }
            None => vec![None],
        };
        for names in pieces {
            let drop = database.drop_definitions_of(realm, names, generation);
            dropped.extend(bounded(limit, "drop definitions", drop).await?);
        }
        metrics::counter!("realm_definitions_dropped_total").increment(dropped.len() as u64);
        let mut modules: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for (realm, url) in dropped {
            modules.entry(realm.0).or_default().push(url);
        }
        for (realm, urls) in modules {
            if let Some(realm) = self.0.registry.by_id(RealmId(realm)) {
                self.announce(payloads(Scope::Modules(&realm.url, &urls)));
            }
        }
        Ok(())
    }
}
