use super::Context;
use super::target::Target;
use crate::realm::RealmUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The realm; what is published from it goes too
    url: String,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let url = RealmUrl::parse(&args.url)?;
    let target = Target::find(context).await?;
    target.delete(&url).await?;
    target.finish().await;
    context.done(&url, "deleted");
    Ok(())
}
