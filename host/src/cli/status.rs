use serde_json::Value;

use super::Context;
use super::target::Target;
use crate::realm::RealmUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The realm
    url: String,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let url = RealmUrl::parse(&args.url)?;
    let target = Target::find(context).await?;
    let status = target.status(&url).await?;
    target.finish().await;
    if context.json {
        println!("{status}");
        return Ok(());
    }
    for (name, value) in status.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::String(text) => println!("{name:<12} {text}"),
            other => println!("{name:<12} {other}"),
        }
    }
    Ok(())
}
