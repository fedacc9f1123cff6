use super::Context;
use super::target::Target;
use crate::realm::RealmUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where the realm is published
    target: String,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let url = RealmUrl::parse(&args.target)?;
    let target = Target::find(context).await?;
    target.unpublish(&url).await?;
    target.finish().await;
    context.done(&url, "unpublished");
    Ok(())
}
