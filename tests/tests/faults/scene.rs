//! Hosts, the load on them and the clock of one fault.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use realm_tests::{Host, HostOptions, Storage, eventually};
use sqlx::{Connection, Executor, PgConnection};

use crate::history::{Counts, Outcome};
use crate::load::Load;
use crate::table::{Entry, Row};
use crate::watch::{Watch, look};

/// The lease of most faults.
pub(crate) const LEASE: Duration = Duration::from_secs(1);
/// A lease that runs out and polls after the end of every test: what becomes coherent meanwhile owes it to something else.
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// How hosts of these tests start.
pub(crate) fn options(database: &str, lease: Duration) -> HostOptions {
    HostOptions::new(Storage::Postgres(database.to_owned()))
        .with("lease", &format!("{}s", lease.as_secs()))
        .with("database-timeout", "1s")
}

/// A role that may be kept out, which the server's own may not.
#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) name: String,
    /// The database's URL for it.
    pub(crate) url: String,
}

/// Makes a role that owns the database at `database`.
pub(crate) async fn role(database: &str) -> Role {
    let (_, own) = database.rsplit_once('/').expect("a database");
    let name = format!("owner_of_{own}");
    let mut client = PgConnection::connect(database).await.unwrap();
    let sql = format!("CREATE ROLE {name} LOGIN; ALTER DATABASE {own} OWNER TO {name}");
    let sql = sqlx::AssertSqlSafe(sql);
    client.execute(sqlx::raw_sql(sql)).await.unwrap();
    let url = database.replace("realm@", &format!("{name}@"));
    Role { name, url }
}

/// Hosts under load, to which a fault happens.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) hosts: Vec<Arc<Host>>,
    pub(crate) load: Load,
    pub(crate) watch: Watch,
    entry: Entry,
    /// The database, with nothing in between.
    database: String,
    lease: Duration,
    fault: Instant,
    healed: Instant,
    detected: Option<(Duration, String)>,
    coherent: Option<Instant>,
}

impl Scene {
    /// Starts hosts, with a realm that all of them know and have cached, under load.
    pub(crate) async fn start(
        fault: &'static str,
        database: &str,
        lease: Duration,
        options: Vec<HostOptions>,
    ) -> Self {
        let entry = Entry::new(fault);
        let mut hosts = Vec::new();
        for options in options {
            hosts.push(Arc::new(options.start().await));
        }
        hosts[0].create("/r/").await;
        for host in &hosts {
            eventually("the realm is known", || async {
                let listing = host
                    .request("GET", "/r/")
                    .header("accept", "application/vnd.api+json");
                (host.send(listing).await.status == 200).then_some(())
            })
            .await;
        }
        let mut load = Load::new(&hosts);
        load.write().await.expect("an answer");
        for (number, host) in hosts.iter().enumerate() {
            eventually("a hit", || async {
                let hit = matches!(load.read(number).await, Outcome::Body(1, None));
                let ready = look(host).await?.is_empty();
                (hit && ready).then_some(())
            })
            .await;
        }
        load.begin();
        let now = Instant::now();
        let scene = Self {
            watch: Watch::start(&hosts),
            hosts,
            load,
            entry,
            database: database.to_owned(),
            lease,
            fault: now,
            healed: now,
            detected: None,
            coherent: None,
        };
        scene.writes(10).await;
        scene
    }

    /// The database, with nothing in between.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// Waits until so many more writes have been acknowledged.
    pub(crate) async fn writes(&self, more: usize) {
        let count = || self.load.history(|history| history.acks.len());
        let wanted = count() + more;
        eventually("writes", || async { (count() >= wanted).then_some(()) }).await;
    }

    /// Runs SQL on the database itself.
    pub(crate) async fn sql(&self, sql: &str) {
        let mut client = PgConnection::connect(&self.database).await.unwrap();
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        client.execute(sqlx::raw_sql(sql)).await.unwrap();
    }

