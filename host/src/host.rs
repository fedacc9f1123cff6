//! Puts a host together and runs it: database, engine, plugins, what learns of changes, the sockets; and takes it down in
//! an order that loses nothing.

mod brought;
mod checks;
mod data_folder;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::auth::Authenticator;
use crate::catalog::{self, Catalog, CatalogLimits, Trust};
use crate::changes::{Announcer, Hub, keep_lease, listen, require_delivery};
use crate::config::{AuthMode, Config, ConfigError};
use crate::database::{ConnectOptions, Database};
use crate::definitions::{self, DefinitionLimits, Definitions};
use crate::http::{self, App, Stop};
use crate::index::{self, IndexLimits, Worker};
use crate::lifecycle::{Lifecycle, WriteLimits, keep_collecting};
use crate::plugins::{Calls, Ceilings, Compiler, EngineOptions, PluginEngine};
use crate::reading::{Parts, ReadLimits, Reader};
use crate::realm::{LocalPath, RealmUrl};
use crate::registry::{Registry, Replicas};
use crate::telemetry::Metrics;

pub use self::brought::install;
use self::checks::checks;
pub use self::data_folder::{Address, DataFolder};

/// What every host and every command without one is made of.
#[derive(Debug)]
pub struct Core {
    /// Where everything is stored.
    pub database: Database,
    /// What applies changes.
    pub hub: Arc<Hub>,
    /// Which realms there are.
    pub registry: Arc<Registry>,
    /// What changes them.
    pub lifecycle: Arc<Lifecycle>,
}

impl Core {
    /// Opens the database.
    ///
    /// # Errors
    /// When it is not to be had, or its tables are not this version's.
    pub async fn open(config: &Config, migrate: bool) -> anyhow::Result<Self> {
        let database = connect(config).await?;
        if migrate {
            database.migrate().await?;
        }
        let hub = Arc::new(Hub::new(
            database.clone(),
            Announcer::start(config.database_url.clone(), config.database_timeout),
            config.database_timeout,
        ));
        let opened = Registry::open(database.clone(), Arc::clone(&hub), config.database_timeout);
        let registry = opened
            .await
            .context("reading the registry (`realm migrate` brings an old database up to date)")?;
        let limits = WriteLimits {
            max_file_bytes: config.max_file_bytes,
            lock_timeout: config.lock_timeout,
            queue: config.write_queue,
            connections: config.database_connections,
        };
        let lifecycle = Lifecycle::new(
            database.clone(),
            Arc::clone(&hub),
            Arc::clone(&registry),
            limits,
        );
        Ok(Self {
            database,
            hub,
            registry,
            lifecycle,
        })
    }
}

/// Connects to the database that the settings name.
///
/// # Errors
/// When it is not to be had.
pub async fn connect(config: &Config) -> anyhow::Result<Database> {
    let options = ConnectOptions {
        url: config.database_url.clone(),
        data_dir: config.data_dir.clone(),
        connections: config.database_connections,
        timeout: config.database_timeout,
    };
    Ok(Database::connect(&options).await?)
}

/// What to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// The settings.
    pub config: Config,
    /// Folders to mount as bootstrap realms.
    pub folders: Vec<PathBuf>,
    /// Whether to bring the database up to date first.
    pub migrate: bool,
}

