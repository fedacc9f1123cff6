//! The way from what a pipeline has made so far back to the file: by the source maps of all its stages, each led through
//! those before it. By it, what a later stage says of its input is said of the file.

use bytes::Bytes;

use super::derive::Failure;
use crate::plugins::{BadMap, Diagnostic, Output, Position, Severity, SourceMap, Stage};
use crate::realm::{LocalPath, STAND_IN, guest_url};

/// Maps larger than this are led through one another where that delays nobody.
const LARGE: usize = 128 << 10;

/// How what there is so far leads back to the file.
pub(crate) struct Trail {
    path: String,
    url: String,
    most: usize,
    back: Back,
    /// Who made what there is so far.
    made_by: String,
    /// What all stages said, led back.
    said: Vec<Diagnostic>,
    /// Stages that made something, and those of them that gave a map.
    stages: usize,
    maps: usize,
}

enum Back {
    /// It is the file, or the same bytes.
    File,
    /// By the one map there is, not read yet.
    Given(Bytes),
    /// By a map, and which of its sources is the file.
    Map(Box<SourceMap>, Option<usize>),
    /// This plugin gave no map of what it made.
    Lost(String),
}

impl Trail {
    pub(crate) fn new(path: &LocalPath, most: usize) -> Self {
        Self {
            path: path.to_string(),
            url: guest_url(path),
            most,
            back: Back::File,
            made_by: String::new(),
            said: Vec::new(),
            stages: 0,
            maps: 0,
        }
    }

    /// A stage has made something of what there was; `same`: of the very same bytes.
    pub(crate) async fn step(&mut self, stage: &Stage, output: &Output, same: bool) {
        let said = self.led_back(stage, &output.diagnostics).await;
        self.said.extend(said);
        self.stages += 1;
        if same {
            return;
        }
        self.made_by = stage.plugin.label();
        self.maps += usize::from(output.source_map.is_some());
        self.read().await;
        let back = std::mem::replace(&mut self.back, Back::File);
        self.back = match (back, &output.source_map) {
            (lost @ Back::Lost(_), _) => lost,
            (_, None) => Back::Lost(self.made_by.clone()),
            (Back::File, Some(map)) => Back::Given(map.clone()),
            (Back::Given(_), Some(_)) => unreachable!("it is read above"),
            (Back::Map(earlier, file), Some(map)) if mutant!("later-map-taken-for-the-whole") => {
                drop((earlier, file));
                Back::Given(map.clone())
            }
            (Back::Map(earlier, file), Some(map)) => {
                let (json, most) = (map.clone(), self.most);
                let (path, url) = (self.path.clone(), self.url.clone());
                let size = json.len();
                let through = move || {
                    let later = SourceMap::read(&json, most)?;
                    Ok(match later.input(&path, &url)? {
                        Some(input) => later.through(input, &earlier),
                        None => later,
                    })
                };
                match aside(size, through).await {
                    Ok(map) => Back::Map(Box::new(map), file),
                    Err(bad) => self.bad(&bad),
                }
            }
        };
    }

    /// Reads the map that there is.
    async fn read(&mut self) {
        let Back::Given(json) = &self.back else {
            return;
        };
        let (json, most) = (json.clone(), self.most);
        let (path, url) = (self.path.clone(), self.url.clone());
        let read = move || {
            let map = SourceMap::read(&json, most)?;
            let file = map.input(&path, &url)?;
            Ok((map, file))
        };
        let Back::Given(json) = &self.back else {
            return;
        };
        self.back = match aside(json.len(), read).await {
            Ok((map, file)) => Back::Map(Box::new(map), file),
            Err(bad) => self.bad(&bad),
        };
    }

    /// A map that nobody can follow. What a call gives has been looked at; this was stored by another host.
    fn bad(&mut self, bad: &BadMap) -> Back {
        self.said.push(Diagnostic {
            path: Some(self.path.clone()),
            plugin: Some(self.made_by.clone()),
            ..Diagnostic::bad_map(bad)
        });
        Back::Lost(self.made_by.clone())
    }