    /// Ends the connections of this database that have this application name; `%` for all.
    pub(crate) async fn terminate(&self, application: &str) {
        self.sql(&format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() \
             AND pid <> pg_backend_pid() AND application_name LIKE '{application}'"
        ))
        .await;
    }

    /// The fault happens now.
    pub(crate) fn fault(&mut self) {
        self.fault = Instant::now();
        self.healed = self.fault;
    }

    /// What the fault lasts.
    pub(crate) async fn lasts(&self, time: Duration) {
        tokio::time::sleep(time.saturating_sub(self.fault.elapsed())).await;
    }

    /// The fault is over now.
    pub(crate) fn heal(&mut self) {
        self.healed = Instant::now();
    }

    /// Something noticed the fault now.
    pub(crate) fn detected(&mut self, by: &str) {
        self.detected = Some((self.fault.elapsed(), by.to_owned()));
    }

    /// It went on, and noticed now.
    pub(crate) fn detected_since_healing(&mut self, by: &str) {
        self.detected = Some((self.healed.elapsed(), by.to_owned()));
    }

    /// Waits until a host says that it has trouble with its `check`; how long after the fault.
    pub(crate) async fn reported(&self, host: usize, check: &str) -> Duration {
        eventually(&format!("host {host} reports its {check}"), || async {
            self.watch.trouble_of(host, check, self.fault)
        })
        .await
    }

    /// Waits until these hosts serve number `newest` or a later one, and say nothing of staleness.
    pub(crate) async fn serve(&self, hosts: &[usize], newest: u64) {
        for host in hosts {
            eventually(&format!("host {host} serves {newest}"), || async {
                let seen = self.load.read(*host).await;
                matches!(seen, Outcome::Body(number, None) if number >= newest).then_some(())
            })
            .await;
        }
    }

    /// Waits until these hosts serve what was acknowledged last, and are ready; notes the time.
    pub(crate) async fn coherent(&mut self, hosts: &[usize]) -> Duration {
        self.serve(hosts, self.load.acknowledged()).await;
        for host in hosts {
            eventually(&format!("host {host} is ready"), || async {
                look(&self.hosts[*host]).await?.is_empty().then_some(())
            })
            .await;
        }
        let now = Instant::now();
        self.coherent = Some(now);
        now - self.healed
    }

    /// Takes a last write, which all of `hosts` must come to serve, ends the clients, and reports.
    pub(crate) async fn end(mut self, hosts: &[usize]) -> Counts {
        self.load.stop_writing().await;
        eventually("writes are taken again", || async {
            let answer = self.load.write().await?;
            matches!(answer.status, 201 | 204).then_some(())
        })
        .await;
        self.serve(hosts, self.load.acknowledged()).await;
        self.load.end().await;
        let coherent = self.coherent.expect("it was waited for");
        let counted =
            |history: &crate::history::History| history.count(self.fault, coherent, self.lease);
        let mut counts = self.load.history(counted);
        counts.lost = self.lost().await;
        self.load.history(|history| {
            for refusal in &history.refusals {
                assert!(
                    matches!(refusal.status, 0 | 503),
                    "a write was refused with {refusal:?}"
                );
            }
            for read in &history.reads {
                assert!(
                    !matches!(read.outcome, Outcome::Refused(code) if code != 503),
                    "host {} answered {:?}",
                    read.host,
                    read.outcome
                );
            }
        });
        let detected = self
            .detected
            .clone()
            .or_else(|| self.watch.trouble(self.fault));
        self.entry.report(Row {
            detected,
            coherent: Some(coherent - self.healed),
            counts,
        });
        assert_eq!(counts.lost, 0, "acknowledged writes are gone");
        assert_eq!(counts.unsaid, 0, "stale reads that did not say so");
        counts
    }

    /// How many acknowledged writes the database does not have.
    async fn lost(&self) -> usize {
        let mut client = PgConnection::connect(&self.database).await.unwrap();
        let logged: HashSet<i64> =
            sqlx::query_scalar("SELECT generation FROM changes WHERE path = 'a.txt'")
                .fetch_all(&mut client)
                .await
                .unwrap()
                .into_iter()
                .collect();
        self.load.history(|history| {
            let kept = |ack: &&crate::history::Ack| !logged.contains(&ack.generation);
            history.acks.iter().filter(kept).count()
        })
    }

    /// The codes with which writes were refused.
    pub(crate) fn refusals(&self) -> HashSet<String> {
        let code = |refusal: &crate::history::Refusal| refusal.code.clone();
        self.load
            .history(|history| history.refusals.iter().map(code).collect())
    }
}
