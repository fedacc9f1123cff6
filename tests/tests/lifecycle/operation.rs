//! The operations, each on realms of its own: what it needs, how it is asked for, and what it makes of them.

use realm_tests::{Host, eventually};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::stage::{Seen, Stage, Whole, at, look, resource};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Publish,
    PublishAgain,
    Unpublish,
    Delete,
    DeleteWithCopies,
    Archive,
    Share,
}

impl Operation {
    pub(crate) const ALL: [Self; 8] = [
        Self::Create,
        Self::Publish,
        Self::PublishAgain,
        Self::Unpublish,
        Self::Delete,
        Self::DeleteWithCopies,
        Self::Archive,
        Self::Share,
    ];

    /// For people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Publish => "publish",
            Self::PublishAgain => "publish again",
            Self::Unpublish => "unpublish",
            Self::Delete => "delete",
            Self::DeleteWithCopies => "delete with two copies",
            Self::Archive => "archive",
            Self::Share => "permissions",
        }
    }

    /// What the host calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Publish | Self::PublishAgain => "publish",
            Self::Unpublish => "unpublish",
            Self::Delete | Self::DeleteWithCopies => "delete",
            Self::Archive => "archive",
            Self::Share => "permissions",
        }
    }

    fn has_copies(self) -> bool {
        matches!(
            self,
            Self::PublishAgain | Self::Unpublish | Self::DeleteWithCopies
        )
    }
}

/// Realms on which one operation is tried.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) operation: Operation,
    pub(crate) source: String,
    pub(crate) copy: String,
    pub(crate) other: String,
}

/// A source and its two copies, where they are there, as a host serves them.
pub(crate) type Seens = [Seen; 3];

impl Round {
    /// Makes what the operation needs: the source has moved on since it was published. Both hosts have cached all of it.
    pub(crate) async fn prepare(stage: &Stage, operation: Operation, number: &str) -> Self {
        let name = operation.label().replace(' ', "-");
        let path = |kind: &str| format!("/{name}-{number}-{kind}/");
        let round = Self {
            operation,
            source: path("source"),
            copy: path("copy"),
            other: path("other"),
        };
        let host = &stage.a;
        if operation != Operation::Create {
            host.create(&round.source).await;
            let put = async |file: &str, body: &str| {
                host.put(&format!("{}{file}", round.source), body).await;
            };
            put("a.ts", "export const version: number = 1;\n").await;
            put("gone.txt", "1").await;
            if operation.has_copies() {
                host.publish(&round.source, &round.copy).await;
                host.publish(&round.source, &round.other).await;
            }
            put("a.ts", "export const version: number = 2;\n").await;
            put("deep/new.txt", "2").await;
            host.delete(&format!("{}gone.txt", round.source)).await;
        }
        let here = round.seen(&stage.a).await;
        eventually("both hosts know the realms", || async {
            (round.seen(&stage.b).await == here).then_some(())
        })
        .await;
        round
    }

    /// What a host serves of the realms.
    pub(crate) async fn seen(&self, host: &Host) -> Seens {
        [
            look(host, &self.source).await,
            look(host, &self.copy).await,
            look(host, &self.other).await,
        ]
    }

    pub(crate) fn request(&self, host: &Host) -> RequestBuilder {
        let send = |method: &str, path: &str, body: &Value| {
            host.request(method, path).body(body.to_string())
        };
        match self.operation {
            Operation::Create => {
                let body =
                    json!({ "data": { "attributes": { "url": at(&self.source), "name": "New" } } });
                send("POST", "/_create-realm", &body)
            }
            Operation::Publish | Operation::PublishAgain => {
                let body = json!({ "sourceRealmURL": at(&self.source), "publishedRealmURL": at(&self.copy) });
                send("POST", "/_publish-realm", &body)
            }
            Operation::Unpublish => {
                let body = json!({ "publishedRealmURL": at(&self.copy) });
                send("POST", "/_unpublish-realm", &body)
            }
            Operation::Delete | Operation::DeleteWithCopies => {
                send("DELETE", "/_delete-realm", &resource(&self.source))
            }
            Operation::Archive => send("POST", "/_archive-realm", &resource(&self.source)),
            Operation::Share => {
                let body =
                    json!({ "data": { "attributes": { "permissions": { "bob": ["read"] } } } });
                send("PATCH", &format!("{}_permissions", self.source), &body)
            }
        }
    }

    /// What the operation makes of what there was before.
    pub(crate) fn after(&self, [source, copy, other]: &Seens) -> Seens {
        let gone = || Err("no-realm".to_owned());
        let everyone = json!({ "*": ["read"] });
        let of = |seen: &Seen| seen.as_ref().unwrap().clone();
        match self.operation {
            Operation::Create => {
                let settings = b"{\n  \"name\": \"New\"\n}\n".to_vec();
                let made = Whole {
                    generation: 1,
                    files: [("realm.json".to_owned(), (settings.clone(), settings))].into(),
                    permissions: everyone,
                };
                [Ok(made), copy.clone(), other.clone()]
            }
            Operation::Publish | Operation::PublishAgain => {
                let published = Whole {
                    generation: copy.as_ref().map_or(1, |copy| copy.generation + 1),
                    permissions: everyone,
                    ..of(source)
                };
                [source.clone(), Ok(published), other.clone()]
            }
            Operation::Unpublish => [source.clone(), gone(), other.clone()],
            Operation::Delete | Operation::DeleteWithCopies => [gone(), gone(), gone()],
            Operation::Archive => [Err("archived".to_owned()), copy.clone(), other.clone()],
            Operation::Share => {
                let mut shared = of(source);
                shared.generation += 1;
                shared.permissions["bob"] = json!(["read"]);
                [Ok(shared), copy.clone(), other.clone()]
            }
        }
    }

    /// Waits until a host serves exactly this, and lets it serve nothing but this and what was before until then.
    pub(crate) async fn becomes(&self, host: &Host, before: &Seens, after: &Seens) {
        self.becomes_but(host, before, after, |_| false).await;
    }

    /// As `becomes`, of a host whose connections to the database are silent: until it has others it may say that it cannot
    /// ask, which is neither the old nor the new, and true.
    pub(crate) async fn becomes_though_silent(&self, host: &Host, before: &Seens, after: &Seens) {
        let cannot_ask = |seen: &Seen| matches!(seen, Err(code) if code == "database-unavailable");
        self.becomes_but(host, before, after, cannot_ask).await;
    }

    async fn becomes_but(
        &self,
        host: &Host,
        before: &Seens,
        after: &Seens,
        excused: impl Fn(&Seen) -> bool,
    ) {
        eventually("what the operation came to", || async {
            let seen = self.seen(host).await;
            for ((seen, before), after) in seen.iter().zip(before).zip(after) {
                assert!(
                    seen == before || seen == after || excused(seen),
                    "neither the old nor the new: {seen:#?}, between {before:#?} and {after:#?}"
                );
            }
            (seen == *after).then_some(())
        })
        .await;
    }
}