    /// What a stage says of its input, said of the file.
    pub(crate) async fn led_back(
        &mut self,
        stage: &Stage,
        diagnostics: &[Diagnostic],
    ) -> Vec<Diagnostic> {
        if diagnostics.iter().any(|one| one.start.is_some()) {
            self.read().await;
        }
        let by = stage.plugin.label();
        let one = |diagnostic: &Diagnostic| {
            let mut led = self.lead_back(diagnostic);
            led.plugin = Some(by.clone());
            led
        };
        diagnostics.iter().map(one).collect()
    }

    fn lead_back(&self, diagnostic: &Diagnostic) -> Diagnostic {
        let mut led = diagnostic.clone();
        let Some(start) = diagnostic.start else {
            return led;
        };
        // What is said of another file is said of it as it is stored.
        let of_input = |path: &str| path == self.path || path == self.url;
        if !diagnostic.path.as_deref().is_none_or(of_input) {
            return led;
        }
        let why = match &self.back {
            Back::File | Back::Given(_) => return led,
            _ if mutant!("later-stages-speak-of-the-file") => return led,
            Back::Map(map, file) => match map.origin(start) {
                Some(place) => {
                    let end = diagnostic.end.and_then(|end| map.origin(end));
                    let end = end.filter(|end| {
                        let after = |at: Position| (at.line, at.column);
                        end.source == place.source && after(end.position) > after(place.position)
                    });
                    led.start = Some(place.position);
                    led.end = end.map(|end| end.position);
                    led.path = Some(if Some(place.source) == *file {
                        self.path.clone()
                    } else {
                        self.path_of(&map.sources()[place.source].name)
                    });
                    return led;
                }
                None => "from where its source map leads nowhere".to_owned(),
            },
            Back::Lost(by) if *by == self.made_by => "which gave no source map".to_owned(),
            Back::Lost(by) => format!("and `{by}` before it gave no source map"),
        };
        (led.start, led.end) = (None, None);
        let Position { line, column } = start;
        let place = format!(
            "this is about line {line}, column {column} of what `{}` made of the file, {why}",
            self.made_by
        );
        led.help = Some(match led.help {
            Some(help) => format!("{help}; {place}"),
            None => place,
        });
        led
    }

    /// The path of a source beside the file, where it has one.
    fn path_of(&self, name: &str) -> String {
        let url = url::Url::parse(&self.url).and_then(|base| base.join(name));
        let url = url.map_or_else(|_| name.to_owned(), String::from);
        let Some(path) = url.strip_prefix(STAND_IN) else {
            return name.to_owned();
        };
        let path = percent_encoding::percent_decode_str(path).decode_utf8();
        path.map_or_else(|_| name.to_owned(), |path| path.into_owned())
    }

    /// A failure, with what earlier stages said.
    pub(super) fn failed(self, mut failure: Failure) -> Failure {
        failure.diagnostics.extend(self.said);
        failure
    }

    /// The map of the whole, and what all stages said.
    pub(crate) fn end(mut self) -> (Option<Bytes>, Vec<Diagnostic>) {
        let map = match &self.back {
            Back::File => None,
            Back::Given(json) => Some(json.clone()),
            Back::Map(map, _) => Some(map.to_json()),
            Back::Lost(by) => {
                // Where nobody gives one, nobody misses it.
                if self.stages > 1 && self.maps > 0 {
                    let said = format!("there is no source map: `{by}` gave none of what it made");
                    self.said.push(Diagnostic {
                        severity: Severity::Hint,
                        path: Some(self.path.clone()),
                        plugin: Some(by.clone()),
                        ..Diagnostic::error(&said, "no-source-map")
                    });
                }
                None
            }
        };
        (map, self.said)
    }
}

/// Work on a map of this size.
async fn aside<T: Send + 'static>(
    size: usize,
    work: impl FnOnce() -> Result<T, BadMap> + Send + 'static,
) -> Result<T, BadMap> {
    if size < LARGE {
        return work();
    }
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(BadMap::Mappings(error.to_string())))
}
