use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::{debug, error, info, trace, warn};

use super::token::Ended;

/// Who is speaking, for every line of a guest's log.
#[derive(Clone, Debug)]
pub(super) struct Speaker {
    pub(super) plugin: String,
    pub(super) realm: String,
    pub(super) call: u64,
}

/// What one call says: its log, its standard output and its standard error, under one bound.
#[derive(Debug)]
pub(super) struct Capture {
    speaker: Speaker,
    limit: usize,
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    bytes: usize,
    partial: [Vec<u8>; 2],
    tail: VecDeque<String>,
}

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// The two standard streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Output,
    Error,
}

/// Lines of standard error that a call's error shows.
const TAIL_LINES: usize = 20;
/// Bytes of one line that are kept.
const LINE_BYTES: usize = 2_000;

impl Capture {
    pub(super) fn new(speaker: Speaker, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            speaker,
            limit,
            said: Mutex::default(),
        })
    }

    fn charge(&self, said: &mut Said, bytes: usize) -> Result<(), Ended> {
        said.bytes = said.bytes.saturating_add(bytes);
        if said.bytes > self.limit {
            Err(Ended::LogLimit)
        } else {
            Ok(())
        }
    }

    /// Bytes that were said so far, those of a last word that was too much included.
    pub(super) fn bytes(&self) -> usize {
        self.said.lock().bytes
    }

    /// A line of the log import.
    pub(super) fn log(&self, level: Level, message: &str) -> Result<(), Ended> {
        self.charge(&mut self.said.lock(), message.len())?;
        self.emit(level, &clean(message.as_bytes()));
        Ok(())
    }

    /// Bytes of a standard stream; whole lines become log lines.
    pub(super) fn write(&self, stream: Stream, bytes: &[u8]) -> Result<(), Ended> {
        let mut said = self.said.lock();
        self.charge(&mut said, bytes.len())?;
        let index = usize::from(stream == Stream::Error);
        let mut pending = std::mem::take(&mut said.partial[index]);
        pending.extend_from_slice(bytes);
        let mut lines = pending.split(|byte| *byte == b'\n').peekable();
        while let Some(line) = lines.next() {
            if lines.peek().is_none() {
                said.partial[index] = line.to_vec();
            } else {
                self.line(&mut said, stream, line);
            }
        }
        Ok(())
    }

    fn line(&self, said: &mut Said, stream: Stream, line: &[u8]) {
        let line = clean(line);
        self.emit(
            if stream == Stream::Error {
                Level::Warn
            } else {
                Level::Info
            },
            &line,
        );
        if stream == Stream::Error {
            if said.tail.len() == TAIL_LINES {
                said.tail.pop_front();
            }
            said.tail.push_back(line);
        }
    }

    /// The last lines of standard error, an unfinished one included.
    pub(super) fn stderr_tail(&self) -> Vec<String> {
        let mut said = self.said.lock();
        let partial = std::mem::take(&mut said.partial[1]);
        if !partial.is_empty() {
            self.line(&mut said, Stream::Error, &partial);
        }
        said.tail.iter().cloned().collect()
    }

    fn emit(&self, level: Level, line: &str) {
        let Speaker {
            plugin,
            realm,
            call,
        } = &self.speaker;
        match level {
            Level::Trace => trace!(target: "guest", %plugin, %realm, call, "{line}"),
            Level::Debug => debug!(target: "guest", %plugin, %realm, call, "{line}"),
            Level::Info => info!(target: "guest", %plugin, %realm, call, "{line}"),
            Level::Warn => warn!(target: "guest", %plugin, %realm, call, "{line}"),
            Level::Error => error!(target: "guest", %plugin, %realm, call, "{line}"),
        }
    }
}

/// Text that can do nothing to a terminal or a log file: control characters are shown, not sent.
fn clean(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(LINE_BYTES)];
    let text = String::from_utf8_lossy(cut);
    text.chars()
        .map(|character| {
            if character.is_control() && character != '\t' {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Capture, Level, Speaker, Stream};
    use crate::plugins::token::Ended;

    fn capture(limit: usize) -> std::sync::Arc<Capture> {
        Capture::new(
            Speaker {
                plugin: "p@1".into(),
                realm: "http://h/r/".into(),
                call: 1,
            },
            limit,
        )
    }

    #[test]
    fn lines_are_put_together_and_the_last_ones_kept() {
        let capture = capture(10_000);
        for number in 0..30 {
            capture
                .write(Stream::Error, format!("line {number}\nhalf").as_bytes())
                .unwrap();
        }
        let tail = capture.stderr_tail();
        assert_eq!(tail.len(), 20);
        assert_eq!(tail[18], "halfline 29");
        assert_eq!(tail[19], "half");
    }

    #[test]
    fn one_bound_holds_for_everything_said() {
        let capture = capture(10);
        capture.log(Level::Info, "12345").unwrap();
        capture.write(Stream::Output, b"12345").unwrap();
        assert_eq!(capture.write(Stream::Error, b"1"), Err(Ended::LogLimit));
    }

    #[test]
    fn control_characters_are_not_passed_on() {
        assert_eq!(super::clean(b"a\x1b[31mb\r"), "a\u{fffd}[31mb\u{fffd}");
    }
}
