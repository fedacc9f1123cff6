use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};

use super::App;
use super::error::Problem;
use super::read::generation;
use crate::config::Config;
use crate::database::RealmKind;
use crate::lifecycle::{Actor, WriteError};
use crate::reading::{Access, Asked, NOBODY, ReadError, Reader, Served};
use crate::realm::{RealmUrl, Rights, UrlPrefixes};
use crate::registry::Mounted;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    /// Their name; [`NOBODY`]: they have not said.
    user: Arc<str>,
    /// Whether they may do everything, in every realm.
    all: bool,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// To know that the realm is there.
    Sight,
    /// To read it.
    Read,
    /// To change its files.
    Write,
    /// To own it.
    Own,
}

/// A request that has been judged: it may do what it needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// What the visitor may do.
    pub(super) access: Access,
    /// How sure that is, and all else that caches hold of the realm.
    pub(super) served: Served,
}

impl Visitor {
    /// On whose behalf they do something.
    pub(super) fn actor(&self) -> Actor {
        Actor {
            name: self.name().map(str::to_owned),
            all: self.all,
        }
    }

    /// Their name, where they have said it.
    pub(super) fn name(&self) -> Option<&str> {
        Some(&*self.user).filter(|user| !user.is_empty())
    }

    /// Whether they may do everything.
    pub(super) fn is_operator(&self) -> bool {
        self.all
    }

    /// Whether they who were once let in may stay.
    pub(super) async fn may_still_read(&self, reader: &Reader, realm: &Arc<Mounted>) -> bool {
        let access = self.access(reader, realm, Need::Read).await;
        mutant!("streams-outlive-rights")
            || access.is_ok_and(|access| access.rights.read && !access.archived)
    }

    /// What they may do in a realm, as far as this replica knows. Where that does not suffice in a published realm, those
    /// who own its source own it too.
    async fn access(
        &self,
        reader: &Reader,
        realm: &Arc<Mounted>,
        need: Need,
    ) -> Result<Access, ReadError> {
        let mut access = reader.access(realm, &self.user).await?;
        if self.all {
            access.rights = Rights::ALL;
        } else if let Some(source) = &realm.source
            && !suffices(&access, need)
            && let Some(source) = reader.realm_at(source)
        {
            reader.ensure_fresh(&source, Asked::now()).await?;
            let at_source = reader.access(&source, &self.user).await?;
            if at_source.rights.owner {
                access.rights.owner = true;
                access.rights.read = true;
            }
        }
        Ok(access)
    }

    /// What they are told where there is no realm, and where there is one that they may not know of.
    pub(super) fn no_realm(&self) -> Problem {
        let problem = Problem::no_realm();
        if self.all || self.name().is_some() {
            return problem;
        }
        // RFC 9110, section 11.6.1: credentials might change the answer.
        problem.with_header("www-authenticate", "Bearer")
    }

    fn not_enough(&self, detail: &str) -> Problem {
        if self.name().is_some() {
            return Problem::new(StatusCode::FORBIDDEN, "forbidden", detail);
        }
        let detail = format!("{detail}; send a token (`Authorization: Bearer …`)");
        Problem::new(StatusCode::UNAUTHORIZED, "token-missing", detail)
            .with_header("www-authenticate", "Bearer")
    }

    /// Refuses those who have not said who they are.
    pub(super) fn require_name(&self) -> Result<(), Problem> {
        if self.all || self.name().is_some() {
            return Ok(());
        }
        Err(self.not_enough("this is for users"))
    }
}

impl App {
    /// Who sends a request with these headers.
    pub(super) fn visitor(&self, headers: &HeaderMap) -> Result<Visitor, Problem> {
        let caller = self.0.auth.authenticate(headers)?;
        Ok(Visitor {
            user: caller.name().map_or_else(|| Arc::clone(&NOBODY), Arc::from),
            all: caller.is_operator(),
        })
    }

