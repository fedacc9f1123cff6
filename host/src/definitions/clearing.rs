//! Clears: what is in flight is discarded and ended, nobody who comes later joins it, rows go, and the peers are told.

use std::sync::atomic::Ordering;

use tracing::warn;

use super::dropping::Commit;
use super::payload::Cleared;
use super::{Definitions, Inner, Scope, payloads};
use crate::changes::{Announcement, DEFINITIONS, Invalidation, Subscriber};
use crate::database::{DatabaseError, bounded};
use crate::realm::RealmId;
use crate::registry::Mounted;

impl Definitions {
    /// Clears the definitions of a realm's modules, everywhere: those that are being made are made anew.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clear_realm_definitions(&self, realm: &Mounted) -> Result<(), DatabaseError> {
        let scope = Scope::Realm(&realm.url);
        self.clear(Some(realm.id), scope).await
    }

    /// Clears all definitions, everywhere.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clear_all_definitions(&self) -> Result<(), DatabaseError> {
        self.clear(None, Scope::Global).await
    }

    async fn clear(&self, realm: Option<RealmId>, scope: Scope<'_>) -> Result<(), DatabaseError> {
        let clear = self.0.database.clear_definitions(realm);
        let done = bounded(self.0.limits.database_timeout, "clear definitions", clear).await;
        if let Err(error) = &done
            && !matches!(error, DatabaseError::OutcomeUnknown(_))
        {
            return done;
        }
        let payloads = payloads(scope);
        for payload in &payloads {
            self.0.definitions_cleared(payload.as_bytes());
        }
        if !mutant!("definitions-clear-not-told") {
            self.announce(payloads);
        }
        done
    }

    pub(super) fn announce(&self, payloads: Vec<String>) {
        let announcement = |payload| Announcement {
            channel: DEFINITIONS,
            payload,
        };
        let announcements = payloads.into_iter().map(announcement);
        self.0.hub.announcer.announce(announcements.collect());
    }
}

impl Subscriber for Inner {
    fn invalidate(&self, invalidation: Invalidation<'_>) {
        // Calls that have read it are ended by themselves.
        self.period.fetch_add(1, Ordering::SeqCst);
        if let (Some(generation), Some(commits)) = (invalidation.generation, &self.commits) {
            // One that is missed is found out by whoever looks such a row up.
            let _ = commits.try_send(Commit {
                realm: invalidation.realm,
                generation,
                path: invalidation.path.cloned(),
            });
        }
    }

    fn definitions_cleared(&self, payload: &[u8]) {
        let cleared = match Cleared::parse(payload) {
            Ok(cleared) => cleared,
            Err(error) => {
                warn!(payload = %String::from_utf8_lossy(&payload[..payload.len().min(200)]), %error, "ignored a notification");
                return;
            }
        };
        self.period.fetch_add(1, Ordering::SeqCst);
        for making in self.making.lock().values() {
            if !cleared.is_about(&making.realm, &making.path) {
                continue;
            }
            // Whoever may NOTIFY must not be able to keep anybody waiting for ever: what a caller has paid for once already
            // goes on. If rows were cleared with it, it is not stored, and made anew.
            if making.flight.spared.load(Ordering::SeqCst) {
                continue;
            }
            making.flight.detach();
            if !mutant!("definitions-clear-ends-nothing") {
                making.token.cancel();
            }
        }
    }
}
