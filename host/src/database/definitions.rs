//! Definitions: what a prerenderer found modules to define.

use super::{DatabaseError, Transaction, within};
use crate::realm::RealmId;

impl Transaction {
    /// Takes away all definitions of a realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clear_realm_definitions(&mut self, realm: RealmId) -> Result<(), DatabaseError> {
        if mutant!("definitions-not-cleared") {
            return Ok(());
        }
        let sql = "DELETE FROM definitions WHERE realm_id = $1";
        within!(self, c => sqlx::query(sql).bind(realm.0).execute(c).await.map(drop))?;
        Ok(())
    }
}
