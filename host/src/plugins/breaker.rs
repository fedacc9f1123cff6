use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tracing::{info, warn};

use super::error::{CallError, Kind};
use crate::config::BreakerLimits;
use crate::realm::RealmId;

/// Keeps a plugin that fails again and again from being called for a while, in the realm in which it fails. One per
/// component and its bounds: another one, or the same one under others, starts closed.
#[derive(Debug)]
pub struct Breaker {
    plugin: String,
    digest: String,
    options: BreakerLimits,
    /// Of realms in which the last call failed; nothing is kept of others.
    realms: Mutex<HashMap<RealmId, Circuit>>,
}

/// The most realms that one breaker keeps in mind.
const REALMS: usize = 1_000;

/// How a plugin fares in a realm in which its last call failed.
#[derive(Debug)]
struct Circuit {
    realm: String,
    /// In a row.
    failures: usize,
    last: Instant,
    why: String,
    kind: Kind,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    since: (Instant, SystemTime),
    until: Instant,
    pause: Duration,
    /// Whether a call tries whether it fares better.
    probing: bool,
}

/// A plugin is not called for a while.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "plugin {plugin} is not called in this realm at the moment: its last {failures} calls there failed, the last one on {why}; for {} now, \
     and tried again in {}", short(*.since), short(*.again)
)]
pub struct CircuitOpen {
    /// `name@version`.
    pub plugin: String,
    /// The plugin's digest.
    pub digest: String,
    /// The realm's URL.
    pub realm: String,
    /// So many calls failed in a row.
    pub failures: usize,
    /// How the last one failed, in words.
    pub why: String,
    /// What kind of failure that was.
    pub kind: Kind,
    /// For how long it has been so.
    pub since: Duration,
    /// In milliseconds since 1970: when it came to that.
    pub opened_at: u64,
    /// When it is tried again.
    pub again: Duration,
    /// Whether a call tries it at this moment.
    pub probing: bool,
}

fn short(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
    ))
}

/// A call that the breaker has let through, until it is said what came of it.
#[derive(Debug)]
pub struct Passage {
    breaker: Arc<Breaker>,
    realm: RealmId,
    probe: bool,
}

impl Breaker {
    /// Closed in every realm.
    #[must_use]
    pub fn new(plugin: String, digest: String, options: BreakerLimits) -> Arc<Self> {
        Arc::new(Self {
            plugin,
            digest,
            options,
            realms: Mutex::default(),
        })
    }

    /// Whether a call would be let through.
    ///
    /// # Errors
    /// When it would not.
    pub fn look(&self, realm: RealmId, now: Instant) -> Result<(), Box<CircuitOpen>> {
        let realms = self.realms.lock();
        match realms.get(&realm) {
            Some(circuit) if circuit.refuses(now) => Err(Box::new(self.said(circuit, now))),
            _ => Ok(()),
        }
    }

    /// Lets a call through, or not: while the circuit is open one call at a time, after each pause, tries it.
    ///
    /// # Errors
    /// When it is not let through.
    pub fn enter(
        self: &Arc<Self>,
        realm: RealmId,
        now: Instant,
    ) -> Result<Passage, Box<CircuitOpen>> {
        let mut realms = self.realms.lock();
        let mut probe = false;
        if let Some(circuit) = realms.get_mut(&realm) {
            if circuit.refuses(now) {
                return Err(Box::new(self.said(circuit, now)));
            }
            if let Some(open) = &mut circuit.open {
                open.probing = true;
                probe = true;
            }
        }
        Ok(Passage {
            breaker: Arc::clone(self),
            realm,
            probe,
        })
    }

    /// The realms in which it is open.
    #[must_use]
    pub fn open(&self, now: Instant) -> Vec<CircuitOpen> {
        let realms = self.realms.lock();
        let open = realms.values().filter(|circuit| circuit.open.is_some());
        let mut open: Vec<_> = open.map(|circuit| self.said(circuit, now)).collect();
        open.sort_by(|one, other| one.realm.cmp(&other.realm));
        open
    }