/// Runs a host until `stop`. `ready` is told the admin and the public socket's URLs, and the realms of the folders.
///
/// # Errors
/// When the host cannot start.
pub async fn run(
    options: Options,
    metrics: Metrics,
    stop: Stop,
    ready: impl FnOnce(Option<&str>, &str, &[RealmUrl]),
) -> anyhow::Result<()> {
    let Options {
        config,
        folders,
        migrate,
    } = options;
    let names = folder_names(&folders)?;
    let auth = Authenticator::new(&config)?;
    let data = DataFolder::take(&config)?;
    if let Some(url) = &config.database_url {
        require_delivery(url)
            .await
            .context("asking the database for a notification")?;
    }
    let core = Core::open(&config, migrate).await?;
    let calls = Arc::new(Calls::default());
    core.hub.subscribe(Arc::clone(&calls) as _);
    let (engine, catalog) = open_catalog(&core, &config, &calls).await?;
    core.lifecycle.know(Arc::clone(catalog.live()));
    let listening = match &config.database_url {
        Some(url) => Some(
            listen(url, &core.database, Arc::clone(&core.hub))
                .await
                .context("listening for notifications")?,
        ),
        None => None,
    };
    let reader = Reader::new(Parts {
        database: core.database.clone(),
        hub: Arc::clone(&core.hub),
        registry: Arc::clone(&core.registry),
        engine,
        plugins: Arc::clone(catalog.live()),
        calls: Arc::clone(&calls),
        limits: read_limits(&config),
    });
    let definitions = define(&config, &core, &reader);
    core.hub.subscribe(Arc::new(reader.clone()));
    let (public, public_at) = bind(config.listen).await?;
    let admin = match config.admin_listen {
        Some(socket) => Some(bind(socket).await?),
        None => None,
    };
    let public_url = format!("http://{public_at}");
    let origin = config.origin.clone().unwrap_or_else(|| public_url.clone());
    spawn_keepers(&config, &core);
    let mut mounted = Vec::new();
    for (folder, name) in folders.iter().zip(&names) {
        let url = RealmUrl::parse(&format!("{origin}/{}/", name.encode()))?;
        core.lifecycle
            .follow(&url, folder, config.database_url.as_deref())
            .await?;
        mounted.push(url);
    }
    let replicas = Replicas::new(
        core.database.clone(),
        &public_url,
        checks(&config, &core, &catalog, listening),
        config.database_timeout,
    );
    let telling = tokio::spawn(replicas.clone().keep(config.lease));
    let parts = http::Parts {
        registry: Arc::clone(&core.registry),
        reader: reader.clone(),
        lifecycle: Arc::clone(&core.lifecycle),
        catalog,
        definitions,
        auth,
        replicas: replicas.clone(),
        origin,
        stop: stop.clone(),
    };
    let app = App::new(parts, &config);
    let admin_url = admin.as_ref().map(|(_, at)| format!("http://{at}"));
    data.publish(&Address {
        url: public_url.clone(),
        admin: admin_url.clone(),
        pid: std::process::id(),
    })?;
    // The operator may look on while the public socket drains.
    let admin_stop = Stop::new();
    let admin_socket = admin.map(|(listener, _)| {
        let stop = admin_stop.clone();
        tokio::spawn(http::serve_admin(listener, app.clone(), metrics, stop))
    });
    let public_socket = tokio::spawn(http::serve_public(public, app, stop.clone()));
    let worker = config.roles.work.then(|| work(&config, &core, &reader));
    ready(admin_url.as_deref(), &public_url, &mounted);
    stop.cancelled().await;
    // First of all: others go on with its jobs while requests finish here.
    if let Some(worker) = worker {
        worker.stop().await;
    }
    info!("stopping: no new connections, requests may finish");
    let _ = public_socket.await;
    calls.stop();
    core.lifecycle.finish().await;
    reader.finish().await;
    admin_stop.cancel();
    if let Some(socket) = admin_socket {
        let _ = socket.await;
    }
    // Or it could say once more that this host is there.
    telling.abort();
    let _ = telling.await;
    replicas.leave().await;
    let _ = tokio::time::timeout(Duration::from_secs(5), core.database.close()).await;
    drop(data);
    Ok(())
}

/// The engine, and the plugins of this host and of the database.
///
/// # Errors
/// When the machine cannot run plugins, one that we ship does not run, or the database is away.
pub async fn open_catalog(
    core: &Core,
    config: &Config,
    calls: &Arc<Calls>,
) -> anyhow::Result<(Arc<PluginEngine>, Arc<Catalog>)> {
    let engine = engine(config)?;
    let (own, _) = install(&engine, config).await?;
    let parts = catalog::Parts {
        database: core.database.clone(),
        hub: Arc::clone(&core.hub),
        engine: Arc::clone(&engine),
        calls: Arc::clone(calls),
        own,
        trust: Trust::new(&config.sources),
        limits: CatalogLimits {
            component_bytes: config.plugin_component_bytes,
            database_timeout: config.database_timeout,
            ceilings: Ceilings {
                memory: config.limits.memory,
                table_elements: config.limits.table_elements,
                concurrency: config.limits.slots(),
                deadline: config.longest_deadline(),
            },
        },
    };
    Ok((engine, Catalog::open(parts).await?))
}

/// What runs plugins.
///
/// # Errors
/// When the machine cannot run them, or the folder for compiled code cannot be used.
pub fn engine(config: &Config) -> anyhow::Result<Arc<PluginEngine>> {
    engine_that(config, false)
}

