//! Where a copy of a database lies, and opening it without changing it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clerestory_lifecycle::{RestoreError, Restored};
use clerestory_sql::{Database, Schema, SqlError};

use crate::app::SCHEMAS;
use crate::places::Postgres;
use crate::{App, Places};

/// A copy of the database.
#[derive(Clone, Debug)]
pub enum CopyAt {
    /// An SQLite file, with its `-wal` beside it if there is one. It is read and not changed.
    File(PathBuf),
    /// A PostgreSQL database. Its schema is brought up to this version of the program.
    Postgres(Postgres),
}

/// Why a copy was not restored.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The copy and the database are of two engines.
    #[error(
        "the copy is not of the kind of this installation's database: an SQLite file, or a PostgreSQL database"
    )]
    OtherEngine,
    /// The copy cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The copy cannot be opened.
    #[error("the copy cannot be opened")]
    Sql(#[from] SqlError),
    /// A part of the database that is missing is still there.
    #[error("{0} is there without its database: it would be taken for a part of the copy. Move it away")]
    Remains(PathBuf),
    /// It was opened and not restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
}

impl App {
    /// Puts the database back to what a copy was. This app was built by [`App::build_to_restore`], and no other process
    /// serves the installation.
    ///
    /// # Errors
    /// [`CopyError`].
    pub async fn restore_from(&self, copy: &CopyAt) -> Result<Restored, CopyError> {
        match (copy, &self.places.postgres) {
            (CopyAt::File(path), None) => {
                let scratch = self.places.data.join("restore.tmp");
                let opened = scratch_copy(path, &scratch)?;
                let restored = self.lifecycle.restore(&Database::open_sqlite(&opened, SCHEMAS)?).await;
                remove(&scratch)?;
                Ok(restored?)
            }
            (CopyAt::Postgres(Postgres { address, roots }), Some(_)) => {
                let schema = Schema::MustExist;
                let copy = Database::open_postgres(address, roots.as_deref(), schema, SCHEMAS).await?;
                Ok(self.lifecycle.restore(&copy).await?)
            }
            _ => Err(CopyError::OtherEngine),
        }
    }
}

impl Places {
    /// Puts a copy in the place of a database that is not there any more. It is closed: nobody serves it before a restore
    /// in place has run to its end.
    ///
    /// # Errors
    /// [`CopyError`] when there is a database or a part of one, or the copy cannot be read or is none of an installation.
    pub async fn put_copy(&self, copy: &Path) -> Result<(), CopyError> {
        let to = self.database();
        for there in [to.clone(), beside(&to, "-wal"), beside(&to, "-shm"), beside(&to, "-journal")] {
            if there.exists() {
                return Err(CopyError::Remains(there));
            }
        }
        let draft = self.data.join("restore.tmp");
        let made = scratch_copy(copy, &draft)?;
        let database = Database::open_sqlite(&made, SCHEMAS)?;
        clerestory_lifecycle::close_copy(&database).await?;
        // The last connection brings what is in the log into the file, and takes the log away.
        drop(database);
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| CopyError::Io { path, source }
        };
        std::fs::File::open(&made).and_then(|file| file.sync_all()).map_err(io(&made))?;
        if beside(&made, "-wal").exists() {
            std::fs::rename(beside(&made, "-wal"), beside(&to, "-wal")).map_err(io(&made))?;
        }
        std::fs::rename(&made, &to).map_err(io(&made))?;
        let synced = std::fs::File::open(&self.data).and_then(|directory| directory.sync_all());
        synced.map_err(|source| CopyError::Io { path: self.data.clone(), source })?;
        remove(&draft)
    }
}

/// The copy's files in a directory of our own, durable.
fn scratch_copy(copy: &Path, scratch: &Path) -> Result<PathBuf, CopyError> {
    remove(scratch)?;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| CopyError::Io { path, source }
    };
    std::fs::create_dir_all(scratch).map_err(io(scratch))?;
    let to = scratch.join("copy.db");
    for (from, to) in [(copy.to_owned(), to.clone()), (beside(copy, "-wal"), beside(&to, "-wal"))] {
        match std::fs::copy(&from, &to) {
            Ok(_) => std::fs::File::open(&to).and_then(|file| file.sync_all()).map_err(io(&to))?,
            // Only a file that was being written has one beside it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && from != copy => {}
            Err(source) => return Err(CopyError::Io { path: from, source }),
        }
    }
    Ok(to)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn remove(directory: &Path) -> Result<(), CopyError> {
    match std::fs::remove_dir_all(directory) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(CopyError::Io { path: directory.to_owned(), source })
        }
        _ => Ok(()),
    }
}
