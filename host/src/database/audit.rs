//! The audit: a row for each lifecycle operation and permission change, in its transaction.

use super::{DatabaseError, Transaction, WriteTarget, within};
use crate::realm::{Generation, RealmUrl};

/// What was done to a realm.
#[derive(Clone, Debug)]
pub struct AuditEntry<'a> {
    /// By whom; none: nobody was asked who they are.
    pub actor: Option<&'a str>,
    /// Which operation.
    pub operation: &'static str,
    /// The realm's URL then.
    pub url: &'a RealmUrl,
    /// The generation that has it.
    pub generation: Generation,
    /// What else there is to say, as JSON.
    pub detail: serde_json::Value,
}

impl Transaction {
    /// Writes down what this transaction does.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn audit(
        &mut self,
        target: WriteTarget,
        entry: &AuditEntry<'_>,
    ) -> Result<(), DatabaseError> {
        if mutant!("not-audited") {
            return Ok(());
        }
        let sql = "INSERT INTO audit (created_at, actor, operation, realm_id, url, generation, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        within!(self, c => sqlx::query(sql)
            .bind(super::now()).bind(entry.actor).bind(entry.operation).bind(target.id.0).bind(entry.url.as_str())
            .bind(entry.generation).bind(entry.detail.to_string())
            .execute(c).await.map(drop))?;
        Ok(())
    }
}
