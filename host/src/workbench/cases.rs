use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::json;
use similar::TextDiff;

use super::{Folder, Job, Workbench, frames, work_of};
use crate::plugins::{CallError, FORMATS, Outcome, Plugin, Rendition};
use crate::realm::LocalPath;

/// The folder of a case that says what is to come of it; no part of the realm.
const EXPECTED: &str = "expected";
/// The file of a case with the options of the call; no part of the realm.
const OPTIONS: &str = "options.json";
/// What the file that a case is about is named, whatever its extension.
const INPUT: &str = "input";

/// An input in a folder of its own, and what is to come of it:
///
/// ```text
/// cases/<name>/input.<ext>      what is transpiled or rendered; further files are the realm around it
/// cases/<name>/options.json     the plugin's options, where it is to have some
/// cases/<name>/expected/        all that comes of it, and nothing else:
///     output.<ext>              what a transpiler gives; output.<ext>.map its source map; asset<suffix> an asset
///     <format>.html             what a prerenderer gives, a file per format (icon.svg, markdown.md), and
///     rendition.json            title, types and search document
///     diagnostics.txt           what is said of the input, in words: warnings and hints, or the errors
///     declined                  an empty file: not for this plugin
/// ```
#[derive(Clone, Debug)]
pub struct Case {
    /// The folder's name.
    pub name: String,
    folder: PathBuf,
}

/// What a case has come to.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// As expected.
    Passed,
    /// What came was written down: so many files are new or changed.
    Blessed(usize),
    /// Something else came: what, as a unified diff of each file.
    Differs(String),
    /// Nothing came, by a failure of the call: that is a mistake of the plugin's, and nothing to be expected.
    Broke(Box<CallError>),
}

/// The cases of a folder, by name.
///
/// # Errors
/// When there is none, or the folder cannot be read.
pub fn cases(folder: &Path) -> anyhow::Result<Vec<Case>> {
    let shown = || folder.display().to_string();
    let hint =
        "a case is a folder of its own with an `input.<extension>`, as in cases/first/input.ini";
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}: {hint}", shown()))?;
    let mut cases = Vec::new();
    for entry in entries {
        let folder = entry?.path();
        let name = folder.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|name| folder.is_dir() && !name.starts_with('.')) {
            cases.push(Case {
                name: name.to_owned(),
                folder: folder.clone(),
            });
        }
    }
    if cases.is_empty() {
        bail!("{}: there are no cases; {hint}", shown());
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

impl Case {
    /// Runs it, and compares; `bless`: writes down what came instead.
    ///
    /// # Errors
    /// When the case is not whole, or cannot be read or written.
    pub async fn run(
        &self,
        bench: &Workbench,
        plugin: &Arc<Plugin>,
        bless: bool,
    ) -> anyhow::Result<Verdict> {
        let context = || format!("case `{}`", self.name);
        let (job, whole) = self.job(bench, plugin).with_context(context)?;
        let step = bench.ask(&job, plugin).await;
        let outcome = match step.outcome {
            Ok(outcome) => outcome,
            Err(error) => return Ok(Verdict::Broke(Box::new(error))),
        };
        let came = files_of(&outcome, plugin, &job, &whole)?;
        let expected = self.expected().with_context(context)?;
        if bless || mutant!("case-blessed-unasked") {
            let changed = self.bless(&came, &expected).with_context(context)?;
            return Ok(Verdict::Blessed(changed));
        }
        let diff = self.diff(&came, &expected);
        Ok(if diff.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Differs(diff)
        })
    }

    fn job(&self, bench: &Workbench, plugin: &Arc<Plugin>) -> anyhow::Result<(Job, Folder)> {
        let open = || bench.folder(&self.folder);
        let folder = open()?.without(|path| {
            path.as_str() == OPTIONS || path.as_str().starts_with(&format!("{EXPECTED}/"))
        });
        let is_input = |path: &&LocalPath| {
            let rest = path.as_str().strip_prefix(INPUT);
            rest.is_some_and(|rest| rest.starts_with('.') && !rest.contains('/'))
        };
        let inputs: Vec<_> = folder.paths().filter(is_input).cloned().collect();
        let path = match &inputs[..] {
            [path] => path.clone(),
            [] => bail!("it has no `input.<extension>`"),
            [one, other, ..] => bail!("it has both `{one}` and `{other}`; a case is about one"),
        };
        let Some(work) = work_of(plugin, &path) else {
            bail!("{} takes no file named `{path}`", plugin.label());
        };
        let place = self.folder.join(OPTIONS);
        let options = match place.exists() {
            true => Some(object(&std::fs::read_to_string(&place)?).context(OPTIONS)?),
            false => None,
        };
        let job = Job {
            work,
            bytes: folder.read(&path)?,
            folder: Arc::new(folder),
            path,
            options,
            first: Some(Arc::clone(plugin)),
        };
        Ok((job, open()?))
    }

    /// What is expected, by file name.
    fn expected(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        let folder = self.folder.join(EXPECTED);
        let mut expected = BTreeMap::new();
        if folder.is_dir() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                expected.insert(name, std::fs::read(entry.path())?);
            }
        }
        Ok(expected)
    }

    fn bless(
        &self,
        came: &BTreeMap<String, Vec<u8>>,
        expected: &BTreeMap<String, Vec<u8>>,
    ) -> anyhow::Result<usize> {
        let folder = self.folder.join(EXPECTED);
        std::fs::create_dir_all(&folder)?;
        let mut changed = 0;
        for name in expected.keys().filter(|name| !came.contains_key(*name)) {
            std::fs::remove_file(folder.join(name))?;
            changed += 1;
        }
        for (name, bytes) in came {
            if expected.get(name) != Some(bytes) {
                std::fs::write(folder.join(name), bytes)?;
                changed += 1;
            }
        }
        Ok(changed)
    }

    fn diff(
        &self,
        came: &BTreeMap<String, Vec<u8>>,
        expected: &BTreeMap<String, Vec<u8>>,
    ) -> String {
        let mut names: Vec<_> = came.keys().chain(expected.keys()).collect();
        names.sort();
        names.dedup();
        let mut shown = String::new();
        for name in names {
            let (old, new) = (expected.get(name), came.get(name));
            if old == new || new.is_none() && mutant!("case-with-too-little-passes") {
                continue;
            }
            let text = |bytes: Option<&Vec<u8>>| {
                let bytes = bytes.map(Vec::as_slice).unwrap_or_default();
                String::from_utf8_lossy(bytes).into_owned()
            };
            let (before, after) = (text(old), text(new));
            let whose = |there: bool| match there {
                true => format!("{}/{EXPECTED}/{name}", self.name),
                false => "/dev/null".to_owned(),
            };
            let diff = TextDiff::from_lines(&before, &after);
            let mut unified = diff.unified_diff();
            let unified = unified
                .header(&whose(old.is_some()), &whose(new.is_some()))
                .to_string();
            if unified.is_empty() {
                // Not text, or empty.
                shown.push_str(&format!(
                    "--- {}\n+++ {}\n",
                    whose(old.is_some()),
                    whose(new.is_some())
                ));
            }
            shown.push_str(&unified);
        }
        shown
    }
}

