use std::path::PathBuf;

use rustix::process::{Resource, getrlimit, setrlimit};

use super::Context;
use crate::host::{self, Options};
use crate::http::Stop;
use crate::telemetry;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders to mount as bootstrap realms, each at `<origin>/<folder name>/`
    dirs: Vec<PathBuf>,
    /// Leave the database's tables as they are
    #[arg(long)]
    no_migrate: bool,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let options = Options {
        config: context.settings.config()?,
        folders: args.dirs,
        migrate: !args.no_migrate,
    };
    allow_open_files();
    let stop = Stop::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let metrics = telemetry::collect_metrics()?;
    host::run(options, metrics, stop, |admin, public, realms| {
        for realm in realms {
            eprintln!("serving {realm}");
        }
        if let Some(admin) = admin {
            println!("admin on {admin}");
        }
        println!("listening on {public}");
    })
    .await
}

/// Takes as many open files as the system allows: most shells start with room for a thousand.
fn allow_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "could not raise the limit on open files");
    }
}

/// The first signal asks to stop, the second does not wait.
async fn stop_on_signal(stop: Stop) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return;
    };
    for last in [false, true] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if last {
            std::process::exit(1);
        }
        stop.cancel();
    }
}
