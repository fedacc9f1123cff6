use std::path::PathBuf;

use serde_json::json;

use super::Context;
use crate::workbench::{Kind, Language, check_name, create};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Its name, and that of its folder
    #[arg(value_parser = check_name)]
    name: String,
    /// The language that it is written in
    #[arg(long, value_name = "LANGUAGE")]
    lang: Lang,
    /// A prerenderer of documents, in place of a transpiler
    #[arg(long)]
    prerenderer: bool,
    /// Where to write it, in place of a folder of its name
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Lang {
    Rust,
    #[value(alias = "javascript")]
    Js,
    #[value(alias = "py")]
    Python,
}

pub(super) fn run(context: &Context, args: &Args) -> anyhow::Result<()> {
    let language = match args.lang {
        Lang::Rust => Language::Rust,
        Lang::Js => Language::JavaScript,
        Lang::Python => Language::Python,
    };
    let kind = if args.prerenderer {
        Kind::Prerenderer
    } else {
        Kind::Transpiler
    };
    let folder = args
        .folder
        .clone()
        .unwrap_or_else(|| args.name.clone().into());
    create(&folder, &args.name, language, kind)?;
    let shown = folder.display();
    if context.json {
        println!(
            "{}",
            json!({ "folder": shown.to_string(), "name": args.name, "lang": language.as_str(), "kind": kind.as_str() })
        );
    } else {
        eprintln!(
            "{shown}: a {} in {}; go on with",
            kind.as_str(),
            language.as_str()
        );
        eprintln!("  cd {shown}");
        eprintln!("  realm plugin build");
        eprintln!("  realm plugin test --bless");
        eprintln!("  realm plugin run {}", kind.example());
    }
    Ok(())
}
