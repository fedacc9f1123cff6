//! What went wrong in a module, as its author is told: in words, at the place in the source, and with what to do.

use realm_guest_sdk::{Diagnostic, Failure, Position, Span, log};
use rquickjs::convert::Coerced;
use rquickjs::{Ctx, Error, Object, Value};

use super::Call;
use super::graph::Place;

/// How many callers of what threw are named.
const CALLERS: usize = 5;
const MESSAGE_BYTES: usize = 2_000;

/// A thrown value, read once.
#[derive(Debug, Default)]
struct Thrown {
    name: Option<String>,
    message: String,
    stack: String,
}

/// One line of a stack.
#[derive(Debug, PartialEq, Eq)]
struct Frame<'a> {
    function: &'a str,
    url: &'a str,
    line: u32,
    column: u32,
}

impl<'js> Call<'js> {
    /// The failure that an error of the engine's means, while it did `what` (such as "`embedded` was rendered").
    pub(crate) fn failure(&self, error: &Error, what: &str) -> Failure {
        match error {
            Error::Exception => {
                let value = self.ctx.catch();
                self.thrown(value, what)
            }
            Error::WouldBlock => Diagnostic::error(format!("a promise never settled while {what}"))
                .code("card-pending")
                .within(self.document_span())
                .help("nothing is left that could settle it: a module has no network and no events, and timers have run")
                .into(),
            Error::Allocation => self.out_of_memory(None),
            other => Diagnostic::error(format!("{other} while {what}"))
                .code("card-engine")
                .within(self.document_span())
                .help("give text or JSX made of text, numbers, lists and elements")
                .into(),
        }
    }

    fn thrown(&self, value: Value<'js>, what: &str) -> Failure {
        let thrown = read(&self.ctx, &value);
        if let Some(failure) = self.graph.borrow().failure(&thrown.message) {
            return failure;
        }
        let places = self.places(&thrown.stack);
        // The engine throws null when there is no room for an error.
        let is_internal = thrown.name.as_deref() == Some("InternalError");
        if value.is_null() || (is_internal && thrown.message.starts_with("out of memory")) {
            return self.out_of_memory(places.first().map(|(_, place)| place.span()));
        }
        let (code, help) = if thrown.message == "Maximum call stack size exceeded" {
            (
                "card-recursion",
                "a function calls itself without an end, or data is nested too deeply",
            )
        } else if thrown.name.as_deref() == Some("SyntaxError") {
            (
                "card-syntax",
                "mend the module: the engine does not read it, or an import names what is not exported",
            )
        } else {
            (
                "card-error",
                "an attribute that the document leaves out is undefined: give it a default where it is read",
            )
        };
        let name = thrown
            .name
            .map_or_else(String::new, |name| format!("{name}: "));
        let mut message = format!("{name}{} (while {what})", shorten(&thrown.message));
        if message.trim().is_empty() {
            message = format!("an error without a message was thrown while {what}");
        }
        let mut places = places.into_iter();
        let first = places
            .next()
            .map_or_else(|| self.document_span(), |(_, place)| place.span());
        let mut diagnostics = vec![
            Diagnostic::error(message)
                .code(code)
                .within(first)
                .help(help),
        ];
        for (function, place) in places.take(CALLERS) {
            let called = if function.is_empty() {
                "called here".to_owned()
            } else {
                format!("called by `{function}`")
            };
            diagnostics.push(
                Diagnostic::hint(called)
                    .code("card-stack")
                    .within(place.span()),
            );
        }
        log::debug(format!("thrown while {what}: {}", shorten(&thrown.stack)));
        diagnostics.into()
    }

    fn out_of_memory(&self, span: Option<Span>) -> Failure {
        Diagnostic::error("the modules of this document take more memory than a document may have")
            .code("card-memory")
            .within(span.unwrap_or_else(|| self.document_span()))
            .help("keep less in memory at a time; the option `memoryBytes` of the plugin `cards` is the limit")
            .into()
    }

    /// Where a stack's frames are in the sources, innermost first.
    fn places(&self, stack: &str) -> Vec<(String, Place)> {
        let graph = self.graph.borrow();
        let frames = stack.lines().filter_map(frame);
        frames
            .filter_map(|frame| {
                let place = graph.engine_place(frame.url, frame.line, frame.column)?;
                Some((frame.function.to_owned(), place))
            })
            .take(CALLERS + 1)
            .collect()
    }

    /// The beginning of the document, for what has no place of its own.
    pub(crate) fn document_span(&self) -> Span {
        Span {
            path: self.document.clone(),
            start: Position { line: 1, column: 1 },
            end: None,
        }
    }
}

/// Reads what was thrown; what throws while it is read, says nothing.
fn read<'js>(ctx: &Ctx<'js>, value: &Value<'js>) -> Thrown {
    let Some(object) = value.as_object() else {
        let text = if value.is_symbol() {
            None
        } else {
            quiet(ctx, value.get::<Coerced<String>>())
        };
        return Thrown {
            message: text.map_or_else(
                || "a symbol was thrown".into(),
                |text| format!("{} was thrown", text.0),
            ),
            ..Thrown::default()
        };
    };
    let text = |key: &str| quiet(ctx, member(object, key));
    let message = text("message").filter(|message| !message.is_empty());
    Thrown {
        name: text("name").filter(|name| !name.is_empty()),
        message: message.unwrap_or_else(|| "something was thrown that has no message".into()),
        stack: text("stack").unwrap_or_default(),
    }
}

fn member(object: &Object<'_>, key: &str) -> rquickjs::Result<String> {
    object.get(key)
}

/// The value, or nothing, and no exception left behind.
fn quiet<T>(ctx: &Ctx<'_>, result: rquickjs::Result<T>) -> Option<T> {
    if matches!(result, Err(Error::Exception)) {
        ctx.catch();
    }
    result.ok()
}

/// Reads `    at name (url:line:column)` and `    at url:line:column`.
fn frame(line: &str) -> Option<Frame<'_>> {
    let line = line.trim().strip_prefix("at ")?;
    let (function, place) = match line.split_once(" (") {
        Some((function, rest)) => (function, rest.strip_suffix(')')?),
        None => ("", line),
    };
    let mut parts = place.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    Some(Frame {
        function: if function == "<anonymous>" {
            ""
        } else {
            function
        },
        url: parts.next()?,
        line,
        column,
    })
}

fn shorten(text: &str) -> &str {
    &text[..text.floor_char_boundary(MESSAGE_BYTES)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read() {
        let read = frame("    at render (http://h:1/a b.ts:12:7)").unwrap();
        assert_eq!(
            (read.function, read.url, read.line, read.column),
            ("render", "http://h:1/a b.ts", 12, 7)
        );
        let read = frame("    at http://h:1/a.ts:1:2").unwrap();
        assert_eq!((read.function, read.url), ("", "http://h:1/a.ts"));
        assert_eq!(frame("    at map (native)"), None);
        assert_eq!(frame("nonsense"), None);
    }
}
