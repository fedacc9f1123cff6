use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::{Host, client};

/// The origin that every host of a test has: which of them is asked must not matter.
pub const ORIGIN: &str = "http://realm.test";

/// Variables of this process that hosts see; all other settings are a test's own.
const KEPT: [&str; 2] = ["REALM_LOG", "REALM_MUTANT"];

/// Where a host keeps its data.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In the Postgres database at this URL.
    Postgres(String),
    /// In a SQLite of its own.
    Sqlite,
}

/// How to start a host.
#[derive(Clone, Debug)]
pub struct HostOptions {
    storage: Storage,
    arguments: Vec<String>,
    folders: Vec<PathBuf>,
    data: Option<PathBuf>,
    place: Option<PathBuf>,
    mutant: Option<String>,
    binary: Option<PathBuf>,
    core: Option<usize>,
    environment: Vec<(String, String)>,
}

impl HostOptions {
    /// With `storage`.
    #[must_use]
    pub fn new(storage: Storage) -> Self {
        Self {
            storage,
            arguments: Vec::new(),
            folders: Vec::new(),
            data: None,
            place: None,
            mutant: None,
            binary: None,
            core: None,
            environment: Vec::new(),
        }
    }

    /// Where its data is.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// With a setting.
    #[must_use]
    pub fn with(mut self, setting: &str, value: &str) -> Self {
        self.arguments
            .extend([format!("--{setting}"), value.to_owned()]);
        self
    }

    /// With a variable of the environment, for it and for commands.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a guard taken away, besides the one that all hosts are without: one of `tests/mutants.txt`.
    #[must_use]
    pub fn mutant(mut self, name: &str) -> Self {
        self.mutant = Some(name.to_owned());
        self
    }

    /// Another build of the host, without the guests that misbehave.
    #[must_use]
    pub fn binary(mut self, path: &Path) -> Self {
        self.binary = Some(path.to_owned());
        self
    }

    /// On this core alone.
    #[must_use]
    pub fn on_core(mut self, core: usize) -> Self {
        self.core = Some(core);
        self
    }

    /// Serving a folder.
    #[must_use]
    pub fn serving(mut self, folder: &Path) -> Self {
        self.folders.push(folder.to_owned());
        self
    }

    /// In this data folder, which outlives the host.
    #[must_use]
    pub fn in_folder(mut self, data: &Path) -> Self {
        self.data = Some(data.to_owned());
        self
    }

    /// In this folder, in place of the data folder.
    #[must_use]
    pub fn at(mut self, place: &Path) -> Self {
        self.place = Some(place.to_owned());
        self
    }

    /// The command without a subcommand.
    pub(crate) fn command(&self, data: &Path) -> Command {
        let binary = self.binary.clone().unwrap_or_else(binary);
        let mut command = match self.core {
            // It becomes the host, so that the process is the host's.
            Some(core) => {
                let mut taskset = Command::new("taskset");
                taskset.args(["-c", &core.to_string()]).arg(binary);
                taskset
            }
            None => Command::new(binary),
        };
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("REALM_") && !KEPT.contains(&name.as_str()))
        {
            command.env_remove(name);
        }
        let environment = self.environment.iter();
        command
            .envs(environment.map(|(name, value)| (name, value)))
            .arg("--data-dir")
            .arg(data)
            .current_dir(self.place.as_deref().unwrap_or(data))
            .stdin(Stdio::null());
        if let Some(name) = &self.mutant {
            let all = std::env::var("REALM_MUTANT").map(|of_all| format!("{of_all},{name}"));
            command.env("REALM_MUTANT", all.unwrap_or_else(|_| name.clone()));
        }
        if let Storage::Postgres(url) = &self.storage {
            command.args(["--database-url", url]);
        }
        command
    }

    /// Runs a command of the command line; its output.
    ///
    /// # Panics
    /// When no data folder was given.
    pub async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let data = self.data.as_ref().expect("a data folder");
        run(self.command(data), arguments).await
    }

    /// Starts a command of the command line that goes on until somebody ends it; both its outputs are to be read.
    ///
    /// # Panics
    /// When no data folder was given, or it cannot be run.
    #[must_use]
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let data = self.data.as_ref().expect("a data folder");
        let mut command = self.command(data);
        command.args(arguments);
        let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        piped.spawn().expect("the command runs")
    }

    /// Starts the host, with a realm at `/r/`.
    pub async fn with_realm(self) -> (Host, String) {
        let host = self.start().await;
        let realm = host.create("/r/").await;
        (host, realm)
    }

    /// Starts the host.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start(self) -> Host {
        match self.try_start().await {
            Ok(host) => host,
            Err(log) => panic!("the host did not start:\n{log}"),
        }
    }

    /// Starts a host that may refuse to.
    ///
    /// # Errors
    /// What it logged, when it does not come up.
    ///
    /// # Panics
    /// When it cannot be run at all.
    pub async fn try_start(self) -> Result<Host, String> {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let data = self
            .data
            .clone()
            .unwrap_or_else(|| temporary.path().to_owned());
        share_compiled_code(&data);
        let mut command = self.command(&data);
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        if self.binary.is_none()
            && !self
                .arguments
                .iter()
                .any(|argument| argument == "--plugin-dir")
        {
            command.arg("--plugin-dir").arg(guests());
        }
        if !self.arguments.iter().any(|argument| argument == "--origin") {
            command.args(["--origin", ORIGIN]);
        }
        command.args(&self.arguments).args(&self.folders);
        let started = tokio::task::spawn_blocking(move || Started::wait(command));
        let started = started.await.expect("no panic")?;
        let client = client().timeout(Duration::from_secs(60)).build();
        let client = client.expect("a client");
        Ok(Host {
            process: started.process,
            public: started.public,
            admin: started.admin,
            client,
            log: started.log,
            options: self,
            data,
            _temporary: temporary,
        })
    }
}

