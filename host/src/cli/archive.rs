use super::Context;
use super::target::Target;
use crate::realm::RealmUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The realm
    url: String,
}

pub(super) async fn run(context: &Context, args: Args, archived: bool) -> anyhow::Result<()> {
    let url = RealmUrl::parse(&args.url)?;
    let target = Target::find(context).await?;
    target.archive(&url, archived).await?;
    target.finish().await;
    context.done(&url, if archived { "archived" } else { "unarchived" });
    Ok(())
}
