//! The command line: one file per subcommand. Each talks to a running host over HTTP, or works on the database itself.

mod archive;
mod author;
mod bounds;
mod config;
mod create;
mod delete;
mod doctor;
mod export;
mod grant;
mod import;
mod invalidate;
mod list;
mod migrate;
mod plugin;
mod plugin_options;
mod publish;
mod serve;
mod settings;
mod status;
mod target;
mod token;
mod unpublish;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::settings::SettingsArgs;
use crate::plugins::compile_as_child;
use crate::realm::RealmUrl;

/// Serves realms: URL-addressed trees of files, through WebAssembly plugins.
#[derive(Debug, Parser)]
#[command(name = "realm", version)]
struct Cli {
    /// Print data as JSON
    #[arg(long, global = true)]
    json: bool,
    /// Talk to the host at this URL
    #[arg(long, global = true, value_name = "URL")]
    host: Option<String>,
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a replica
    Serve(serve::Args),
    /// Bring the database's tables to this version
    Migrate,
    /// Make an empty realm
    Create(create::Args),
    /// Add a folder's files to a realm
    Import(import::Args),
    /// Make a realm hold exactly a folder's files
    Sync(import::SyncArgs),
    /// Write a realm's files to a folder
    Export(export::Args),
    /// Publish a realm, anew or again
    Publish(publish::Args),
    /// Take a published realm away
    Unpublish(unpublish::Args),
    /// Delete a realm, with all that is published from it
    Delete(delete::Args),
    /// Seal a realm: nothing is lost, and nobody sees it
    Archive(archive::Args),
    /// Open an archived realm again
    Unarchive(archive::Args),
    /// Give a user rights in a realm
    Grant(grant::Args),
    /// Take a user's rights in a realm
    Revoke(grant::RevokeArgs),
    /// Show what there is to know of a realm
    Status(status::Args),
    /// Drop what every replica has cached of a realm
    Invalidate(invalidate::Args),
    /// List the realms
    List,
    /// Write, install, arrange and inspect plugins
    #[command(subcommand)]
    Plugin(plugin::Command),
    /// Make tokens, by which hosts know who asks
    #[command(subcommand)]
    Token(token::Command),
    /// Print the settings in force, and where each came from
    Config(config::Args),
    /// Look at everything that a host needs, and say what to do where something is amiss
    Doctor,
}

/// What every subcommand gets.
#[derive(Debug)]
struct Context {
    json: bool,
    host: Option<String>,
    settings: SettingsArgs,
}

impl Context {
    /// Says that something was done to a realm.
    fn done(&self, url: &RealmUrl, what: &str) {
        if self.json {
            println!(
                "{}",
                serde_json::json!({ "realm": url.as_str(), "done": what })
            );
        } else {
            eprintln!("{url}: {what}");
        }
    }
}

/// Runs the command line; the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    // A host that compiles a plugin starts itself again, and lends that child nothing.
    if let Some(done) = compile_as_child() {
        return done;
    }
    // Usage errors exit with 2, in clap's own words.
    let cli = Cli::parse();
    let context = Context {
        json: cli.json,
        host: cli.host,
        settings: cli.settings,
    };
    let serving = matches!(cli.command, Command::Serve(_));
    let filter = match &cli.command {
        Command::Serve(_) => "info,sqlx=warn",
        Command::Plugin(plugin::Command::Author(command)) => command.log_filter(),
        _ => "warn",
    };
    let telemetry = match context.settings.logging(filter, serving) {
        Ok(telemetry) => telemetry,
        Err(error) => return failed(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let done = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve::run(&context, args).await,
            Command::Migrate => migrate::run(&context).await,
            Command::Create(args) => create::run(&context, args).await,
            Command::Import(args) => import::run(&context, args).await,
            Command::Sync(args) => import::sync(&context, args).await,
            Command::Export(args) => export::run(&context, args).await,
            Command::Publish(args) => publish::run(&context, args).await,
            Command::Unpublish(args) => unpublish::run(&context, args).await,
            Command::Delete(args) => delete::run(&context, args).await,
            Command::Archive(args) => archive::run(&context, args, true).await,
            Command::Unarchive(args) => archive::run(&context, args, false).await,
            Command::Grant(args) => grant::run(&context, args).await,
            Command::Revoke(args) => grant::revoke(&context, args).await,
            Command::Status(args) => status::run(&context, args).await,
            Command::Invalidate(args) => invalidate::run(&context, args).await,
            Command::List => list::run(&context).await,
            Command::Plugin(command) => plugin::run(&context, command).await,
            Command::Token(command) => token::run(&context, &command),
            Command::Config(args) => config::run(&context, &args),
            Command::Doctor => doctor::run(&context).await,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    drop(telemetry);
    done.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    if error.is::<crate::config::ConfigError>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}
