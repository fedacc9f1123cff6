use std::sync::Arc;

use bytes::Bytes;

use super::CatalogError;
use crate::plugins::{
    Call, CallError, CallToken, Contents, Kind, NoFiles, Outcome, Plugin, PluginEngine, Spent, Work,
};

/// What a plugin is tried on, whatever it takes: nothing, and something that most languages take for words.
const ANY: [&str; 2] = ["", "a b\n"];

/// What gets past a parser, for extensions that many take.
const KNOWN: [(&[&str], &str); 9] = [
    (&[".json"], "{}"),
    (
        &[".js", ".mjs", ".ts", ".mts", ".jsx", ".tsx", ".gts", ".gjs"],
        "export const a = 1;\n",
    ),
    (&[".css", ".scss", ".less", ".pcss"], "a { b: c; }\n"),
    (&[".sass", ".styl"], "a\n  b: c\n"),
    (&[".html", ".htm", ".xml", ".svg"], "<p>a</p>\n"),
    (
        &[".vue", ".svelte"],
        "<script>\nlet a = 1;\n</script>\n<p>{a}</p>\n",
    ),
    (&[".md", ".markdown", ".mdx"], "# a\n\nb *c*\n"),
    (&[".rst"], "a\n=\n\nb *c*\n"),
    (&[".yaml", ".yml", ".toml"], "# a\n"),
];

/// A render of a document asks more of a plugin than one input shows: a card that there is no module for.
const CARD: &str = r#"{"data":{"type":"card","attributes":{"a":1},"meta":{"adoptsFrom":{"module":"./a","name":"A"}}}}"#;

fn inputs(work: Work, takes: &str) -> Vec<&'static str> {
    let known = KNOWN
        .iter()
        .filter(|(extensions, _)| extensions.iter().any(|known| takes.ends_with(known)));
    let card = (work == Work::Render && takes.ends_with(".json")).then_some(CARD);
    let known = known.map(|(_, input)| *input);
    ANY.into_iter().chain(known).chain(card).collect()
}

/// Runs a plugin twice on small inputs of everything that it takes, and compares what it gives; failures too, for those are
/// kept like any output. What it breaks on is a remark: an input may not be what it takes, but then it should say so. What
/// a call has spent at most, for each work.
///
/// # Errors
/// When two runs give something else.
pub(super) async fn vet(
    engine: &Arc<PluginEngine>,
    plugin: &Arc<Plugin>,
    source: &str,
) -> Result<Vec<(Work, Spent)>, CatalogError> {
    let mut remarks = Vec::new();
    let mut most: Vec<(Work, Spent)> = Vec::new();
    let rules = plugin.rules.iter();
    let transpiled = rules.map(|rule| (Work::Transpile, rule.takes.as_str()));
    let documents = plugin.renders.iter();
    let rendered = documents.map(|takes| (Work::Render, takes.as_str()));
    // What a module defines is asked for by its URL alone.
    let defined = (!plugin.renders.is_empty()).then_some((Work::Define, ".js"));
    for (work, takes) in transpiled.chain(rendered).chain(defined) {
        for input in inputs(work, takes) {
            let run = || engine.measure(try_out(plugin, work, takes, input));
            let what = format!("a `{takes}` file of {} bytes", input.len());
            let (first, spent) = run().await;
            match most.iter_mut().find(|(of, _)| *of == work) {
                Some((_, most)) => *most = most.or_more(&spent),
                None => most.push((work, spent)),
            }
            if let Err(error) = &first {
                let (doing, kind) = (work.as_str(), error.kind.as_str());
                let problem = &error.message;
                remarks.push(format!("{doing} of {what} broke ({kind}): {problem}"));
            }
            let Some(first) = said(&first) else {
                // The next one would take as long.
                break;
            };
            let second = said(&run().await.0);
            if second.is_some_and(|second| second != first)
                && !mutant!("nondeterminism-not-noticed")
            {
                return Err(CatalogError::Varies {
                    name: source.to_owned(),
                    what,
                });
            }
        }
    }
    // Whoever vets it first is who installs it.
    let _ = plugin.remarks.set(remarks);
    Ok(most)
}

/// What a run comes to, where it must be the same every time: how soon a limit is met depends on the machine.
fn said(run: &Result<Outcome, CallError>) -> Option<String> {
    match run {
        Ok(outcome) => Some(format!("{outcome:?}")),
        Err(error) if error.kind == Kind::Trap => Some(format!("trap: {}", error.message)),
        Err(_) => None,
    }
}

fn try_out(plugin: &Arc<Plugin>, work: Work, takes: &str, input: &'static str) -> Call {
    let path = format!("try{takes}");
    Call {
        id: 0,
        plugin: Arc::clone(plugin),
        realm: String::new(),
        input: Contents {
            url: format!("https://realm.invalid/{path}"),
            media_type: crate::realm::media_type(&path).to_owned(),
            path,
            bytes: Bytes::from_static(input.as_bytes()),
        },
        work,
        options: "{}".to_owned(),
        files: Arc::new(NoFiles),
        token: CallToken::default(),
    }
}
