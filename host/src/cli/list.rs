use serde_json::json;

use super::Context;
use crate::host;

/// Reads the database itself: there is no host to ask which realms there are.
pub(super) async fn run(context: &Context) -> anyhow::Result<()> {
    let database = host::connect(&context.settings.config()?).await?;
    let (_, realms) = database.registry().await?;
    for realm in realms {
        if context.json {
            println!(
                "{}",
                json!({ "url": realm.url.as_str(), "kind": realm.kind.as_str(), "generation": realm.generation, "folder": realm.folder, "source": realm.source.map(|url| url.to_string()) })
            );
        } else {
            println!(
                "{:<12} {:>8}  {}",
                realm.kind.as_str(),
                realm.generation,
                realm.url
            );
        }
    }
    Ok(())
}
