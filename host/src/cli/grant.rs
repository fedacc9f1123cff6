use super::Context;
use super::target::Target;
use crate::realm::{RealmUrl, Rights};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The realm
    url: String,
    /// The user; `*` is everyone
    user: String,
    /// What they may do from now on, no more and no less: `read`, `write`, `owner`, comma-separated
    rights: Rights,
}

#[derive(Debug, clap::Args)]
pub(super) struct RevokeArgs {
    /// The realm
    url: String,
    /// The user; `*` is everyone
    user: String,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    share(context, &args.url, &args.user, args.rights).await
}

pub(super) async fn revoke(context: &Context, args: RevokeArgs) -> anyhow::Result<()> {
    share(context, &args.url, &args.user, Rights::default()).await
}

async fn share(context: &Context, url: &str, user: &str, rights: Rights) -> anyhow::Result<()> {
    let url = RealmUrl::parse(url)?;
    let target = Target::find(context).await?;
    target.share(&url, user, rights).await?;
    target.finish().await;
    let what = if rights == Rights::default() {
        format!("{user} has no rights of their own any more")
    } else {
        format!("{user} may {rights}")
    };
    context.done(&url, &what);
    Ok(())
}
