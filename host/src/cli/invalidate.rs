use super::Context;
use super::target::Target;
use crate::realm::{LocalPath, RealmUrl};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The realm
    url: String,
    /// Paths in it; none: the whole realm
    paths: Vec<String>,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let url = RealmUrl::parse(&args.url)?;
    let paths: Vec<_> = args
        .paths
        .iter()
        .map(|path| LocalPath::new(path))
        .collect::<Result<_, _>>()?;
    let target = Target::find(context).await?;
    target
        .invalidate(&url, (!paths.is_empty()).then_some(paths))
        .await?;
    target.finish().await;
    Ok(())
}
