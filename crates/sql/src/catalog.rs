//! What tables there are: for whoever copies rows from one database into another.

use crate::tx::Engine;
use crate::{SqlError, Tx};

impl Tx {
    /// Every table, the migrator's own among them, in the order of their names.
    ///
    /// # Errors
    /// [`SqlError::Engine`].
    pub async fn tables(&mut self) -> Result<Vec<String>, SqlError> {
        let sql = match self.engine() {
            Engine::Sqlite(_) => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
            }
            Engine::Postgres(_) => {
                "SELECT table_name::text FROM information_schema.tables
                 WHERE table_schema = current_schema() ORDER BY 1"
            }
        };
        self.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect()
    }

    /// The columns of a table, in their order.
    ///
    /// # Errors
    /// [`SqlError::Engine`].
    pub async fn columns(&mut self, table: &str) -> Result<Vec<String>, SqlError> {
        let sql = match self.engine() {
            Engine::Sqlite(_) => "SELECT name FROM pragma_table_info($1) ORDER BY cid",
            Engine::Postgres(_) => {
                "SELECT column_name::text FROM information_schema.columns
                 WHERE table_schema = current_schema() AND table_name = $1::text ORDER BY ordinal_position"
            }
        };
        self.query(sql, &[table.into()]).await?.iter().map(|row| row.get(0)).collect()
    }

    /// The tables that rows of a table refer to by foreign keys.
    ///
    /// # Errors
    /// [`SqlError::Engine`].
    pub async fn references(&mut self, table: &str) -> Result<Vec<String>, SqlError> {
        let sql = match self.engine() {
            Engine::Sqlite(_) => "SELECT DISTINCT \"table\" FROM pragma_foreign_key_list($1) ORDER BY 1",
            Engine::Postgres(_) => {
                "SELECT DISTINCT (SELECT relname::text FROM pg_class WHERE oid = confrelid) FROM pg_constraint
                 WHERE contype = 'f' AND conrelid = to_regclass($1::text) ORDER BY 1"
            }
        };
        self.query(sql, &[table.into()]).await?.iter().map(|row| row.get(0)).collect()
    }

    /// Lets the statements of this transaction take as long as they do: for one that moves whole tables.
    ///
    /// # Errors
    /// [`SqlError::Engine`].
    pub async fn unhurried(&mut self) -> Result<(), SqlError> {
        match self.engine() {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres(_) => self.batch("SET LOCAL statement_timeout TO 0").await,
        }
    }
}
