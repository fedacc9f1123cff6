use std::sync::Arc;

use bytes::Bytes;

use super::CatalogError;
use crate::plugins::{Call, CallToken, Contents, NoFiles, Plugin, PluginEngine, Work};

/// What a plugin is tried on, whatever it takes: nothing, and something that most languages take for words.
const INPUTS: [&[u8]; 2] = [b"", b"a b\n"];

/// Runs a plugin twice on small inputs of everything that it takes, and compares what it gives. What it fails on says
/// nothing: an input may not be what it takes.
pub(super) async fn is_deterministic(
    engine: &Arc<PluginEngine>,
    plugin: &Arc<Plugin>,
    source: &str,
) -> Result<(), CatalogError> {
    let transpiled = plugin
        .rules
        .iter()
        .map(|rule| (Work::Transpile, &rule.takes));
    let rendered = plugin.renders.iter().map(|takes| (Work::Render, takes));
    for (work, takes) in transpiled.chain(rendered) {
        for input in INPUTS {
            let run = || async {
                let outcome = engine.call(try_out(plugin, work, takes, input)).await;
                outcome.map(|outcome| format!("{outcome:?}"))
            };
            let (Ok(first), Ok(second)) = (run().await, run().await) else {
                continue;
            };
            if first != second && !mutant!("nondeterminism-not-noticed") {
                return Err(CatalogError::Varies {
                    name: source.to_owned(),
                    what: format!("a `{takes}` file of {} bytes", input.len()),
                });
            }
        }
    }
    Ok(())
}

fn try_out(plugin: &Arc<Plugin>, work: Work, takes: &str, input: &'static [u8]) -> Call {
    let path = format!("try{takes}");
    Call {
        id: 0,
        plugin: Arc::clone(plugin),
        realm: String::new(),
        input: Contents {
            url: format!("https://realm.invalid/{path}"),
            media_type: crate::realm::media_type(&path).to_owned(),
            path,
            bytes: Bytes::from_static(input),
        },
        work,
        options: "{}".to_owned(),
        files: Arc::new(NoFiles),
        token: CallToken::default(),
    }
}
