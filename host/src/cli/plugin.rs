use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::bounds;
use super::target::Target;
use super::{Context, author};
use crate::catalog::Package;
use crate::fetch::{FetchOptions, Reference, fetch};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    #[command(flatten)]
    Author(author::Command),
    /// Install a component on every replica; one of the same name finishes what it has begun
    Install(InstallArgs),
    /// List the plugins, in the order in which they are asked
    List,
    /// Show what there is to know of a plugin
    Inspect(PluginArgs),
    /// Have a plugin asked first for an extension that several take
    Use(UseArgs),
    /// Take an installed component away, and end its calls
    Remove(PluginArgs),
    /// Have a plugin asked again, or another installed component of its name
    Enable(PluginArgs),
    /// Have a plugin asked no more, and end its calls
    Disable(PluginArgs),
    /// Show a plugin's limits, or set them: what a call of it may take
    Limit(LimitArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct LimitArgs {
    /// Its name, `name@version`, or its digest; limits hold for every version
    plugin: String,
    /// As in `memory=64MiB deadline=2s`; `memory=` makes it the host's again. Further ones: render-deadline, output, log,
    /// reads, handles, table-elements, concurrency, queue
    #[arg(value_name = "LIMIT=VALUE", value_parser = parse_bound)]
    limits: Vec<(String, Option<String>)>,
}

#[derive(Debug, clap::Args)]
pub(super) struct InstallArgs {
    /// The component: a file, an `https://` URL, or `oci://registry/repository[:tag][@sha256:…]`
    #[arg(value_name = "REF", value_parser = parse_reference)]
    reference: Reference,
    /// The digest that it must have
    #[arg(long, value_name = "sha256:…", value_parser = parse_digest)]
    pin: Option<String>,
    /// Its minisign signature: a file or a URL; without this the one beside it, as in `x.wasm.minisig`
    #[arg(long, value_name = "FILE|URL", value_parser = parse_reference)]
    signature: Option<Reference>,
}

#[derive(Debug, clap::Args)]
pub(super) struct PluginArgs {
    /// Its name, `name@version`, or its digest
    plugin: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct UseArgs {
    /// The extension, as in `.ts`
    #[arg(value_name = "EXT")]
    extension: String,
    /// The plugin; none: whichever came first
    plugin: Option<String>,
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<()> {
    if let Command::Author(command) = command {
        return author::run(context, command).await;
    }
    let package = match &command {
        Command::Install(args) => Some(package(context, args).await?),
        _ => None,
    };
    let target = Target::for_operators(context).await?;
    match command {
        // Done above, without a host.
        Command::Author(_) => {}
        Command::Install(_) => {
            if let Some(package) = package {
                done(context, &target.install_plugin(package).await?, "installed");
            }
        }
        Command::List => {
            for plugin in target.plugins().await? {
                list(context, &plugin);
            }
        }
        Command::Inspect(args) => inspect(context, &target.plugin(&args.plugin).await?),
        Command::Use(args) => {
            let plugin = args.plugin.as_deref();
            target.pick_plugin(&args.extension, plugin).await?;
            let who = plugin.unwrap_or("whichever came first");
            if context.json {
                println!(
                    "{}",
                    json!({ "extension": args.extension, "plugin": plugin })
                );
            } else {
                eprintln!("{}: {who} is asked first", args.extension);
            }
        }
        Command::Remove(args) => {
            let plugin = target.plugin(&args.plugin).await?;
            target.remove_plugin(text(&plugin, "digest")).await?;
            done(context, &plugin, "removed");
        }
        Command::Enable(args) => {
            let plugin = target.enable_plugin(&args.plugin, true).await?;
            done(context, &plugin, "enabled");
        }
        Command::Disable(args) => {
            let plugin = target.enable_plugin(&args.plugin, false).await?;
            done(context, &plugin, "disabled");
        }
        Command::Limit(args) => {
            let plugin = if args.limits.is_empty() {
                target.plugin(&args.plugin).await?
            } else {
                target.limit_plugin(&args.plugin, &args.limits).await?
            };
            bounds::show(context, &plugin);
        }
    }
    target.finish().await;
    Ok(())
}

/// Fetches the component, and shows how far that is; on a terminal, with a bar.
async fn package(context: &Context, args: &InstallArgs) -> anyhow::Result<Package> {
    let config = context.settings.config()?;
    let options = FetchOptions::new(&config, args.pin.is_some());
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}")?;
    let bar = ProgressBar::new(0).with_style(style);
    let show = |fetched: u64, of: Option<u64>| {
        bar.set_length(of.unwrap_or(fetched));
        bar.set_position(fetched);
    };
    let fetched = fetch(&args.reference, args.signature.as_ref(), options, &show).await;
    bar.finish_and_clear();
    let fetched = fetched?;
    Ok(Package {
        source: fetched.source,
        component: fetched.component,
        pin: args.pin.clone(),
        pinned: args.pin.is_some(),
        signature: fetched.signature,
    })
}

fn parse_reference(text: &str) -> Result<Reference, String> {
    text.parse()
        .map_err(|error: crate::fetch::FetchError| error.to_string())
}

fn parse_digest(text: &str) -> Result<String, String> {
    let hex = text.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("a digest is `sha256:` and 64 hexadecimal digits, as `realm plugin inspect` and `sha256sum` print them".to_owned())
}

fn parse_bound(text: &str) -> Result<(String, Option<String>), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    let none = || "a limit is set as in `memory=64MiB`, and taken back as in `memory=`".to_owned();
    let (key, value) = pair.ok_or_else(none)?;
    Ok((
        key.to_owned(),
        Some(value.to_owned()).filter(|value| !value.is_empty()),
    ))
}

fn text<'a>(plugin: &'a Value, key: &str) -> &'a str {
    plugin[key].as_str().unwrap_or_default()
}

