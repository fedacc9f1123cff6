//! Source maps (v3), as plugins give them: read under a bound, led through one another, written.

use std::collections::HashMap;

use bytes::Bytes;
use json_escape_simd::escape_into;
use oxc_sourcemap::{JSONSourceMap, SourceMap as Encoded, Token};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::output::Position;

/// Where each part of a text comes from.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Source>,
    names: Vec<String>,
    /// By their place in the text.
    segments: Vec<Token>,
}

/// A text that a map leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As the map names it, below its `sourceRoot`; empty: it names none.
    pub name: String,
    /// The text itself.
    pub contents: Option<String>,
}

/// A place that a map leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which of [`SourceMap::sources`].
    pub source: usize,
    /// Where in it.
    pub position: Position,
}

/// Why a map is no use.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadMap {
    /// Not JSON, or not of a map's shape.
    #[error("it is no source map of version 3: {0}")]
    Shape(String),
    /// A map of maps.
    #[error("it is an index map, with `sections`; only one flat map is taken")]
    Sections,
    /// Too large.
    #[error("it has more than {0} segments and lines (`plugin-map-segments`)")]
    Size(usize),
    /// Its mappings make no sense.
    #[error("its `mappings` cannot be read: {0}")]
    Mappings(String),
    /// It says that places of the text come from some of its sources, and none of them is the text that was given in.
    #[error(
        "none of its `sources` is the file that the plugin was given, `{file}`: {}", .sources.join(", ")
    )]
    Foreign {
        /// What was given in.
        file: String,
        /// What the map names, cut short.
        sources: Vec<String>,
    },
}

/// A map before its mappings are read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    version: u32,
    #[serde(default)]
    sections: Option<IgnoredAny>,
    #[serde(default)]
    mappings: Option<String>,
    #[serde(default)]
    source_root: Option<String>,
    #[serde(default)]
    sources: Vec<Option<String>>,
    /// None: there is no such key, so that one can be written.
    #[serde(default, deserialize_with = "present")]
    sources_content: Option<Option<Vec<Option<String>>>>,
    #[serde(default)]
    names: Vec<String>,
}

/// What a key says, be it `null`.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    value: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl Raw {
    fn read(json: &[u8]) -> Result<Self, BadMap> {
        let shape = |error: &dyn std::fmt::Display| BadMap::Shape(error.to_string());
        let text = std::str::from_utf8(json).map_err(|error| shape(&error))?;
        let raw: Self = serde_json::from_str(text).map_err(|error| shape(&error))?;
        if raw.sections.is_some() {
            return Err(BadMap::Sections);
        }
        if raw.version != 3 {
            return Err(BadMap::Shape(format!("its version is {}", raw.version)));
        }
        Ok(raw)
    }

    fn decoded(self, most: usize) -> Result<SourceMap, BadMap> {
        let lacks = || BadMap::Shape("it has no `mappings`".to_owned());
        let mappings = self.mappings.ok_or_else(lacks)?;
        let ends = mappings.bytes();
        let ends = ends.filter(|byte| matches!(byte, b',' | b';')).count();
        if ends >= most && !mutant!("map-of-any-size-read") {
            return Err(BadMap::Size(most));
        }
        let root = self.source_root.as_deref().map(|root| match root {
            "" => String::new(),
            root if root.ends_with('/') => root.to_owned(),
            root => format!("{root}/"),
        });
        let contents = self.sources_content.flatten().unwrap_or_default();
        let contents = contents.into_iter().chain(std::iter::repeat(None));
        let sources = self.sources.into_iter().zip(contents);
        let sources: Vec<_> = sources
            .map(|(name, contents)| {
                let name = name.unwrap_or_default();
                let name = match &root {
                    Some(root) if !name.is_empty() => format!("{root}{name}"),
                    _ => name,
                };
                Source { name, contents }
            })
            .collect();
        // It compares numbers of sources and names with how many there are.
        let decoded = Encoded::from_json(JSONSourceMap {
            version: 3,
            file: None,
            mappings,
            source_root: None,
            sources: vec![String::new(); sources.len()],
            sources_content: None,
            names: vec![String::new(); self.names.len()],
            debug_id: None,
            x_google_ignore_list: None,
        });
        let decoded = decoded.map_err(|error| BadMap::Mappings(error.to_string()))?;
        let mut segments = decoded.into_parts().tokens.into_vec();
        // The order within a line is the writer's.
        if !segments.is_sorted_by_key(place) {
            segments.sort_by_key(place);
        }
        Ok(SourceMap {
            sources,
            names: self.names,
            segments,
        })
    }
}

