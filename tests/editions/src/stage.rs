//! A stage of a pipeline: what it makes of a text leads back to it by a source map, and the text says what else it is to do.
//!
//! A line `//@<name> <what> <rest>` is for the edition of that name, and is gone after it, so that all lines below move up.
//! Every other line that has something, and is for nobody, moves behind `/*<name>*/`.
//!
//! What there is: `warn <word>` and `error <word>` say so of the word; `emit <text>` gives the text; `asset <suffix> <text>`;
//! `decline`; `same` gives all as it is; `nomap` gives no map, `badmap` something else for one, `indexmap` a map of maps.

use realm_guest_sdk::{Asset, Diagnostic, Failure, LineIndex, Output};

/// The options that an edition may take.
pub(crate) const SCHEMA: &str = r#"{
  "type": "object",
  "properties": { "mode": { "enum": ["plain", "loud"] }, "level": { "type": "integer", "maximum": 3 } },
  "additionalProperties": false
}"#;

/// What the edition of this name makes of a text.
pub(crate) fn stage(name: &str, path: &str, text: &str, mode: &str) -> Result<Output, Failure> {
    let index = LineIndex::new(text);
    let mut made = Made::default();
    let (mut said, mut errors, mut assets) = (Vec::new(), Vec::new(), Vec::new());
    let mut map = "map";
    if !mode.is_empty() {
        for line in format!("//{name} is {mode}").lines() {
            made.line(line, None);
        }
    }
    let mut begins = 0;
    for (number, line) in text.lines().enumerate() {
        let at = begins;
        begins += line.len() + 1;
        let own = line
            .strip_prefix("//@")
            .and_then(|line| line.strip_prefix(name));
        let Some(own) = own.and_then(|own| own.strip_prefix(' ')) else {
            if line.is_empty() || line.starts_with("//@") {
                made.line(line, Some((0, number, 0)));
            } else {
                let prefix = format!("/*{name}*/");
                let column = prefix.len();
                made.line(&(prefix + line), Some((column, number, 0)));
            }
            continue;
        };
        let (what, rest) = own.split_once(' ').unwrap_or((own, ""));
        let rest_at = at + line.len() - rest.len();
        let span = index.span(path, rest_at..rest_at + rest.len());
        let column = line[..line.len() - rest.len()].encode_utf16().count();
        match what {
            "warn" => {
                said.push(Diagnostic::warning(format!("{name} warns")).within(span));
            }
            "error" => errors.push(Diagnostic::error(format!("{name} fails")).within(span)),
            "emit" => made.line(rest, Some((0, number, column))),
            "asset" => {
                let (suffix, text) = rest.split_once(' ').unwrap_or((rest, ""));
                assets.push(Asset::new(suffix, "text/css", text.to_owned()));
            }
            "decline" => return Err(Failure::Declined),
            "same" => return Ok(Output::new(text.to_owned())),
            _ => map = what,
        }
    }
    if !errors.is_empty() {
        said.extend(errors);
        return Err(Failure::Invalid(said));
    }
    let mut output = Output::new(made.text);
    for asset in assets {
        output = output.asset(asset);
    }
    output.diagnostics = said;
    let file = path.rsplit('/').next().unwrap_or(path);
    let flat = format!(
        r#"{{"version":3,"sources":[{file:?}],"names":[],"mappings":"{}"}}"#,
        made.mappings
    );
    output.source_map = match map {
        "nomap" => None,
        "badmap" => Some("nonsense".to_owned()),
        "indexmap" => Some(format!(
            r#"{{"version":3,"sections":[{{"offset":{{"line":0,"column":0}},"map":{flat}}}]}}"#
        )),
        _ => Some(flat),
    };
    Ok(output)
}

/// A text in the making, and where it comes from.
#[derive(Default)]
struct Made {
    text: String,
    mappings: String,
    /// The source's line and column of the segment before.
    last: (i64, i64),
}

impl Made {
    /// One more line, of which what is behind a column stands at a line and column of the source: a segment for each word.
    fn line(&mut self, line: &str, from: Option<(usize, usize, usize)>) {
        if let Some((begins, source_line, source_column)) = from {
            let (mut column, mut last, mut begun, mut before) = (0, 0, false, ' ');
            for letter in line.chars() {
                let is_first = column == begins
                    || (letter.is_alphanumeric() && !before.is_alphanumeric())
                    || (!letter.is_whitespace() && before.is_whitespace());
                before = letter;
                if column >= begins && is_first {
                    let source = (source_line as i64, (source_column + column - begins) as i64);
                    if begun {
                        self.mappings.push(',');
                    }
                    vlq(&mut self.mappings, column as i64 - last);
                    vlq(&mut self.mappings, 0);
                    vlq(&mut self.mappings, source.0 - self.last.0);
                    vlq(&mut self.mappings, source.1 - self.last.1);
                    (last, self.last, begun) = (column as i64, source, true);
                }
                column += letter.len_utf16();
            }
        }
        self.mappings.push(';');
        self.text += line;
        self.text.push('\n');
    }
}

/// A number as source maps have them.
fn vlq(out: &mut String, number: i64) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut rest = (number.unsigned_abs() << 1) | u64::from(number < 0);
    loop {
        let digit = (rest & 31) as usize;
        rest >>= 5;
        out.push(DIGITS[digit | if rest > 0 { 32 } else { 0 }] as char);
        if rest == 0 {
            return;
        }
    }
}