/// The text of a JSON object, which is what options are.
pub(crate) fn object(text: &str) -> anyhow::Result<String> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).context("options are a JSON object")?;
    Ok(serde_json::Value::Object(object).to_string())
}

/// All that came of a call, by the names of files.
fn files_of(
    outcome: &Outcome,
    plugin: &Plugin,
    job: &Job,
    whole: &Folder,
) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    match outcome {
        Outcome::Output(output) => {
            let rules = plugin.rules.iter();
            let fitting = rules.filter(|rule| job.path.name().ends_with(&rule.takes));
            let rule = fitting.max_by_key(|rule| rule.takes.len());
            let gives = rule.map_or("", |rule| &rule.gives);
            files.insert(format!("output{gives}"), output.contents.to_vec());
            if let Some(map) = &output.source_map {
                files.insert(format!("output{gives}.map"), map.to_vec());
            }
            for asset in &output.assets {
                files.insert(format!("asset{}", asset.suffix), asset.contents.to_vec());
            }
        }
        Outcome::Rendition(rendition) => rendered(rendition, &mut files)?,
        Outcome::Declined => {
            files.insert("declined".to_owned(), Vec::new());
        }
        Outcome::Invalid(_) | Outcome::Unreadable { .. } | Outcome::Definitions(_) => {}
    }
    let said = super::making::complaints(outcome);
    if !said.is_empty() {
        let said = frames(&said, whole, false, LocalPath::to_string);
        files.insert("diagnostics.txt".to_owned(), said.into_bytes());
    }
    Ok(files)
}

fn rendered(rendition: &Rendition, files: &mut BTreeMap<String, Vec<u8>>) -> anyhow::Result<()> {
    for format in FORMATS {
        let ending = match format {
            "icon" => "svg",
            "markdown" => "md",
            _ => "html",
        };
        let of = rendition
            .renderings
            .iter()
            .filter(|one| one.format == format);
        for (number, rendering) in of.enumerate() {
            // The further ones are of the document's ancestor types, whose order `types` has.
            let name = match number {
                0 => format!("{format}.{ending}"),
                _ => format!("{format}.{}.{ending}", number + 1),
            };
            files.insert(name, rendering.contents.to_vec());
        }
    }
    let search: serde_json::Value = serde_json::from_str(&rendition.search_document)?;
    let about = json!({ "title": rendition.title, "types": rendition.types, "search": search });
    let about = format!("{}\n", serde_json::to_string_pretty(&about)?);
    files.insert("rendition.json".to_owned(), about.into_bytes());
    Ok(())
}