impl SourceMap {
    /// Reads a map; of at most so many segments and lines.
    ///
    /// # Errors
    /// When it is none, or too large.
    pub fn read(json: &[u8], most: usize) -> Result<Self, BadMap> {
        Raw::read(json)?.decoded(most)
    }

    /// What it leads to.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Which of its sources is the file that its plugin was given: the only one, whatever it is called; of several the one
    /// that is called like the file. None: it leads nowhere.
    ///
    /// # Errors
    /// When it has several, and none of them is it.
    pub fn input(&self, path: &str, url: &str) -> Result<Option<usize>, BadMap> {
        if self.sources.len() <= 1 {
            return Ok((!self.sources.is_empty()).then_some(0));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let is = |wanted: &str| {
            let bare = |source: &Source| source.name.trim_start_matches("./") == wanted;
            self.sources.iter().position(bare)
        };
        let found = is(url).or_else(|| is(path)).or_else(|| is(name));
        found.map(Some).ok_or_else(|| BadMap::Foreign {
            file: path.to_owned(),
            sources: self
                .sources
                .iter()
                .take(4)
                .map(|source| format!("`{}`", source.name.chars().take(80).collect::<String>()))
                .collect(),
        })
    }

    /// Writes the text of a source where the map has none, so that whoever reads the map need not ask for it: at its URL is
    /// what was made of it. Whether something was written.
    pub fn fill(&mut self, source: usize, contents: &[u8]) -> bool {
        let lacking = self.sources.get_mut(source);
        let Some(lacking) = lacking.filter(|source| source.contents.is_none()) else {
            return false;
        };
        lacking.contents = std::str::from_utf8(contents).ok().map(str::to_owned);
        lacking.contents.is_some()
    }

    /// From this map's text through its source `input`, which is the text of `earlier`, to where that leads. What it has of
    /// other sources stays. Of the two names of a place, the one nearer to the source is kept.
    #[must_use]
    pub fn through(&self, input: usize, earlier: &Self) -> Self {
        let mut made = Self {
            sources: earlier.sources.clone(),
            names: Vec::new(),
            segments: Vec::with_capacity(self.segments.len()),
        };
        let others = self.sources.iter().enumerate().map(|(number, source)| {
            if number == input {
                return 0;
            }
            made.sources
                .iter()
                .position(|known| known == source)
                .unwrap_or_else(|| {
                    made.sources.push(source.clone());
                    made.sources.len() - 1
                })
        });
        let others: Vec<_> = others.collect();
        let mut names = Names::default();
        for segment in &self.segments {
            let own_name = segment.get_name_id().map(|id| (self, id));
            let found = match segment.get_source_id() {
                None => None,
                Some(id) if id as usize == input => {
                    let found = earlier.segment(segment.get_src_line(), segment.get_src_col());
                    let found = found.filter(|found| found.get_source_id().is_some());
                    found.map(|found| {
                        let name = found.get_name_id().map(|id| (earlier, id));
                        let source = found.get_source_id().unwrap_or_default();
                        let line = found.get_src_line();
                        (source, line, found.get_src_col(), name.or(own_name))
                    })
                }
                Some(id) => {
                    let source = others[id as usize] as u32;
                    let line = segment.get_src_line();
                    Some((source, line, segment.get_src_col(), own_name))
                }
            };
            let (line, column) = place(segment);
            let Some((source, source_line, source_column, name)) = found else {
                // It ends what is before it on its line, if that leads somewhere.
                let ends = made.segments.last().is_some_and(|last| {
                    last.get_dst_line() == line && last.get_source_id().is_some()
                });
                if ends {
                    made.segments
                        .push(Token::new(line, column, 0, 0, None, None));
                }
                continue;
            };
            let name = name.map(|(map, id)| names.number(map, id));
            made.segments.push(Token::new(
                line,
                column,
                source_line,
                source_column,
                Some(source),
                name,
            ));
        }
        made.names = names.all;
        made
    }

    /// Where a place of the text comes from: by the last segment at or before it on its line, else by the line's first.
    #[must_use]
    pub fn origin(&self, position: Position) -> Option<Place> {
        let line = position.line.checked_sub(1)?;
        let column = position.column.checked_sub(1)?;
        let found = self.segment(line, column).or_else(|| {
            let next = self
                .segments
                .partition_point(|one| place(one) < (line, column));
            let next = self.segments.get(next);
            next.filter(|next| next.get_dst_line() == line)
        })?;
        Some(Place {
            source: found.get_source_id()? as usize,
            position: Position {
                line: found.get_src_line().saturating_add(1),
                column: found.get_src_col().saturating_add(1),
            },
        })
    }

    /// The last segment at or before a place, on its line.
    fn segment(&self, line: u32, column: u32) -> Option<&Token> {
        let after = self
            .segments
            .partition_point(|one| place(one) <= (line, column));
        let found = self.segments.get(after.checked_sub(1)?)?;
        (found.get_dst_line() == line).then_some(found)
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        let name = |source: &Source| source.name.clone().into();
        let contents = |source: &Source| source.contents.clone().map(Into::into);
        let encoded = Encoded::new(
            None,
            self.names.iter().map(|name| name.as_str().into()).collect(),
            None,
            self.sources.iter().map(name).collect(),
            self.sources.iter().map(contents).collect(),
            self.segments.clone().into_boxed_slice(),
            None,
        );
        encoded.to_json_string().into()
    }
}

fn place(segment: &Token) -> (u32, u32) {
    (segment.get_dst_line(), segment.get_dst_col())
}

/// The names of a map in the making, each once.
#[derive(Default)]
struct Names<'a> {
    all: Vec<String>,
    numbers: HashMap<&'a str, u32>,
}

