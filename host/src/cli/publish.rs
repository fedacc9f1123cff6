use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::Context;
use super::target::Target;
use crate::realm::RealmUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The realm to publish
    source: String,
    /// Where
    target: String,
    /// Wait until the host serves it, with all that it makes of it ahead of any request
    #[arg(long)]
    wait: bool,
}

/// How often a host that is not ready is asked again.
const AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let (source, url) = (
        RealmUrl::parse(&args.source)?,
        RealmUrl::parse(&args.target)?,
    );
    let target = Target::find(context).await?;
    target.publish(&source, &url).await?;
    if args.wait {
        wait(&target, &url).await?;
    }
    target.finish().await;
    if context.json {
        println!(
            "{}",
            json!({ "source": source.as_str(), "realm": url.as_str() })
        );
    } else {
        println!("{url}");
    }
    Ok(())
}

/// Shows how far the host has come until it is ready; on a terminal, with a bar.
async fn wait(target: &Target, url: &RealmUrl) -> anyhow::Result<()> {
    let style = ProgressStyle::with_template("{msg:>8} {bar:40} {pos}/{len}")?;
    let bar = ProgressBar::new(0).with_style(style);
    loop {
        let progress = target.publish_progress(url).await?;
        bar.set_length(progress.total);
        bar.set_position(progress.done);
        bar.set_message(progress.phase.clone());
        if progress.phase == "done" && target.is_ready(url).await? {
            bar.finish_and_clear();
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
    }
}
