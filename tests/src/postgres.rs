use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;

/// A PostgreSQL server of the machine's own programs, in a temporary folder, on a free port.
#[derive(Debug)]
pub struct Postgres {
    folder: TempDir,
    port: u16,
    server: Option<Child>,
    /// Ends the server and takes its folder away when this process is gone, however it went.
    _guard: Child,
    databases: AtomicUsize,
    durable: bool,
}

/// The server that the tests of one binary share; each has a database of its own.
pub fn server() -> &'static Postgres {
    static SERVER: std::sync::OnceLock<Postgres> = std::sync::OnceLock::new();
    SERVER.get_or_init(Postgres::start)
}

/// The user that the server runs as when the tests run as root, which PostgreSQL refuses to.
const NOBODY: u32 = 65534;

impl Postgres {
    /// Starts a server.
    ///
    /// # Panics
    /// When the machine has no PostgreSQL, or it does not come up.
    #[must_use]
    pub fn start() -> Self {
        Self::started(false)
    }

    /// Starts a server whose commits reach the disk: what is measured must be what an operator would have.
    ///
    /// # Panics
    /// When the machine has no PostgreSQL, or it does not come up.
    #[must_use]
    pub fn durable() -> Self {
        Self::started(true)
    }

    fn started(durable: bool) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("realm-postgres-")
            .tempdir()
            .expect("a temporary folder");
        give_away(folder.path());
        let port = free_port();
        let _guard = guard(&folder);
        let mut postgres = Self {
            folder,
            port,
            server: None,
            databases: AtomicUsize::new(0),
            durable,
            _guard,
        };
        let mut initdb = postgres.program("initdb");
        initdb
            .args([
                "--no-sync",
                "--auth=trust",
                "--username=realm",
                "--encoding=UTF8",
                "--locale=C",
                "-D",
            ])
            .arg(postgres.data());
        let done = initdb.output().expect("initdb runs");
        assert!(
            done.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        postgres.up();
        postgres
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        let mut command = unprivileged(&find(name));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Starts the server again after [`Self::kill`].
    ///
    /// # Panics
    /// When it does not come up.
    pub fn up(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("a log file");
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data()).args([
            "-p",
            &self.port.to_string(),
            "-h",
            "127.0.0.1",
            "-k",
            "",
        ]);
        server.args([
            "-c",
            if self.durable {
                "fsync=on"
            } else {
                "fsync=off"
            },
            "-c",
            "max_connections=300",
            "-c",
            "log_min_messages=warning",
        ]);
        self.server = Some(
            server
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .expect("postgres runs"),
        );
        let begun = Instant::now();
        while !self
            .program("pg_isready")
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status()
            .is_ok_and(|status| status.success())
        {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "postgres did not come up"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the server without a word, as a crash would.
    ///
    /// # Panics
    /// When it is not running.
    pub fn kill(&mut self) {
        let mut server = self.server.take().expect("it runs");
        let children = format!("/proc/{0}/task/{0}/children", server.id());
        let backends = std::fs::read_to_string(children).unwrap_or_default();
        server.kill().expect("a process of ours");
        server.wait().expect("a process of ours");
        // Backends notice that their parent is gone; the shared memory must be free before the next start.
        let begun = Instant::now();
        let alive = |pid: &str| Path::new("/proc").join(pid).exists();
        while backends.split_whitespace().any(alive) && begun.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A new, empty database; its URL.
    ///
    /// # Panics
    /// When the server is not there.
    pub async fn database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        let mut admin = PgConnection::connect(&self.url("postgres"))
            .await
            .expect("the server is up");
        admin
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .expect("a new database");
        self.url(&name)
    }

    fn url(&self, name: &str) -> String {
        format!("postgres://realm@127.0.0.1:{}/{name}", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// A port that nobody has at this moment.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a free port")
        .port()
}

/// Gives a folder to the user that servers run as.
pub(crate) fn give_away(folder: &Path) {
    if is_root() {
        std::os::unix::fs::chown(folder, Some(NOBODY), Some(NOBODY))
            .expect("root may give a folder away");
    }
}

/// A command that does not run as root.
pub(crate) fn unprivileged(program: &Path) -> Command {
    let mut command = Command::new(program);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// A shell that waits for the end of its input, which is the end of this process, and then clears up.
fn guard(folder: &TempDir) -> Child {
    let script = r#"cat >/dev/null
        pid=$(head -n 1 "$0/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" && while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done
        rm -rf "$0""#;
    let mut shell = unprivileged(Path::new("/bin/sh"));
    shell
        .current_dir("/")
        .arg("-c")
        .arg(script)
        .arg(folder.path());
    let shell = shell
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    shell.spawn().expect("a shell")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

/// A server program: on the path, or where Debian puts it.
pub(crate) fn find(name: &str) -> PathBuf {
    let on_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|version| version.path().join("bin"));
    let mut debian: Vec<_> = debian.collect();
    debian.sort();
    debian
        .into_iter()
        .rev()
        .chain(on_path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            panic!("{name} is not installed; `scripts/install-test-tools` installs it")
        })
}
