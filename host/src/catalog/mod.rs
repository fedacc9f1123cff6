//! Which plugins are in force: those that the binary brings along, those of `--plugin-dir`, and above both those that are
//! installed in the database for every replica, as the operator has arranged them. Follows the database; installs, vets and
//! removes. Runs no call of a request, and knows no file of a realm.

mod change;
mod circles;
mod error;
mod install;
mod limit;
mod rows;
mod trust;
mod vetting;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::changes::{Hub, Subscriber};
use crate::database::{Database, DatabaseError, PluginRows, bounded};
use crate::plugins::{Calls, Ceilings, LivePlugins, NO_BOUNDS, Plugin, PluginEngine, Plugins};
use crate::realm::Generation;

pub use self::circles::circle;
pub use self::error::CatalogError;
pub use self::install::{Package, Vetted, component_digest, vet};
pub use self::rows::{Entry, State};
pub use self::trust::{Signed, Trust, TrustError};

/// What a catalog is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where plugins are installed.
    pub database: Database,
    /// Tells of changes.
    pub hub: Arc<Hub>,
    /// What runs plugins.
    pub engine: Arc<PluginEngine>,
    /// The calls in flight.
    pub calls: Arc<Calls>,
    /// What this host brings along, in the order in which it is asked.
    pub own: Vec<Brought>,
    /// Whose plugins it runs.
    pub trust: Trust,
    /// Bounds.
    pub limits: CatalogLimits,
}

/// A plugin that this host brings along.
#[derive(Clone, Debug)]
pub struct Brought {
    /// It, compiled.
    pub plugin: Arc<Plugin>,
    /// Its file; none: it is in the binary.
    pub file: Option<String>,
    /// Who vouches for it.
    pub signed: Option<Signed>,
}

/// Bounds of what is installed.
#[derive(Clone, Debug)]
pub struct CatalogLimits {
    /// Bytes of a component.
    pub component_bytes: usize,
    /// Longest wait for one statement.
    pub database_timeout: Duration,
    /// What no plugin's own limits go beyond.
    pub ceilings: Ceilings,
}

/// The plugins of this replica.
#[derive(Debug)]
pub struct Catalog {
    parts: Parts,
    live: Arc<LivePlugins>,
    known: RwLock<Known>,
    /// One change or look at a time.
    turn: tokio::sync::Mutex<()>,
    /// Installed components that this replica has compiled, by digest.
    compiled: Mutex<HashMap<String, Compiled>>,
    wanted: Notify,
}

/// An installed component that this replica has judged and compiled.
#[derive(Clone, Debug)]
struct Compiled {
    plugin: Arc<Plugin>,
    /// The signature that it was judged by.
    signature: Option<String>,
    signed: Option<Signed>,
}

/// What this replica knows of the database's plugins.
#[derive(Debug, Default)]
struct Known {
    rows: PluginRows,
    /// Why a component does not run here, by digest, and since when.
    failed: HashMap<String, (String, Instant)>,
}

/// How long a component that does not run here is left alone before it is tried again.
const AGAIN: Duration = Duration::from_secs(60);