    fn said(&self, circuit: &Circuit, now: Instant) -> CircuitOpen {
        let open = circuit.open.as_ref();
        let since = open.map_or((now, SystemTime::now()), |open| open.since);
        let opened_at = since.1.duration_since(SystemTime::UNIX_EPOCH);
        CircuitOpen {
            plugin: self.plugin.clone(),
            digest: self.digest.clone(),
            realm: circuit.realm.clone(),
            failures: circuit.failures,
            why: circuit.why.clone(),
            kind: circuit.kind,
            since: now.saturating_duration_since(since.0),
            opened_at: opened_at.map_or(0, |at| u64::try_from(at.as_millis()).unwrap_or(u64::MAX)),
            again: open.map_or(Duration::ZERO, |open| {
                open.until.saturating_duration_since(now)
            }),
            probing: open.is_some_and(|open| open.probing),
        }
    }

    fn failed(&self, passage: (RealmId, bool), error: &CallError, now: Instant) {
        let (realm, probe) = passage;
        let mut realms = self.realms.lock();
        if !realms.contains_key(&realm) && realms.len() >= REALMS {
            // The one that has been silent for longest goes, one that is open last.
            let oldest = realms
                .iter()
                .min_by_key(|(_, of)| (of.open.is_some(), of.last));
            if let Some(oldest) = oldest.map(|(realm, _)| *realm) {
                realms.remove(&oldest);
            }
        }
        let circuit = realms.entry(realm).or_insert_with(|| Circuit {
            realm: error.realm.clone(),
            failures: 0,
            last: now,
            why: String::new(),
            kind: error.kind,
            open: None,
        });
        circuit.failures += 1;
        circuit.last = now;
        circuit.kind = error.kind;
        circuit.why = format!(
            "{} ({}): {}",
            error.path,
            error.kind.as_str(),
            error.message
        );
        let options = self.options;
        match &mut circuit.open {
            Some(open) if probe => {
                open.pause = (open.pause * 2).min(options.longest_pause);
                open.until = now + open.pause;
                open.probing = false;
            }
            // It was begun before the others had failed.
            Some(_) => {}
            None if options.failures > 0 && circuit.failures >= options.failures => {
                circuit.open = Some(Open {
                    since: (now, SystemTime::now()),
                    until: now + options.pause,
                    pause: options.pause,
                    probing: false,
                });
                warn!(
                    plugin = self.plugin, realm = circuit.realm, failures = circuit.failures, error = circuit.why, pause = ?options.pause,
                    "a plugin fails again and again in this realm: it is not called there for a while"
                );
            }
            None => {}
        }
    }

    fn succeeded(&self, realm: RealmId) {
        let circuit = self.realms.lock().remove(&realm);
        if let Some(circuit) = circuit.filter(|circuit| circuit.open.is_some()) {
            info!(
                plugin = self.plugin,
                realm = circuit.realm,
                "a plugin that had failed again and again in this realm does not any more"
            );
        }
    }

    /// The call that was to try it came to nothing that says anything of it.
    fn not_tried(&self, realm: RealmId) {
        if let Some(circuit) = self.realms.lock().get_mut(&realm)
            && let Some(open) = &mut circuit.open
        {
            open.probing = false;
        }
    }
}

impl Circuit {
    fn refuses(&self, now: Instant) -> bool {
        let open = self.open.as_ref();
        let closed = mutant!("open-circuit-passed");
        open.is_some_and(|open| open.probing || now < open.until) && !closed
    }
}

