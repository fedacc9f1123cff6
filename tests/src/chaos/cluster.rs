//! The hosts, the database that they share, and the links between.

use std::sync::{Arc, RwLock};

use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

use super::LEASE;
use super::link::Link;
use crate::{Host, HostOptions, Postgres, Storage, eventually};

/// How many hosts.
pub(super) const HOSTS: usize = 3;

/// How often a host is started before it is given up.
const STARTS: usize = 10;

pub(super) struct Cluster {
    pub(super) postgres: Mutex<Postgres>,
    /// The database, without a link.
    url: String,
    pub(super) links: Vec<Link>,
    hosts: Vec<RwLock<Arc<Host>>>,
    options: Vec<HostOptions>,
    /// Held to write while a host starts, which needs the database; to read by whatever hurts the database.
    pub(super) starting: tokio::sync::RwLock<()>,
}

impl Cluster {
    pub(super) async fn start(mutant: Option<&str>) -> Self {
        let postgres = tokio::task::spawn_blocking(Postgres::start)
            .await
            .expect("no panic");
        let url = postgres.database().await;
        let (before, after) = url.rsplit_once(':').expect("a port");
        let (port, name) = after.split_once('/').expect("a database");
        let port = port.parse().expect("a port");
        let (mut links, mut hosts, mut options) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..HOSTS {
            let link = Link::to(port).await;
            let own = host_options(&format!("{before}:{}/{name}", link.port), mutant);
            hosts.push(RwLock::new(Arc::new(start(own.clone()).await)));
            links.push(link);
            options.push(own);
        }
        Self {
            postgres: Mutex::new(postgres),
            url,
            links,
            hosts,
            options,
            starting: tokio::sync::RwLock::new(()),
        }
    }

    /// Makes the realm, and waits until every host knows it; its generation.
    pub(super) async fn found_realm(&self, realm: &str) -> i64 {
        self.host(0).create(realm).await;
        for host in 0..HOSTS {
            eventually("the realm is known", || async {
                let host = self.host(host);
                let answer = host.get(&format!("{realm}nothing.txt")).await;
                (!answer.header("realm-generation").is_empty()).then_some(())
            })
            .await;
        }
        self.host(0)
            .get(&format!("{realm}nothing.txt"))
            .await
            .generation()
    }

    pub(super) fn host(&self, index: usize) -> Arc<Host> {
        Arc::clone(&self.hosts[index].read().expect("never poisoned"))
    }

    /// Kills a host, and starts it anew.
    pub(super) async fn replace(&self, index: usize) {
        let _starting = self.starting.write().await;
        self.host(index).signal("KILL");
        let host = start(self.options[index].clone()).await;
        *self.hosts[index].write().expect("never poisoned") = Arc::new(host);
    }

    /// A connection of a plain client to the database.
    pub(super) async fn client(&self) -> sqlx::Result<PgConnection> {
        PgConnection::connect(&self.url).await
    }
}

fn host_options(url: &str, mutant: Option<&str>) -> HostOptions {
    let lease = format!("{}ms", LEASE.as_millis());
    let options = HostOptions::new(Storage::Postgres(url.to_owned()))
        .with("lease", &lease)
        .with("database-timeout", "1s")
        .with("lock-timeout", "1s")
        .with("generation-wait", "1s")
        .with("stale-limit", "1500ms")
        // Files change faster here than anyone edits them.
        .with("plugin-restarts", "8");
    match mutant {
        Some(name) => options.mutant(name),
        None => options,
    }
}

/// Starting blocks its thread until the host listens. A host gives up when the database is slow to answer, as it is on a
/// busy machine that has just recovered from a crash: whoever runs hosts starts them again.
async fn start(options: HostOptions) -> Host {
    for _ in 0..STARTS {
        let (runtime, options) = (tokio::runtime::Handle::current(), options.clone());
        match tokio::task::spawn_blocking(move || runtime.block_on(options.start())).await {
            Ok(host) => return host,
            Err(error) => println!("starting again: {error}"),
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("a host does not start");
}