impl Catalog {
    /// Reads what is installed, compiles it, and follows it from here on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, DatabaseError> {
        let live = LivePlugins::new(Plugins::new(own(&parts), Default::default()));
        let catalog = Arc::new(Self {
            parts,
            live,
            known: RwLock::default(),
            turn: tokio::sync::Mutex::default(),
            compiled: Mutex::default(),
            wanted: Notify::new(),
        });
        catalog.reconcile().await?;
        catalog
            .parts
            .hub
            .subscribe(Arc::clone(&catalog) as Arc<dyn Subscriber>);
        tokio::spawn(follow(Arc::downgrade(&catalog)));
        Ok(catalog)
    }

    /// The plugins in force.
    #[must_use]
    pub fn live(&self) -> &Arc<LivePlugins> {
        &self.live
    }

    /// Why components that are in force in the cluster do not run on this replica.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let known = self.known.read();
        let failed = known.failed.values();
        failed.map(|(problem, _)| problem.clone()).collect()
    }

    /// Brings this replica to what the database has.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn reconcile(&self) -> Result<(), DatabaseError> {
        let _turn = self.turn.lock().await;
        self.catch_up().await
    }

    /// The same, for whoever has the turn.
    async fn catch_up(&self) -> Result<(), DatabaseError> {
        let rows = self.parts.database.plugins();
        let rows = bounded(self.parts.limits.database_timeout, "plugins", rows).await?;
        if rows != self.known.read().rows || !self.known.read().failed.is_empty() {
            self.apply(rows).await?;
        }
        Ok(())
    }

    /// Compiles what is not compiled yet, and puts it in force.
    async fn apply(&self, rows: PluginRows) -> Result<(), DatabaseError> {
        #[cfg(feature = "under-test")]
        crate::gates::pass("plugins-apply", "").await;
        let mut failed = HashMap::new();
        for name in rows.names.iter().filter(|name| name.enabled) {
            let Some(digest) = &name.digest else { continue };
            let row = rows.installed.iter().find(|row| row.digest == *digest);
            let signature = row.and_then(|row| row.signature.as_ref());
            let judged_by = |compiled: &Compiled| compiled.signature.as_ref() == signature;
            if self.compiled.lock().get(digest).is_some_and(judged_by) {
                continue;
            }
            let before = self.known.read().failed.get(digest).cloned();
            if let Some(before) = before
                && before.1.elapsed() < AGAIN
                && !self.is_signed_anew(digest, signature)
            {
                failed.insert(digest.clone(), before);
                continue;
            }
            match self.compile(digest).await? {
                Ok(compiled) => {
                    info!(plugin = compiled.plugin.label(), digest, "plugin");
                    self.compiled.lock().insert(digest.clone(), compiled);
                }
                Err(problem) => {
                    self.compiled.lock().remove(digest);
                    error!(plugin = name.name, digest, %problem, "an installed plugin does not run here");
                    failed.insert(digest.clone(), (problem, Instant::now()));
                }
            }
        }
        let before = self.live.current();
        let set = self.compose(&rows, &before);
        if !set.is_same(&before) {
            let gone = self.gone(&rows, &before, &set);
            self.live.replace(set, &gone, &self.parts.calls);
        }
        let installed = |digest: &String| rows.installed.iter().any(|row| row.digest == *digest);
        self.compiled.lock().retain(|digest, _| installed(digest));
        *self.known.write() = Known { rows, failed };
        Ok(())
    }

    /// Whether a component has another signature than the one that it was last looked at with.
    fn is_signed_anew(&self, digest: &str, signature: Option<&String>) -> bool {
        let known = self.known.read();
        let row = known.rows.installed.iter().find(|row| row.digest == digest);
        row.and_then(|row| row.signature.as_ref()) != signature
    }

    /// A component of the database, judged by this replica's own keys and compiled; or why it does not run here.
    async fn compile(&self, digest: &str) -> Result<Result<Compiled, String>, DatabaseError> {
        let found = self.parts.database.plugin_component(digest);
        let found = bounded(self.parts.limits.database_timeout, "plugin", found).await?;
        let Some((bytes, signature)) = found else {
            // It was removed meanwhile: what comes next says so.
            self.wanted.notify_one();
            return Ok(Err(format!("{digest} is not installed any more")));
        };
        if component_digest(&bytes) != digest {
            return Ok(Err(format!(
                "what the database has as {digest} is something else"
            )));
        }
        // Whoever writes to the database, or installs by a replica with other keys, vouches for nothing here.
        let judged = self.parts.trust.judge(digest, &bytes, signature.as_deref());
        let signed = match judged {
            Ok(signed) => signed,
            Err(_) if mutant!("database-trusted") => None,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let plugin = Plugin::install(&self.parts.engine, digest, bytes).await;
        Ok(plugin
            .map_err(|error| error.to_string())
            .map(|plugin| Compiled {
                plugin,
                signature,
                signed,
            }))
    }

    /// The set that these rows ask for. What does not run here stays as it was.
    fn compose(&self, rows: &PluginRows, before: &Plugins) -> Plugins {
        let mut all = own(&self.parts);
        let compiled = self.compiled.lock();
        for row in &rows.names {
            let at = all.iter().position(|plugin| plugin.name == row.name);
            let wanted = row.digest.as_ref().map(|digest| {
                let same_name = || before.all().iter().find(|plugin| plugin.name == row.name);
                let compiled = compiled.get(digest).map(|compiled| &compiled.plugin);
                compiled.or_else(same_name).cloned()
            });
            match (row.enabled, wanted, at) {
                (false, _, Some(at)) => drop(all.remove(at)),
                (true, Some(Some(plugin)), Some(at)) => all[at] = plugin,
                (true, Some(Some(plugin)), None) => all.push(plugin),
                _ => {}
            }
        }
        let bounded = all.iter().map(|plugin| {
            let row = rows.names.iter().find(|row| row.name == plugin.name);
            let row = row.map_or(NO_BOUNDS, |row| row.limits.as_str());
            let same = |known: &&Arc<Plugin>| known.digest == plugin.digest;
            let before = before.all().iter().find(same);
            let (host, ceilings) = (self.parts.engine.limits(), self.parts.limits.ceilings);
            plugin.bounded(row, before, host, ceilings)
        });
        let bounded = bounded.collect();
        Plugins::new(bounded, rows.picks.iter().cloned().collect())
    }

    /// What was in force, and may not even finish what it has begun: it was removed, or is asked no more.
    fn gone(&self, rows: &PluginRows, before: &Plugins, now: &Plugins) -> Vec<String> {
        let there = |plugin: &&Arc<Plugin>| {
            let own = own(&self.parts)
                .iter()
                .any(|own| own.digest == plugin.digest);
            let stays = own || rows.installed.iter().any(|row| row.digest == plugin.digest);
            let asked = now.all().iter().any(|known| known.name == plugin.name);
            stays && asked
        };
        let gone = before.all().iter().filter(|plugin| !there(plugin));
        gone.map(|plugin| plugin.digest.clone()).collect()
    }
}

/// What a host brings along.
fn own(parts: &Parts) -> Vec<Arc<Plugin>> {
    let own = parts.own.iter();
    own.map(|own| Arc::clone(&own.plugin)).collect()
}

impl Subscriber for Catalog {
    fn invalidate(&self, _: crate::changes::Invalidation<'_>) {}

    fn plugins_changed(&self, generation: Option<Generation>) {
        let known = self.known.read();
        if generation != Some(known.rows.generation) || !known.failed.is_empty() {
            self.wanted.notify_one();
        }
    }
}

async fn follow(catalog: Weak<Catalog>) {
    loop {
        let Some(strong) = catalog.upgrade() else {
            return;
        };
        let bounded = tokio::time::timeout(Duration::from_secs(5), strong.wanted.notified()).await;
        if bounded.is_ok()
            && let Err(error) = strong.reconcile().await
        {
            warn!(%error, "could not read which plugins are installed; the lease will see to it");
        }
    }
}
