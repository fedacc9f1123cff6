//! Bounds of guest calls, of compiling, of sockets and of searches.

use std::time::Duration;

use super::{ConfigError, RawConfig};
use crate::realm::query::QueryLimits;

/// Bounds of one guest call. Each is a setting of its own.
#[derive(Clone, Debug)]
pub struct CallLimits {
    /// Bytes of linear memory.
    pub memory: usize,
    /// How long it may run.
    pub deadline: Duration,
    /// How long a call of a prerenderer may run; what it waits for its modules does not count.
    pub render_deadline: Duration,
    /// Bytes that it may give back.
    pub output: usize,
    /// Bytes that it may log.
    pub log: usize,
    /// Files that it may read.
    pub reads: usize,
    /// Bytes of WebAssembly stack.
    pub stack: usize,
    /// Component handles that it may hold.
    pub handles: usize,
    /// Table elements that it may have.
    pub table_elements: usize,
    /// Calls of one plugin at a time.
    pub concurrency: usize,
    /// Calls of one plugin that wait.
    pub queue: usize,
    /// Longest wait for an instance slot.
    pub slot_wait: Duration,
    /// When a plugin that fails again and again is left alone.
    pub breaker: BreakerLimits,
    /// Segments and lines of one source map.
    pub map_segments: usize,
    /// Stages of one pipeline.
    pub stages: usize,
    /// Restarts of one request.
    pub restarts: usize,
    /// Bytes that a pooled slot keeps between calls.
    pub resident: usize,
}

impl CallLimits {
    pub(super) fn new(raw: &RawConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            memory: raw.bytes("plugin-memory")?,
            deadline: raw.duration("plugin-deadline")?,
            render_deadline: raw.duration("plugin-render-deadline")?,
            output: raw.bytes("plugin-output")?,
            log: raw.bytes("plugin-log")?,
            reads: raw.number("plugin-reads")?,
            stack: raw.bytes("plugin-stack")?,
            handles: raw.number("plugin-handles")?,
            table_elements: raw.number("plugin-table-elements")?,
            concurrency: raw.per_core("plugin-concurrency")?,
            queue: raw.number("plugin-queue")?,
            slot_wait: raw.duration("plugin-slot-wait")?,
            breaker: BreakerLimits {
                failures: raw.number("plugin-failures")?,
                pause: raw.duration("plugin-pause")?,
                longest_pause: raw.duration("plugin-longest-pause")?,
            },
            map_segments: raw.number("plugin-map-segments")?,
            stages: raw.positive("plugin-stages")?,
            restarts: raw.number("plugin-restarts")?,
            resident: raw.bytes("plugin-resident")?,
        })
    }

    /// Instances that there may be at one time, those of calls on behalf of others not counted.
    #[must_use]
    pub fn slots(&self) -> usize {
        (self.concurrency * 4).max(8)
    }
}

/// When a plugin that fails again and again is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// So many failures in a row, in one realm; 0: never.
    pub failures: usize,
    /// The first pause; each further one is twice as long …
    pub pause: Duration,
    /// … up to this.
    pub longest_pause: Duration,
}

/// Bounds of the process that compiles a component of others.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Bytes of address space.
    pub memory: usize,
    /// How long it may take.
    pub time: Duration,
}

impl CompileLimits {
    pub(super) fn new(raw: &RawConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            memory: raw.bytes("plugin-compile-memory")?,
            time: raw.duration("plugin-compile-time")?,
        })
    }
}

/// Bounds of what clients may do to a socket.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Open connections.
    pub connections: usize,
    /// Requests at work.
    pub requests: usize,
    /// Open event streams.
    pub event_streams: usize,
    /// Longest wait for a request's head.
    pub header_timeout: Duration,
    /// Longest wait for a request's body.
    pub body_timeout: Duration,
    /// Longest time in which a client takes nothing of its answer.
    pub write_timeout: Duration,
    /// How long a stopping socket lets requests finish.
    pub drain: Duration,
}

impl HttpLimits {
    pub(super) fn new(raw: &RawConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            header_bytes: raw.bytes("max-header-bytes")?.max(8 << 10),
            connections: raw.positive("max-connections")?,
            requests: raw.positive("max-requests")?,
            event_streams: raw.number("max-event-streams")?,
            header_timeout: raw.duration("header-timeout")?,
            body_timeout: raw.duration("body-timeout")?,
            write_timeout: raw.duration("write-timeout")?,
            drain: raw.duration("drain")?,
        })
    }
}

/// Bounds of a search.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// What a query may have.
    pub query: QueryLimits,
    /// Bytes of a query.
    pub body_bytes: usize,
    /// Bytes of a page.
    pub answer_bytes: usize,
}

impl SearchLimits {
    pub(super) fn new(raw: &RawConfig) -> Result<Self, ConfigError> {
        Ok(Self {
            query: QueryLimits {
                page: raw.positive("search-page")?,
                conditions: at_most(raw, "search-conditions", MOST_CONDITIONS)?,
                depth: at_most(raw, "search-depth", DEEPEST_SEARCH)?,
            },
            body_bytes: raw.bytes("search-body-bytes")?,
            answer_bytes: raw.bytes("search-answer-bytes")?,
        })
    }
}

/// SQLite takes no expression that is deeper than 1000: conditions in a row are as deep as they are many, and each is a few
/// deep itself.
const MOST_CONDITIONS: usize = 500;
const DEEPEST_SEARCH: usize = 64;

fn at_most(raw: &RawConfig, key: &'static str, most: usize) -> Result<usize, ConfigError> {
    let number = raw.positive(key)?;
    if number > most {
        return Err(raw.fail(key, format!("is more than {most}")));
    }
    Ok(number)
}
