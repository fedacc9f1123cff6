use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::postgres::{find, free_port, give_away, unprivileged};

/// A PgBouncer before a Postgres, in a temporary folder, on a free port.
#[derive(Debug)]
pub struct Pooler {
    url: String,
    /// A shell that ends the pooler when its input ends, which is the end of this process at the latest.
    shell: Child,
    _folder: TempDir,
}

impl Pooler {
    /// Starts one before the database at `url`, in this mode: `transaction` or `session`.
    ///
    /// # Panics
    /// When the machine has no PgBouncer, or it does not come up.
    #[must_use]
    pub fn start(url: &str, mode: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("realm-pooler-")
            .tempdir()
            .expect("a temporary folder");
        give_away(folder.path());
        let port = free_port();
        let (_, server) = url.rsplit_once(':').expect("a port");
        let (server, database) = server.split_once('/').expect("a database");
        // The two parameters are what every client of this kind sends, and what a pooler's guide says to let pass.
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=realm\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             ignore_startup_parameters = extra_float_digits,options\n"
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, settings).expect("a temporary folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let shell = unprivileged(std::path::Path::new("/bin/sh"))
            .arg("-c")
            .arg(r#""$0" "$1" </dev/null & cat >/dev/null; kill "$!""#)
            .arg(find("pgbouncer"))
            .arg(&file)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a shell");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "pgbouncer did not come up: {log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self {
            url: format!("postgres://realm@127.0.0.1:{port}/{database}"),
            shell,
            _folder: folder,
        }
    }

    /// The database's URL through this pooler.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}
