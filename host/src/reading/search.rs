use std::time::Duration;

use super::{ReadError, Reader};
use crate::database::{Hits, IndexReach, bounded};
use crate::realm::Generation;
use crate::realm::query::Query;
use crate::registry::Mounted;

/// How often the database is asked how far the index has come, while somebody waits for it: seldom at last.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(200),
];

/// How much longer than the database gives a search its answer is waited for: the database's error says more.
const GRACE: Duration = Duration::from_secs(1);

impl Reader {
    /// What of a realm's index fits a query. None: the page has more than `most` bytes.
    ///
    /// # Errors
    /// When the database is away or takes too long.
    pub async fn search(
        &self,
        realm: &Mounted,
        query: &Query,
        most: usize,
    ) -> Result<Option<Hits>, ReadError> {
        let limit = self.0.limits.database_timeout;
        let search = self.0.database.search(realm.id, query, limit, most);
        Ok(bounded(limit + GRACE, "search", search).await?)
    }

    /// Waits until the index has all that the realm had at `wanted`: read-your-writes for what is found.
    ///
    /// # Errors
    /// When it has not come to that within the bound.
    pub async fn wait_for_index(
        &self,
        realm: &Mounted,
        wanted: Generation,
    ) -> Result<(), ReadError> {
        if mutant!("index-not-waited-for") {
            return Ok(());
        }
        let mut pauses = PAUSES.into_iter();
        let mut pause = Duration::ZERO;
        let mut last = IndexReach::default();
        let reached = async {
            loop {
                last = self.index_reach(realm).await?;
                if last.has(wanted) {
                    return Ok(());
                }
                pause = pauses.next().unwrap_or(pause);
                tokio::time::sleep(pause).await;
            }
        };
        let in_time = tokio::time::timeout(self.0.limits.generation_wait, reached).await;
        in_time.unwrap_or_else(|_| {
            let reached = last.reached();
            Err(ReadError::NotIndexed { wanted, reached })
        })
    }

    async fn index_reach(&self, realm: &Mounted) -> Result<IndexReach, ReadError> {
        let limit = self.0.limits.database_timeout;
        let state = bounded(limit, "index_reach", self.0.database.index_reach(realm.id)).await?;
        state.ok_or(ReadError::NoRealm)
    }
}
