//! Routes to handlers: which realm a request means, negotiation, conditions, errors, and the two sockets. Holds no logic
//! of its own: reading reads, lifecycle changes, and what they say is put into HTTP's words here.

mod admin;
mod answer;
pub(crate) mod atomic;
mod authorize;
mod coding;
pub(crate) mod conditional;
mod error;
mod events;
mod index;
mod info;
mod negotiate;
mod observe;
mod origin;
mod page;
mod permissions;
mod plugins;
mod policy;
pub(crate) mod range;
mod read;
mod readiness;
mod realms;
mod route;
mod runtime;
mod search;
mod serve;
mod server;
mod shell;
pub(crate) mod write;

use std::sync::Arc;

use axum::Router;
use tokio::sync::Semaphore;

use self::authorize::Claims;
use self::coding::Codings;
use self::observe::Observer;
use crate::auth::Authenticator;
use crate::catalog::Catalog;
use crate::config::{Config, CorsOrigins, HttpLimits, SearchLimits};
use crate::definitions::Definitions;
use crate::lifecycle::Lifecycle;
use crate::reading::Reader;
use crate::registry::{Registry, Replicas};
use crate::telemetry::Metrics;

pub use self::serve::{Stop, serve_admin, serve_public};

/// What handlers answer with.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

/// What an app is made of.
#[derive(Debug)]
pub struct Parts {
    /// Which realms there are.
    pub registry: Arc<Registry>,
    /// Answers reads.
    pub reader: Reader,
    /// Changes realms.
    pub lifecycle: Arc<Lifecycle>,
    /// Which plugins there are.
    pub catalog: Arc<Catalog>,
    /// What modules define.
    pub definitions: Definitions,
    /// Tells who asks.
    pub auth: Authenticator,
    /// How this host and the others are.
    pub replicas: Replicas,
    /// Where realms without a host of their own live.
    pub origin: String,
    /// Set when the public socket stops.
    pub stop: Stop,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    max_file_bytes: usize,
    max_body_bytes: usize,
    max_component_bytes: usize,
    limits: HttpLimits,
    search: SearchLimits,
    cors: CorsOrigins,
    claims: Claims,
    codings: Codings,
    observer: Observer,
    /// A turn for each request at work.
    requests: Semaphore,
    /// A turn for each open event stream.
    streams: Arc<Semaphore>,
}

impl std::ops::Deref for Inner {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

/// The part of the caches that coded bodies may take.
const CODED: usize = 10;

impl App {
    /// An app that answers on the current runtime.
    #[must_use]
    pub fn new(parts: Parts, config: &Config) -> Self {
        Self(Arc::new(Inner {
            max_file_bytes: config.max_file_bytes,
            max_body_bytes: config.max_body_bytes,
            max_component_bytes: config.plugin_component_bytes,
            limits: config.http.clone(),
            search: config.search,
            cors: config.cors_origins.clone(),
            claims: Claims::new(&parts.origin, config),
            codings: Codings::new(config.compression.clone(), config.cache_bytes / CODED),
            observer: Observer::new(config.access_log),
            requests: Semaphore::new(config.http.requests),
            streams: Arc::new(Semaphore::new(config.http.event_streams)),
            parts,
        }))
    }

    /// The admin socket's routes.
    fn admin(&self, metrics: Metrics) -> Router {
        admin::routes(self, metrics).with_state(self.clone())
    }
}
