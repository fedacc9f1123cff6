//! The files of the realm, and what answers say about them.

use crate::history::{Claim, FileName, Seen, Value};

/// Something that clients ask for.
#[derive(Debug)]
pub(super) struct Target {
    /// For people.
    pub(super) what: &'static str,
    pub(super) path: &'static str,
    /// Whether the stored bytes are asked for.
    pub(super) raw: bool,
    shows: Shows,
    /// How often, against the others.
    pub(super) weight: u32,
}

#[derive(Clone, Copy, Debug)]
enum Shows {
    /// One file, whose value follows a text.
    File(FileName, &'static str),
    /// `mod.ts`, or else `mod.js`.
    Alias,
    /// A style sheet and its partial.
    Sheet(FileName, FileName),
}

const fn target(
    what: &'static str,
    path: &'static str,
    raw: bool,
    shows: Shows,
    weight: u32,
) -> Target {
    Target {
        what,
        path,
        raw,
        shows,
        weight,
    }
}

/// All that is asked for.
pub(super) const TARGETS: &[Target] = &[
    target(
        "raw file",
        "plain.txt",
        false,
        Shows::File("plain.txt", "value = "),
        4,
    ),
    target(
        "file that comes and goes",
        "gone.txt",
        false,
        Shows::File("gone.txt", "value = "),
        4,
    ),
    target(
        "file of one commit with another",
        "left.txt",
        false,
        Shows::File("left.txt", "value = "),
        2,
    ),
    target(
        "the other file of the commit",
        "right.txt",
        false,
        Shows::File("right.txt", "value = "),
        2,
    ),
    target(
        "module",
        "mod.ts",
        false,
        Shows::File("mod.ts", "version = \"v"),
        4,
    ),
    target(
        "module's source",
        "mod.ts",
        true,
        Shows::File("mod.ts", "string = \"v"),
        2,
    ),
    target(
        "module that an alias may mean",
        "mod.js",
        false,
        Shows::File("mod.js", "version = \"v"),
        1,
    ),
    target("alias", "mod", false, Shows::Alias, 5),
    target("alias of a source", "mod", true, Shows::Alias, 1),
    target(
        "style sheet",
        "sheet.scss",
        false,
        Shows::Sheet("sheet.scss", "_theme.scss"),
        5,
    ),
    target(
        "partial's source",
        "_theme.scss",
        true,
        Shows::File("_theme.scss", "$c: "),
        1,
    ),
    target(
        "style sheet of one commit",
        "pair.scss",
        false,
        Shows::Sheet("pair.scss", "_both.scss"),
        3,
    ),
];

/// What a file says that has `value`. A module says it as text: a printer of JavaScript writes the
/// number 1000 as `1e3`.
pub(super) fn content(file: FileName, value: Value) -> String {
    match file {
        "mod.ts" => format!("export const version: string = \"v{value}\";\n"),
        "mod.js" => format!("export const version = \"v{value}\";\n"),
        "sheet.scss" => format!("@use 'theme';\na {{ width: theme.$c; height: {value}px }}\n"),
        "pair.scss" => format!("@use 'both';\na {{ width: both.$c; height: {value}px }}\n"),
        "_theme.scss" | "_both.scss" => format!("$c: {value}px;\n"),
        _ => format!("value = {value};\n"),
    }
}

/// What clients write: the files that get a value, and those that go, in one commit; and how often.
pub(super) const WRITES: &[(&[FileName], &[FileName], u32)] = &[
    (&["plain.txt"], &[], 4),
    (&["gone.txt"], &[], 3),
    (&[], &["gone.txt"], 3),
    (&["mod.ts"], &[], 3),
    (&[], &["mod.ts"], 2),
    (&["mod.js"], &[], 2),
    (&[], &["mod.js"], 1),
    (&["_theme.scss"], &[], 3),
    (&[], &["_theme.scss"], 1),
    (&["sheet.scss"], &[], 2),
    (&["left.txt", "right.txt"], &[], 2),
    (&["pair.scss", "_both.scss"], &[], 3),
    // Nothing is written: everything is invalidated, or one path.
    (&[], &[], 2),
];

fn after(text: &str, mark: &str) -> Option<Seen> {
    let rest = &text[text.find(mark)? + mark.len()..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    rest[..digits].parse().ok().map(Seen::Value)
}

fn claim(file: FileName, seen: Seen) -> Claim {
    Claim { file, seen }
}

impl Target {
    /// Whether it is made of files of one commit alone.
    pub(super) fn is_together(&self) -> bool {
        matches!(self.shows, Shows::Sheet("pair.scss", _))
    }

    /// What an answer says; none: it makes no sense.
    pub(super) fn understand(&self, status: u16, location: &str, text: &str) -> Option<Vec<Claim>> {
        match (self.shows, status) {
            (Shows::File(file, mark), 200) => Some(vec![claim(file, after(text, mark)?)]),
            (Shows::File(file, _), 404) => Some(vec![claim(file, Seen::Absent)]),
            (Shows::Alias, 404) => Some(vec![
                claim("mod.ts", Seen::Absent),
                claim("mod.js", Seen::Absent),
            ]),
            (Shows::Alias, 200 | 302) => {
                let seen = if status == 302 {
                    Seen::Present
                } else {
                    after(text, "version = \"v")?
                };
                match location.rsplit('/').next()? {
                    "mod.ts" => Some(vec![claim("mod.ts", seen)]),
                    "mod.js" => Some(vec![claim("mod.ts", Seen::Absent), claim("mod.js", seen)]),
                    _ => None,
                }
            }
            (Shows::Sheet(sheet, partial), 200) => Some(vec![
                claim(sheet, after(text, "height: ")?),
                claim(partial, after(text, "width: ")?),
            ]),
            (Shows::Sheet(sheet, partial), 406) if text.contains("\"import\"") => Some(vec![
                claim(sheet, Seen::Present),
                claim(partial, Seen::Absent),
            ]),
            _ => None,
        }
    }
}
