use std::sync::Arc;
use std::time::Duration;

use super::Core;
use crate::catalog::Catalog;
use crate::changes::{BootTime, ListenerState, Listening};
use crate::config::Config;
use crate::registry::{Check, Checks};

/// What is to be known of this host's health. It can serve while every lease holds; whether notifications arrive and are
/// sent decides how soon it and its peers learn of changes.
pub(super) fn checks(
    config: &Config,
    core: &Core,
    catalog: &Arc<Catalog>,
    listening: Option<Listening>,
) -> Checks {
    let (hub, lease) = (Arc::clone(&core.hub), config.lease);
    let catalog = Arc::clone(catalog);
    Arc::new(move || {
        let now = BootTime::now();
        let expired = hub.expired(now, lease);
        let (state, detail) = if expired == 0 {
            (
                "holds",
                "every mounted realm is known to be current".to_owned(),
            )
        } else {
            let detail = format!(
                "it has run out for {expired} realms: the database cannot be asked; see that it answers"
            );
            ("run-out", detail)
        };
        let unanswered = hub.last_poll(now);
        let answers = unanswered <= lease;
        let detail_of_it = if answers {
            "it answers"
        } else {
            "it does not answer: what is cached is served and said to be stale, up to `stale-limit`"
        };
        let database = Check {
            name: "database",
            required: true,
            good: answers,
            state: if answers { "answers" } else { "away" },
            age: unanswered,
            detail: detail_of_it.to_owned(),
        };
        let lease = Check {
            name: "lease",
            required: true,
            good: expired == 0,
            state,
            age: hub.oldest_lease(now),
            detail,
        };
        let failures = catalog.failures();
        let plugins = Check {
            name: "plugins",
            required: true,
            good: failures.is_empty(),
            state: if failures.is_empty() {
                "compiled"
            } else {
                "failing"
            },
            age: Duration::ZERO,
            detail: if failures.is_empty() {
                "every plugin that is in force runs here".to_owned()
            } else {
                format!(
                    "what other replicas run does not run here: {}",
                    failures.join("; ")
                )
            },
        };
        let mut checks = vec![database, lease, plugins];
        let Some(listening) = &listening else {
            return checks;
        };
        let (state, since) = listening.state();
        let live = state == ListenerState::Live;
        let detail = if live {
            "notifications arrive"
        } else {
            "notifications do not arrive: changes of other replicas are seen by the lease's poll only"
        };
        checks.push(Check {
            name: "listener",
            required: false,
            good: live,
            state: state.as_str(),
            age: since.elapsed(),
            detail: detail.to_owned(),
        });
        let announcing = hub.announcer.state();
        let detail = if announcing.failing {
            format!(
                "{} announcements cannot be sent: other replicas see changes by their lease's poll only",
                announcing.waiting
            )
        } else {
            "what is committed is announced".to_owned()
        };
        checks.push(Check {
            name: "announcer",
            required: false,
            good: !announcing.failing,
            state: if announcing.failing {
                "failing"
            } else {
                "working"
            },
            age: announcing.since.elapsed(),
            detail,
        });
        checks
    })
}
