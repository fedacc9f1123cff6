use std::path::{Path, PathBuf};

use realm_tests::third_party;

/// A plugin that others have written the most of.
#[derive(Debug)]
pub(crate) struct Foreign {
    pub(crate) name: &'static str,
    pub(crate) takes: &'static str,
    /// What an edition puts at the end of what it gives.
    pub(crate) mark: fn(&str) -> String,
    /// What it does not take, the code that it gives for that, and the line; no text: it takes everything.
    pub(crate) broken: (&'static str, &'static str, u64),
}

/// A real input, and what the wrapped program itself makes of it.
#[derive(Debug)]
pub(crate) struct Document {
    /// In the realm.
    pub(crate) path: String,
    pub(crate) source: String,
    pub(crate) expected: String,
    /// The asset `.css`.
    pub(crate) styles: Option<String>,
    /// What a page is listed as.
    pub(crate) title: Option<String>,
}

/// The plugin as it was built.
#[derive(Debug)]
pub(crate) struct Built<'a> {
    pub(crate) plugin: &'a Foreign,
    folder: PathBuf,
}

impl<'a> Built<'a> {
    /// None where what it is made of was not to be had; a line says so.
    pub(crate) fn find(plugin: &'a Foreign) -> Option<Self> {
        let folder = third_party();
        let name = plugin.name;
        if let Ok(reason) = std::fs::read_to_string(folder.join(format!("{name}.skipped"))) {
            eprintln!("{name}: skipped, it could not be built: {}", reason.trim());
            return None;
        }
        let stamp = folder.join(format!("{name}.stamp"));
        assert!(stamp.is_file(), "`make third-party` has been run");
        Some(Self { plugin, folder })
    }

    /// The component of an edition.
    pub(crate) fn component(&self, edition: &str) -> String {
        let file = format!("{}-{edition}.wasm", self.plugin.name);
        self.folder.join(file).display().to_string()
    }

    /// The folder that is a realm.
    pub(crate) fn inputs(&self) -> PathBuf {
        self.folder.join(self.plugin.name).join("inputs")
    }

    /// What an edition makes of a document.
    pub(crate) fn wanted(&self, document: &Document, edition: &str) -> String {
        format!("{}{}", document.expected, (self.plugin.mark)(edition))
    }

    /// Those that the plugin takes, in order.
    pub(crate) fn documents(&self) -> Vec<Document> {
        let (inputs, expected) = (
            self.inputs(),
            self.folder.join(self.plugin.name).join("expected"),
        );
        let mut paths = Vec::new();
        walk(&inputs, &mut paths);
        let mut documents: Vec<_> = paths
            .iter()
            .filter_map(|path| {
                let path = path.strip_prefix(&inputs).expect("below").to_str()?;
                let beside = |suffix: &str| {
                    std::fs::read_to_string(expected.join(format!("{path}{suffix}"))).ok()
                };
                Some(Document {
                    expected: path.ends_with(self.plugin.takes).then(|| beside(""))??,
                    styles: beside(".css"),
                    title: beside(".title").filter(|title| !title.is_empty()),
                    source: std::fs::read_to_string(inputs.join(path)).ok()?,
                    path: path.to_owned(),
                })
            })
            .collect();
        documents.sort_by(|a, b| a.path.cmp(&b.path));
        assert!(documents.len() > 20, "{documents:?}");
        documents
    }
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        if entry.file_type().expect("a type").is_dir() {
            walk(&entry.path(), into);
        } else {
            into.push(entry.path());
        }
    }
}
