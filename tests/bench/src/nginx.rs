use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::process::{Owned, SERVER, free_port, on_core};

/// An nginx with one worker, set up as well as we know how.
#[derive(Debug)]
pub(crate) struct Nginx {
    pub(crate) url: String,
    /// The process that answers.
    pub(crate) worker: u32,
    _master: Owned,
    _folder: TempDir,
}

impl Nginx {
    /// Serves a folder.
    pub(crate) fn start(root: &Path, sendfile: bool) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port();
        let config = folder.path().join("nginx.conf");
        fs::write(&config, configuration(folder.path(), root, port, sendfile))?;
        let master = on_core(SERVER, "nginx").arg("-c").arg(&config).spawn();
        let master = Owned(master.context("nginx: `scripts/install-bench-tools` installs it")?);
        let children = format!("/proc/{0}/task/{0}/children", master.0.id());
        let begun = Instant::now();
        let worker = loop {
            let pids = fs::read_to_string(&children).unwrap_or_default();
            if let Some(worker) = pids
                .split_whitespace()
                .next()
                .and_then(|pid| pid.parse().ok())
                && std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            {
                break worker;
            }
            if begun.elapsed() > Duration::from_secs(10) {
                bail!("nginx did not come up");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Ok(Self {
            url: format!("http://127.0.0.1:{port}"),
            worker,
            _master: master,
            _folder: folder,
        })
    }
}

fn configuration(own: &Path, root: &Path, port: u16, sendfile: bool) -> String {
    let (own, root) = (own.display(), root.display());
    let sendfile = if sendfile { "on" } else { "off" };
    let user = if is_root() { "user root;" } else { "" };
    format!(
        "{user}
        worker_processes 1;
        daemon off;
        pid {own}/pid;
        error_log {own}/error.log warn;
        events {{ worker_connections 4096; }}
        http {{
            access_log off;
            sendfile {sendfile};
            tcp_nodelay on;
            etag on;
            keepalive_timeout 300s;
            keepalive_requests 1000000000;
            open_file_cache max=1000 inactive=1h;
            open_file_cache_valid 60s;
            open_file_cache_min_uses 1;
            output_buffers 2 64k;
            types {{ text/javascript js; text/plain txt; }}
            client_body_temp_path {own}/body;
            proxy_temp_path {own}/proxy;
            fastcgi_temp_path {own}/fastcgi;
            uwsgi_temp_path {own}/uwsgi;
            scgi_temp_path {own}/scgi;
            server {{ listen 127.0.0.1:{port}; root {root}; }}
        }}"
    )
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}