/// A process that has said where it listens.
struct Started {
    process: Child,
    admin: String,
    public: String,
    log: Arc<Mutex<String>>,
}

impl Started {
    /// Starts it and waits until it has; else what it logged.
    fn wait(mut command: Command) -> Result<Self, String> {
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the host runs");
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(process.stderr.take().expect("piped"));
        let into = Arc::clone(&log);
        let reading = std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if std::env::var_os("REALM_TEST_LOG").is_some() {
                    eprintln!("{line}");
                }
                let mut log = into.lock().expect("never poisoned");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let stdout = BufReader::new(process.stdout.take().expect("piped"));
        let mut admin = None;
        for line in stdout.lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("admin on ") {
                admin = Some(url.to_owned());
            }
            if let Some(url) = line.strip_prefix("listening on ") {
                return Ok(Self {
                    process,
                    admin: admin.expect("printed first"),
                    public: url.to_owned(),
                    log,
                });
            }
        }
        let _ = process.wait();
        // Its last words may still be on the way; the thread that reads them ends with them.
        let _ = reading.join();
        Err(log.lock().expect("never poisoned").clone())
    }
}

pub(crate) async fn run(mut command: Command, arguments: &[&str]) -> std::process::Output {
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output());
    let mut output = output.await.expect("no panic").expect("the command runs");
    // That a guard is away is said to whoever runs the test, and is no word of the command: a mutant must not die of it.
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains(GUARD_AWAY) {
        let (away, own): (Vec<_>, Vec<_>) = said
            .split_inclusive('\n')
            .partition(|line| line.starts_with(GUARD_AWAY));
        eprint!("{}", away.concat());
        output.stderr = own.concat().into_bytes();
    }
    output
}

/// How the test build begins to say which guard is away.
const GUARD_AWAY: &str = "a guard is taken away: ";

/// The target folder: the tests' own binary is below it.
///
/// # Panics
/// When `make plugins` has not been run.
#[must_use]
pub fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a running test");
    own.ancestors()
        .find(|folder| folder.join("plugins").is_dir())
        .expect("`make plugins` has been run")
        .to_owned()
}

/// The binary with gates: cargo builds it beside the tests.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a running test");
    own.ancestors()
        .nth(2)
        .expect("cargo's layout")
        .join("realm-under-test")
}

/// A plugin that we ship, as the host embeds it.
///
/// # Panics
/// When `make plugins` has not been run.
#[must_use]
pub fn shipped(name: &str) -> Vec<u8> {
    let path = target().join(format!("plugins/{name}.wasm"));
    std::fs::read(path).expect("`make plugins` has been run")
}

/// Where `scripts/build-third-party-plugins` puts what it builds.
///
/// # Panics
/// When `make plugins` has not been run.
#[must_use]
pub fn third_party() -> PathBuf {
    target().join("third-party")
}

/// The folder with the guests that misbehave.
///
/// # Panics
/// When `make guests` has not been run.
#[must_use]
pub fn guests() -> PathBuf {
    let folder = target().join("test-guests");
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::fs::create_dir_all(&folder).expect("the target folder");
        let temporary = folder.join(format!("{}.tmp", std::process::id()));
        std::fs::write(&temporary, built_guest("realm_test_guests")).expect("the target folder");
        std::fs::rename(temporary, folder.join("misbehave.wasm")).expect("the target folder");
    });
    folder
}

/// A component as cargo leaves it.
///
/// # Panics
/// When `make guests` has not been run.
#[must_use]
pub fn built_guest(name: &str) -> Vec<u8> {
    let path = target().join(format!("wasm32-wasip2/plugin/{name}.wasm"));
    std::fs::read(path).expect("`make guests` has been run")
}

/// All hosts of all tests compile each plugin once, and know each other's seals.
///
/// # Panics
/// When the folder cannot be written to.
pub fn share_compiled_code(data: &Path) {
    let shared = target().join("test-compiled");
    std::fs::create_dir_all(&shared).expect("the target folder");
    let key = target().join("test-compiled.key");
    if !key.exists() {
        let mut file = tempfile::NamedTempFile::new_in(target()).expect("the target folder");
        std::io::Write::write_all(&mut file, &rand::random::<[u8; 32]>()).expect("a file");
        // Another test may have been faster.
        let _ = file.persist_noclobber(&key);
    }
    for (name, shared) in [("compiled", shared), ("compiled.key", key)] {
        let link = data.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(shared, link).expect("a fresh data folder");
        }
    }
}
