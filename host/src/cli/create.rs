use serde_json::json;

use super::Context;
use super::target::Target;
use crate::realm::RealmUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The realm's URL
    url: String,
    /// What it is called
    #[arg(long)]
    name: Option<String>,
    /// Who owns it, and alone may read it at first; none: everyone may read it
    #[arg(long, value_name = "USER")]
    owner: Option<String>,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let url = RealmUrl::parse(&args.url)?;
    let target = Target::find(context).await?;
    target.create(&url, args.name, args.owner).await?;
    target.finish().await;
    if context.json {
        println!("{}", json!({ "realm": url.as_str() }));
    } else {
        println!("{url}");
    }
    Ok(())
}