/// The same, which counts what guests do ([`crate::plugins::Spent::fuel`]) in code that is slower.
///
/// # Errors
/// As of [`engine`].
pub fn metered_engine(config: &Config) -> anyhow::Result<Arc<PluginEngine>> {
    engine_that(config, true)
}

fn engine_that(config: &Config, meter: bool) -> anyhow::Result<Arc<PluginEngine>> {
    let options = EngineOptions {
        limits: config.limits.clone(),
        compiled: config.data_dir.join("compiled"),
        meter,
        compiler: if meter {
            // What the child compiles does not count.
            Compiler::Here
        } else {
            Compiler::Child {
                // This very program, though another may have taken its name meanwhile.
                executable: PathBuf::from("/proc/self/exe"),
                memory: config.plugin_compile.memory,
                time: config.plugin_compile.time,
            }
        },
    };
    PluginEngine::new(&options).map_err(anyhow::Error::from)
}

/// The names under which folders are served.
fn folder_names(folders: &[PathBuf]) -> anyhow::Result<Vec<LocalPath>> {
    let mut names: Vec<LocalPath> = Vec::new();
    for folder in folders {
        let absolute = folder
            .canonicalize()
            .with_context(|| format!("{}", folder.display()))?;
        if !absolute.is_dir() {
            bail!("{}: not a folder", folder.display());
        }
        let name = absolute
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let name = LocalPath::new(name)
            .with_context(|| format!("{}: its name cannot be part of a URL", folder.display()))?;
        if names.contains(&name) {
            return Err(ConfigError::Conflict(format!(
                "two folders are named `{name}`, and both would be served under it; rename one"
            ))
            .into());
        }
        names.push(name);
    }
    Ok(names)
}

async fn bind(socket: SocketAddr) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(socket)
        .await
        .with_context(|| format!("listening on {socket}"))?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// The definition cache.
fn define(config: &Config, core: &Core, reader: &Reader) -> Definitions {
    let limits = DefinitionLimits {
        error_ttl: config.definition_error_ttl,
        restarts: config.limits.restarts,
        database_timeout: config.database_timeout,
    };
    let definitions = Definitions::start(definitions::Parts {
        database: core.database.clone(),
        hub: Arc::clone(&core.hub),
        registry: Arc::clone(&core.registry),
        reader: reader.clone(),
        limits,
        works: config.roles.work,
    });
    if config.roles.work {
        let own = definitions.clone();
        tokio::spawn(async move {
            loop {
                if let Err(error) = own.retire().await {
                    warn!(%error, "definitions of other plugins could not be taken away");
                }
                tokio::time::sleep(Duration::from_secs(3600)).await;
            }
        });
    }
    definitions
}

fn read_limits(config: &Config) -> ReadLimits {
    ReadLimits {
        lease: config.lease,
        stale_limit: config.stale_limit,
        cache_bytes: config.cache_bytes,
        max_file_bytes: config.max_file_bytes,
        map_segments: config.limits.map_segments,
        stages: config.limits.stages,
        restarts: config.limits.restarts,
        generation_wait: config.generation_wait,
        database_timeout: config.database_timeout,
        open: config.auth.mode == AuthMode::None,
        lookups: (config.database_connections as usize).saturating_sub(KEPT_CONNECTIONS),
    }
}

fn work(config: &Config, core: &Core, reader: &Reader) -> Worker {
    Worker::start(index::Parts {
        database: core.database.clone(),
        hub: Arc::clone(&core.hub),
        registry: Arc::clone(&core.registry),
        reader: reader.clone(),
        limits: IndexLimits {
            concurrency: config.index_concurrency,
            // A SQLite has one writer.
            stores: match config.database_url {
                Some(_) => config.database_connections as usize / 4,
                None => 1,
            },
            lease: config.job_lease,
            pause: config.job_pause,
            database_timeout: config.database_timeout,
        },
    })
}

/// Connections that look-ups leave to writers and to calls that have been admitted.
const KEPT_CONNECTIONS: usize = 4;

fn spawn_keepers(config: &Config, core: &Core) {
    tokio::spawn(keep_lease(Arc::clone(&core.hub), config.lease));
    let (database, retention) = (core.database.clone(), config.changes_retention);
    tokio::spawn(async move {
        loop {
            if let Err(error) = database.prune_changes(retention).await {
                warn!(%error, "the change log could not be pruned");
            }
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
    });
    if config.roles.work {
        let database = core.database.clone();
        let (every, after) = (config.collect_every, config.collect_after);
        tokio::spawn(keep_collecting(database, every, after));
    }
}
