//! From byte offsets, which parsers know, to the positions that diagnostics and source maps are given in.

use std::ops::Range;

use crate::{Position, Span};

/// Where the lines of a text begin.
///
/// A line ends with `\n`, `\r\n` or `\r`; a column counts UTF-16 code units; both count from 1.
///
/// ```
/// use realm_guest_sdk::{LineIndex, Position};
///
/// let text = "let a;\nlet 𝒃 = %;";
/// let index = LineIndex::new(text);
/// assert_eq!(index.position(text.find('%').unwrap()), Position { line: 2, column: 10 });
/// ```
#[derive(Clone, Debug)]
pub struct LineIndex<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> LineIndex<'a> {
    /// Finds the lines of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        let mut starts = vec![0];
        starts.extend(
            (0..bytes.len())
                .filter(|&i| {
                    bytes[i] == b'\n' || bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')
                })
                .map(|i| i + 1),
        );
        Self { text, starts }
    }

    /// The position of a byte offset. One that is past the end means the end, one inside a character its beginning.
    #[must_use]
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|&start| start <= offset) - 1;
        let column = self.text[self.starts[line]..offset]
            .chars()
            .map(char::len_utf16)
            .sum::<usize>();
        Position {
            line: saturate(line + 1),
            column: saturate(column + 1),
        }
    }

    /// The span of a range of byte offsets in the file at `path`.
    ///
    /// ```
    /// use realm_guest_sdk::{LineIndex, Position};
    ///
    /// let span = LineIndex::new("a\nbcd").span("x.txt", 2..4);
    /// assert_eq!(span.start, Position { line: 2, column: 1 });
    /// assert_eq!(span.end, Some(Position { line: 2, column: 3 }));
    /// ```
    #[must_use]
    pub fn span(&self, path: impl Into<String>, range: Range<usize>) -> Span {
        let start = self.position(range.start);
        let end = (range.end > range.start).then(|| self.position(range.end));
        Span {
            path: path.into(),
            start,
            end,
        }
    }
}

fn saturate(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, offset: usize) -> (u32, u32) {
        let Position { line, column } = LineIndex::new(text).position(offset);
        (line, column)
    }

    #[test]
    fn counts_lines_however_they_end() {
        assert_eq!(at("a\r\nb\rc\nd", 7), (4, 1));
        assert_eq!(at("a\r\nb", 1), (1, 2));
        assert_eq!(at("", 0), (1, 1));
    }

    #[test]
    fn counts_utf16_units() {
        assert_eq!(at("é𝒃x", 6), (1, 4));
    }

    #[test]
    fn forgives_offsets_that_are_none() {
        assert_eq!(at("é", 1), (1, 1));
        assert_eq!(at("ab\n", 99), (2, 1));
    }
}
