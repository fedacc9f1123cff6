use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::output::{Diagnostic, Outcome};

/// What a call has spent, whatever it came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// How long the guest and what it asked of the host ran, waits of any kind left out.
    pub time: Duration,
    /// The most bytes of linear memory that it had at one time.
    pub memory_peak: usize,
    /// Files and modules that it asked for, absent ones included.
    pub reads: usize,
    /// Bytes that it logged, standard output and error included.
    pub log_bytes: usize,
    /// Bytes that it was handed: its input, files and modules.
    pub input_bytes: usize,
    /// Bytes that it gave back; 0 where it came to nothing.
    pub output_bytes: usize,
    /// The engine's own count of what it did, the same on every machine; none: the engine does not
    /// meter. What was ended from inside has done at least so much: a loop is counted when it is left.
    pub fuel: Option<u64>,
    /// It was refused memory or table elements: what it came to may be another thing where it gets them.
    pub refused: bool,
}

impl Spent {
    /// Of each the more.
    #[must_use]
    pub fn or_more(&self, other: &Self) -> Self {
        Self {
            time: self.time.max(other.time),
            memory_peak: self.memory_peak.max(other.memory_peak),
            reads: self.reads.max(other.reads),
            log_bytes: self.log_bytes.max(other.log_bytes),
            input_bytes: self.input_bytes.max(other.input_bytes),
            output_bytes: self.output_bytes.max(other.output_bytes),
            fuel: self.fuel.max(other.fuel),
            refused: self.refused || other.refused,
        }
    }
}

/// How long a future is at work, waits left out.
pub(super) struct Timed<F> {
    future: Pin<Box<F>>,
    time: Duration,
}

impl<F: Future> Timed<F> {
    pub(super) fn new(future: F) -> Self {
        Self {
            future: Box::pin(future),
            time: Duration::ZERO,
        }
    }
}

impl<F: Future> Future for Timed<F> {
    type Output = (F::Output, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let begun = Instant::now();
        let polled = self.future.as_mut().poll(context);
        self.time += begun.elapsed();
        polled.map(|output| (output, self.time))
    }
}

impl Outcome {
    /// What kind of outcome it is.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Output(_) => "output",
            Self::Rendition(_) => "rendition",
            Self::Definitions(_) => "definitions",
            Self::Invalid(_) => "invalid",
            Self::Unreadable { .. } => "unreadable",
            Self::Declined => "declined",
        }
    }

    /// The bytes that it is made of.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Output(output) => {
                let assets = output.assets.iter().map(|asset| asset.contents.len());
                let imports = output.imports.iter().map(String::len);
                output.contents.len()
                    + output.source_map.as_ref().map_or(0, bytes::Bytes::len)
                    + assets.sum::<usize>()
                    + imports.sum::<usize>()
                    + said(&output.diagnostics)
            }
            Self::Rendition(rendition) => {
                let renderings = rendition.renderings.iter();
                let types = rendition.types.iter().map(String::len);
                renderings.map(|one| one.contents.len()).sum::<usize>()
                    + rendition.title.as_ref().map_or(0, String::len)
                    + rendition.search_document.len()
                    + types.sum::<usize>()
                    + said(&rendition.diagnostics)
            }
            Self::Definitions(all) => {
                let one = all
                    .iter()
                    .map(|one| one.export_name.len() + one.kind.len() + one.schema.len());
                one.sum()
            }
            Self::Invalid(diagnostics) => said(diagnostics),
            Self::Unreadable { specifier, .. } => specifier.len(),
            Self::Declined => 0,
        }
    }
}

fn said(diagnostics: &[Diagnostic]) -> usize {
    let of = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let one = |diagnostic: &Diagnostic| {
        diagnostic.message.len()
            + of(&diagnostic.code)
            + of(&diagnostic.path)
            + of(&diagnostic.help)
    };
    diagnostics.iter().map(one).sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Timed;

    #[tokio::test]
    async fn waits_are_left_out() {
        let (tell, told) = tokio::sync::oneshot::channel();
        let waits = tokio::spawn(Timed::new(told));
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_millis(100) {
            tokio::task::yield_now().await;
        }
        tell.send(()).unwrap();
        let (told, time) = waits.await.unwrap();
        assert!(told.is_ok() && time < Duration::from_millis(90), "{time:?}");
    }
}