fn label(plugin: &Value) -> String {
    format!("{}@{}", text(plugin, "name"), text(plugin, "version"))
}

fn done(context: &Context, plugin: &Value, what: &str) {
    if context.json {
        println!("{plugin}");
    } else {
        eprintln!("{} ({}): {what}", label(plugin), text(plugin, "digest"));
        warnings(plugin, "warning: ");
    }
}

/// What was found when it was vetted.
fn warnings(plugin: &Value, before: &str) {
    for warning in plugin["warnings"].as_array().into_iter().flatten() {
        eprintln!("{before}{}", warning.as_str().unwrap_or_default());
    }
}

/// Whose signature it has.
fn signer(plugin: &Value) -> Option<String> {
    let key = plugin["signature"]["key"].as_str()?;
    Some(match plugin["signer"].as_str() {
        Some(signer) => signer.to_owned(),
        None => format!("an unknown key ({key})"),
    })
}

/// The extensions that it takes.
fn takes(plugin: &Value) -> String {
    let rules = plugin["transpiles"].as_array().into_iter().flatten();
    let rules = rules.filter_map(|rule| rule["takes"].as_str());
    let documents = plugin["renders"].as_array().into_iter().flatten();
    let all: Vec<_> = rules.chain(documents.filter_map(Value::as_str)).collect();
    all.join(" ")
}

fn list(context: &Context, plugin: &Value) {
    if context.json {
        println!("{plugin}");
        return;
    }
    let digest = text(plugin, "digest").get(..19).unwrap_or_default();
    let state = text(plugin, "state");
    let mut known = format!("  from {}", text(plugin, "source"));
    if plugin["pin"].is_string() {
        known.push_str(", pinned");
    }
    if let Some(signer) = signer(plugin) {
        known = format!("{known}, signed by {signer}");
    }
    let mut label = label(plugin);
    if let Some(problem) = plugin["problem"].as_str() {
        label = format!("{label}: {problem}");
    }
    let (own, open) = (bounds::own(plugin), bounds::open(plugin));
    println!(
        "{state:<10} {digest}  {label:<24} {}{known}{own}{open}",
        takes(plugin)
    );
}

fn inspect(context: &Context, plugin: &Value) {
    if context.json {
        println!("{plugin}");
        return;
    }
    println!("{}", label(plugin));
    for key in [
        "summary", "digest", "state", "problem", "source", "pin", "contract",
    ] {
        if let Some(text) = plugin[key].as_str() {
            println!("  {key:<11} {text}");
        }
    }
    let signer = signer(plugin).unwrap_or_else(|| "nobody".to_owned());
    println!("  {:<11} {signer}", "signed by");
    if let Some(comment) = plugin["signature"]["comment"].as_str() {
        println!("  {:<11} {comment}", "comment");
    }
    for rule in plugin["transpiles"].as_array().into_iter().flatten() {
        let (takes, gives) = (text(rule, "takes"), text(rule, "gives"));
        let media_type = text(rule, "mediaType");
        println!("  {:<11} {takes} to {gives} ({media_type})", "transpiles");
    }
    for takes in plugin["renders"].as_array().into_iter().flatten() {
        println!("  {:<11} {}", "renders", takes.as_str().unwrap_or_default());
    }
    bounds::inspect(plugin);
    for option in super::plugin_options::lines(&plugin["optionsSchema"]) {
        println!("  {:<11} {option}", "option");
    }
}

#[cfg(test)]
mod tests {
    use super::parse_digest;

    #[test]
    fn digests_are_checked() {
        let digest = format!("sha256:{}", "aB".repeat(32));
        assert_eq!(parse_digest(&digest), Ok(digest.to_ascii_lowercase()));
        for text in [
            "",
            "sha256:",
            "sha256:12",
            &"a".repeat(64),
            &digest.replace("aB", "x"),
        ] {
            assert!(parse_digest(text).is_err(), "{text}");
        }
    }
}
