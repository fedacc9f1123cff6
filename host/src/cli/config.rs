use serde_json::{Map, Value, json};

use super::Context;
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print the reference of all settings, in Markdown
    #[arg(long)]
    reference: bool,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<()> {
    if args.reference {
        print!("{}", crate::config::reference());
        return Ok(());
    }
    let raw = context.settings.raw()?;
    if context.json {
        let all: Map<String, Value> = raw
            .iter()
            .map(|(setting, value)| {
                (
                    setting.key.to_owned(),
                    json!({ "value": setting.shown(&value.text), "source": value.source.to_string() }),
                )
            })
            .collect();
        println!("{}", Value::Object(all));
    } else {
        for (setting, value) in raw.iter() {
            let text = setting.shown(&value.text);
            let text = if text.is_empty() { "-" } else { &text };
            println!(
                "{:<22} {:<18} {:<12} {}",
                setting.key,
                text,
                value.source.to_string(),
                setting.help
            );
        }
    }
    Config::new(&raw)?;
    Ok(())
}
