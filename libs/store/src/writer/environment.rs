//! Variables of agents' environments.

use protocol::AgentId;
use sqlx::{Connection, SqliteConnection};

use crate::StoreError;
use crate::record::SealedEnvironment;

/// Those of the specification are among what is set, if there are any: there they would be in the clear.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    agent: &AgentId,
    set: &SealedEnvironment,
    remove: &[String],
) -> Result<(), StoreError> {
    let mut transaction = connection.begin().await?;
    let query = "UPDATE agents SET spec = json_remove(spec, '$.host.env') WHERE agent_id = ?";
    let updated = sqlx::query(query).bind(agent.as_str()).execute(&mut *transaction).await?;
    if updated.rows_affected() == 0 {
        return Err(StoreError::NotFound);
    }
    insert(&mut transaction, agent, set).await?;
    for name in remove {
        sqlx::query("DELETE FROM environment WHERE agent_id = ? AND name = ?")
            .bind(agent.as_str())
            .bind(name)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn insert(
    connection: &mut SqliteConnection,
    agent: &AgentId,
    set: &SealedEnvironment,
) -> Result<(), StoreError> {
    for (name, value) in set {
        sqlx::query("INSERT OR REPLACE INTO environment (agent_id, name, value) VALUES (?, ?, ?)")
            .bind(agent.as_str())
            .bind(name)
            .bind(value.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
