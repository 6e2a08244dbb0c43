//! A copy of a PostgreSQL database that is thrown away, made by the server itself.

use std::path::{Path, PathBuf};

use deadpool_postgres::Pool;
use tokio_postgres::Config;

use crate::SqlError;
use crate::postgres::{configuration, manager};

/// A database that is a copy of another. It stays until [`Self::remove`].
pub struct PostgresCopy {
    address: String,
    of: Config,
    name: String,
    roots: Option<PathBuf>,
}

impl PostgresCopy {
    /// Has the server copy the database at `address` (`postgresql://user@host:port/name`) to one with this name. Nobody
    /// may use the database meanwhile, and the server sees to that: one that is in use is refused.
    ///
    /// # Errors
    /// [`SqlError::Engine`] when it is in use or the user may make no databases; [`SqlError::Address`],
    /// [`SqlError::Unreachable`].
    pub async fn make(address: &str, roots: Option<&Path>, name: &str) -> Result<Self, SqlError> {
        let of = configuration(address)?;
        let source = of.get_dbname().or(of.get_user()).unwrap_or_default().to_owned();
        let copy = Self {
            address: of_database(address, name)?,
            of,
            name: name.to_owned(),
            roots: roots.map(Path::to_owned),
        };
        copy.ask(&format!("CREATE DATABASE {} TEMPLATE {}", quoted(name), quoted(&source))).await?;
        Ok(copy)
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Removes it, with every connection to it.
    ///
    /// # Errors
    /// [`SqlError::Engine`], [`SqlError::Unreachable`]: it is still there.
    pub async fn remove(self) -> Result<(), SqlError> {
        self.ask(&format!("DROP DATABASE {} WITH (FORCE)", quoted(&self.name))).await
    }

    /// Asks the server from a database that is neither.
    async fn ask(&self, statement: &str) -> Result<(), SqlError> {
        let mut config = self.of.clone();
        config.dbname("postgres").options("");
        let pool = Pool::builder(manager(config, self.roots.as_deref())?).max_size(1).build();
        let client = pool.map_err(|_| SqlError::Closed)?.get().await?;
        Ok(client.batch_execute(statement).await?)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The same address with another database.
fn of_database(address: &str, name: &str) -> Result<String, SqlError> {
    let parts = || {
        let (scheme, rest) = address.split_once("://")?;
        let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
        let server = rest.split_once('/').map_or(rest, |(server, _)| server);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        Some(format!("{scheme}://{server}/{name}{query}"))
    };
    parts().ok_or_else(|| SqlError::Address("it looks like postgresql://user@host:5432/database".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_all_but_its_database() {
        for (address, expected) in [
            ("postgresql://a:b@host:5432/live", "postgresql://a:b@host:5432/copy"),
            ("postgresql://host", "postgresql://host/copy"),
            ("postgres://host/live?options=-cx%3Dy", "postgres://host/copy?options=-cx%3Dy"),
        ] {
            assert_eq!(of_database(address, "copy").unwrap(), expected);
        }
        assert!(of_database("host=localhost dbname=live", "copy").is_err());
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }
}
