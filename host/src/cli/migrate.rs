use super::Context;
use crate::host;

pub(super) async fn run(context: &Context) -> anyhow::Result<()> {
    let database = host::connect(&context.settings.config()?).await?;
    database.migrate().await?;
    eprintln!("the database is up to date");
    Ok(())
}