impl Passage {
    /// What came of the call. Only what a plugin did itself counts: a call that was ended for others' reasons, or by the
    /// host's trouble, says nothing of it.
    pub fn over(mut self, error: Option<&CallError>, now: Instant) {
        let probe = std::mem::take(&mut self.probe);
        match error {
            None => self.breaker.succeeded(self.realm),
            Some(error) if error.kind.is_own() => {
                self.breaker.failed((self.realm, probe), error, now);
            }
            Some(_) => self.probe = probe,
        }
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.not_tried(self.realm);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::{Breaker, REALMS};
    use crate::config::BreakerLimits;
    use crate::plugins::{CallError, Kind};
    use crate::realm::RealmId;

    const REALM: RealmId = RealmId(1);
    const OTHER: RealmId = RealmId(2);

    fn breaker() -> Arc<Breaker> {
        let options = BreakerLimits {
            failures: 3,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(5),
        };
        Breaker::new("p@1.0.0".into(), "sha256:1".into(), options)
    }

    fn error(kind: Kind) -> CallError {
        CallError {
            kind,
            message: "it broke".into(),
            plugin: "p@1.0.0".into(),
            digest: "sha256:1".into(),
            call: 1,
            realm: "http://h/r/".into(),
            path: "x".into(),
            frames: Vec::new(),
            stderr: Vec::new(),
            hint: None,
            ended: None,
        }
    }

    fn fail(breaker: &Arc<Breaker>, realm: RealmId, now: Instant) {
        let passage = breaker.enter(realm, now).expect("let through");
        passage.over(Some(&error(Kind::Trap)), now);
    }

    #[test]
    fn failures_in_a_row_open_it_and_pauses_grow_up_to_a_bound() {
        let (breaker, begun) = (breaker(), Instant::now());
        for _ in 0..2 {
            fail(&breaker, REALM, begun);
        }
        breaker.enter(REALM, begun).unwrap().over(None, begun);
        for _ in 0..3 {
            fail(&breaker, REALM, begun);
        }
        let refused = breaker.enter(REALM, begun).unwrap_err();
        assert_eq!(
            (refused.failures, refused.again),
            (3, Duration::from_secs(1))
        );
        assert!(refused.why.contains("it broke"), "{refused}");
        assert!(breaker.enter(OTHER, begun).is_ok(), "other realms go on");
        let mut now = begun;
        for pause in [1, 2, 4, 5, 5] {
            let pause = Duration::from_secs(pause);
            assert!(
                breaker
                    .look(REALM, now + pause - Duration::from_millis(1))
                    .is_err()
            );
            now += pause;
            fail(&breaker, REALM, now);
            assert!(breaker.look(REALM, now).is_err());
        }
    }

    #[test]
    fn one_call_at_a_time_tries_it_and_a_good_one_closes_it() {
        let (breaker, begun) = (breaker(), Instant::now());
        for _ in 0..3 {
            fail(&breaker, REALM, begun);
        }
        let now = begun + Duration::from_secs(1);
        let probe = breaker.enter(REALM, now).unwrap();
        assert!(breaker.enter(REALM, now).is_err(), "one at a time");
        // It was cancelled: that says nothing of the plugin.
        probe.over(Some(&error(Kind::Cancelled)), now);
        let probe = breaker.enter(REALM, now).unwrap();
        drop(probe);
        breaker.enter(REALM, now).unwrap().over(None, now);
        assert!(breaker.open(now).is_empty());
        for _ in 0..2 {
            fail(&breaker, REALM, now);
        }
        assert!(breaker.enter(REALM, now).is_ok(), "counted anew");
    }

    #[test]
    fn what_is_not_the_plugins_own_doing_does_not_count() {
        let (breaker, now) = (breaker(), Instant::now());
        for _ in 0..10 {
            for kind in [Kind::Cancelled, Kind::Host] {
                let passage = breaker.enter(REALM, now).unwrap();
                passage.over(Some(&error(kind)), now);
            }
        }
        assert!(breaker.realms.lock().is_empty());
    }

    #[test]
    fn calls_that_were_begun_before_do_not_make_the_pause_longer() {
        let (breaker, now) = (breaker(), Instant::now());
        let late: Vec<_> = (0..5).map(|_| breaker.enter(REALM, now).unwrap()).collect();
        for passage in late {
            passage.over(Some(&error(Kind::Timeout)), now);
        }
        assert!(breaker.look(REALM, now + Duration::from_secs(1)).is_ok());
    }

    #[test]
    fn few_realms_are_kept_in_mind() {
        let (breaker, now) = (breaker(), Instant::now());
        for _ in 0..3 {
            fail(&breaker, REALM, now);
        }
        for realm in 0..REALMS as i64 * 2 {
            fail(&breaker, RealmId(realm + 10), now + Duration::from_nanos(1));
        }
        assert_eq!(breaker.realms.lock().len(), REALMS);
        assert!(breaker.look(REALM, now).is_err(), "what is open is kept");
    }
}