    /// Judges a request: what the visitor may do in the realm is known here as surely as the realm's files are.
    pub(super) async fn judge(
        &self,
        realm: &Arc<Mounted>,
        visitor: &Visitor,
        need: Need,
        (headers, asked): (&HeaderMap, Asked),
    ) -> Result<Seen, Problem> {
        let reader = &self.0.reader;
        let served = reader.ensure_fresh(realm, asked).await;
        let mut access = visitor.access(reader, realm, need).await;
        // They may have been given the right at a generation that this replica has not seen: the log is asked once.
        if let (Ok(known), Ok(Some(wanted))) = (&access, generation(headers))
            && !suffices(known, need)
            && realm.tracker.applied() < wanted
            && reader.hub().catch_up(&realm.tracker).await.is_ok()
        {
            access = visitor.access(reader, realm, need).await;
        }
        let access = match access {
            Ok(access) => access,
            Err(ReadError::NoRealm) => return Err(visitor.no_realm()),
            Err(_) => return Err(unknown()),
        };
        if !access.rights.read && !mutant!("strangers-read") {
            return Err(match served {
                Ok(Served::Fresh) => visitor.no_realm(),
                _ => unknown(),
            });
        }
        let served = served?;
        if need == Need::Sight {
            return Ok(Seen { access, served });
        }
        if need == Need::Own && !access.rights.owner && !mutant!("readers-own") {
            return Err(visitor.not_enough("only an owner of the realm may do this"));
        }
        if access.archived && need != Need::Own {
            return Err(WriteError::Archived.into());
        }
        if need == Need::Write {
            if realm.kind == RealmKind::Published {
                return Err(WriteError::IsPublished.into());
            }
            if !access.rights.write && !mutant!("readers-write") {
                return Err(visitor.not_enough("you may read this realm, and not change it"));
            }
        }
        Ok(Seen { access, served })
    }

    /// No realm is known to be at a URL: asks whether one has come. Whoever calls looks for it again.
    pub(super) async fn look_again(&self, path: &str) -> Result<(), Problem> {
        tracing::debug!(path, "no realm is known there: asking");
        #[cfg(feature = "under-test")]
        crate::gates::pass("no-realm-known", path).await;
        if mutant!("registry-not-asked-again") {
            return Ok(());
        }
        self.0.registry.catch_up().await.map_err(|_| unknown())
    }
}

fn suffices(access: &Access, need: Need) -> bool {
    match need {
        Need::Sight | Need::Read => access.rights.read,
        Need::Write => access.rights.write,
        Need::Own => access.rights.owner,
    }
}

/// The same for a realm that there may be and for one that they may not be allowed to know of.
fn unknown() -> Problem {
    let detail = "the database is away, and it is not known which realm this is or who may read it";
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "database-unavailable",
        detail,
    )
    .with_header("retry-after", "1")
}

/// Where users who are no operators may have realms.
#[derive(Clone, Debug)]
pub(super) struct Claims {
    root: String,
    create: UrlPrefixes,
    publish: UrlPrefixes,
}

impl Claims {
    /// As the settings say; where they do not, under this host's own origin.
    pub(super) fn new(origin: &str, config: &Config) -> Self {
        let own = || UrlPrefixes::of_origin(origin).unwrap_or_default();
        Self {
            root: format!("{origin}/"),
            create: config.create_under.clone().unwrap_or_else(own),
            publish: config.publish_under.clone().unwrap_or_else(own),
        }
    }

    /// Whether a realm may be made at a URL. One at the root of this host's origin would have everything that is nobody's
    /// yet.
    pub(super) fn may_create(&self, url: &RealmUrl) -> bool {
        url.as_str() != self.root && self.create.allows(url)
    }

    /// Whether a realm may be published at a URL.
    pub(super) fn may_publish(&self, url: &RealmUrl) -> bool {
        url.as_str() != self.root && self.publish.allows(url)
    }
}
