/// Why the database did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DatabaseError {
    /// It is away, overloaded or restarting: passing trouble.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// The realm's write lock was not to be had in time.
    #[error("another writer has held the realm's write lock for longer than {0:?}")]
    Locked(std::time::Duration),
    /// A question was too much for it.
    #[error("the database did not come to an end with it within {0:?} (`database-timeout`)")]
    TooSlow(std::time::Duration),
    /// Nobody knows whether a commit took effect.
    #[error(
        "the connection was lost while committing, so it is not known whether the change took effect: {0}"
    )]
    OutcomeUnknown(String),
    /// What a row was to refer to is gone: a blob that was there a moment ago has been collected.
    #[error("what was to be referred to has been collected meanwhile: {0}")]
    Vanished(String),
    /// It was asked something wrong: a bug of the host.
    #[error("the database refused a statement: {0}")]
    Refused(String),
}

impl DatabaseError {
    /// Whether trying again later may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// SQLSTATEs, or classes of them, that say that the server is going, coming, full, or read-only for the time being.
const PASSING_STATES: [&str; 11] = [
    "08", "53", "25006", "25P03", "40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03",
];

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        let text = error.to_string();
        match &error {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                let busy = matches!(&*code, "5" | "6" | "261" | "517"); // SQLite: busy, locked
                let passing = |state: &&str| code.len() == 5 && code.starts_with(*state);
                if database.is_foreign_key_violation() {
                    Self::Vanished(text)
                } else if busy || PASSING_STATES.iter().any(passing) {
                    Self::Unavailable(text)
                } else {
                    Self::Refused(text)
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(text),
            _ => Self::Refused(text),
        }
    }
}

/// Whether the server's queue of notifications is full, so that nobody can send any.
pub(crate) fn is_queue_full(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.as_deref() == Some("54000")
}