impl<'a> Names<'a> {
    fn number(&mut self, map: &'a SourceMap, id: u32) -> u32 {
        let name = map.names.get(id as usize).map_or("", String::as_str);
        *self.numbers.entry(name).or_insert_with(|| {
            self.all.push(name.to_owned());
            (self.all.len() - 1) as u32
        })
    }
}

/// What a plugin gave as its output's map, as it is kept: with the text of its input. None: as it is.
///
/// # Errors
/// When it is no use.
pub(super) fn kept(
    json: &[u8],
    (path, url, input): (&str, &str, &[u8]),
    most: usize,
) -> Result<Option<Bytes>, BadMap> {
    let raw = Raw::read(json)?;
    let has_texts = raw.sources_content.is_some();
    let mut map = raw.decoded(most)?;
    let Some(source) = map.input(path, url)? else {
        return Ok(None);
    };
    if !map.fill(source, input) {
        return Ok(None);
    }
    if has_texts {
        return Ok(Some(map.to_json()));
    }
    // The usual case: nothing but the texts is to be written.
    let mut filled = Vec::with_capacity(json.len() + input.len() * 9 / 8 + 64);
    filled.extend_from_slice(b"{\"sourcesContent\":[");
    for (number, source) in map.sources.iter().enumerate() {
        if number > 0 {
            filled.push(b',');
        }
        match &source.contents {
            Some(contents) => escape_into(contents, &mut filled),
            None => filled.extend_from_slice(b"null"),
        }
    }
    filled.extend_from_slice(b"],");
    let rest = json.iter().position(|byte| *byte == b'{');
    filled.extend_from_slice(&json[rest.map_or(0, |begin| begin + 1)..]);
    Ok(Some(filled.into()))
}

#[cfg(test)]
mod tests;
