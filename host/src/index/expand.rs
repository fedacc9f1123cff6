use std::time::Duration;

use super::Worker;
use super::worker::{Trouble, Turn};
use crate::database::{Expanded, Job, Lane, URGENT, bounded};

/// Turns with one realm before others have theirs.
const TURNS: usize = 20;

impl Worker {
    /// The index lane: changes become visits.
    pub(super) async fn expand(&self, job: Job) -> Result<Turn, Trouble> {
        let own = &self.0;
        for _ in 0..TURNS {
            #[cfg(feature = "under-test")]
            crate::gates::pass("index-expand", &format!("{};", job.realm.0)).await;
            let plugins = own.reader.plugins();
            let done = own.database.expand(job.realm, plugins.name());
            match bounded(own.limits.database_timeout, "expand", done).await? {
                Expanded::Changes { woken, more } => {
                    own.hub.want_jobs(Lane::Render, &woken);
                    if !more {
                        return Ok(Turn::Done);
                    }
                }
                Expanded::Elsewhere | Expanded::Cleared(true) => {}
                Expanded::Nothing | Expanded::Cleared(false) => return Ok(Turn::Done),
            }
        }
        Ok(Turn::More(Duration::ZERO, URGENT))
    }
}
