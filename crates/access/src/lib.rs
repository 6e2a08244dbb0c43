//! Decisions. One function says who may do what; nothing sealed opens without its answer.
//!
//! A [`Grant`] is proof that a rule allowed an action on an object **and** that the audit log says so. Only this
//! crate makes one. It knows nothing of passwords, cookies or tokens: `identity` and `intake` say who is asking.

mod actions;
mod decide;
mod grant;
mod matrix;
mod roles;
pub mod settings;
mod support;
mod who;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use clerestory_audit::{Audit, AuditError, NewEntry};
use clerestory_keys::{KeyError, Keys};
use clerestory_model::Timestamp;
use clerestory_settings::tree::{Registry, Value};
use clerestory_sql::{Database, SqlError};
use clerestory_store::people::Role;

pub use actions::*;
pub use clerestory_store::Kind;
pub use grant::{
    Action, ErasureRef, Grant, HandedOutRef, HoldRef, ListedRef, Object, OrganisationRef, PersonRef,
    PictureRef, ReceiptsRef, RecordingRef, RequestRef, ScreenRef, SiteRef, SubjectRef, SupportRef, UploadRef,
};
pub use matrix::{AboutWhom, Cell, Matrix, MatrixError, Scope, Wider};
pub use roles::{NoRights, Rights};
pub use settings::Settings;
pub use who::{Actor, OpContext};

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The caller may not even learn whether it exists.
    #[error("not found")]
    Hidden,
    /// The caller may know of it, and may not do this.
    #[error("refused by {rule}")]
    Forbidden {
        /// The rule that decided.
        rule: String,
        /// The entry of the audit log that tells of the refusal; where something was to go on, the one it goes back to.
        entry: u64,
    },
    /// The caller may do this once they have proven again who they are.
    #[error("refused by {rule} until they prove who they are")]
    StepUp {
        /// The rule that decided.
        rule: String,
        /// The entry of the audit log that tells of the refusal.
        entry: u64,
    },
    /// What was decided once does not go on. It ended the transaction it was found in, so it is not on record yet:
    /// [`Access::tell`] puts it there, and says how the caller is to be told.
    #[error("refused to go on")]
    Stopped(Box<Stopped>),
}

/// A refusal to go on that is to be put on record.
#[derive(Debug)]
pub struct Stopped {
    told: Refused,
    entry: NewEntry,
}

/// The decision could not be made or recorded: nothing may be released.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The audit log did not take the entry.
    #[error("the decision could not be recorded")]
    Audit(#[from] AuditError),
    /// The database did not answer.
    #[error("the decision could not be made")]
    Sql(#[from] SqlError),
    /// A key that settings are sealed under could not be had.
    #[error("a key of the settings could not be had")]
    Key(#[from] KeyError),
    /// What is said of a setting could not be encoded.
    #[error("what is said of a setting cannot be encoded")]
    Encoding(#[from] serde_json::Error),
}

/// The deciding part of the program.
#[derive(Clone)]
pub struct Access {
    database: Database,
    audit: Audit,
    matrix: Arc<Matrix>,
    settings: Settings,
    /// Recorded decisions that were looked up before. Entries never change, so knowing one stays true.
    known: Arc<Mutex<HashMap<decide::DecisionKey, Timestamp>>>,
}

impl Access {
    /// Decides by `matrix` and by what settings say, records into `audit`.
    #[must_use]
    pub fn new(database: Database, audit: Audit, matrix: Matrix, keys: Arc<Keys>) -> Self {
        let settings = Settings::new(keys, Registry::built_in(matrix.allows()));
        Self { database, audit, matrix: Arc::new(matrix), settings, known: Arc::default() }
    }

    /// The same where settings that nobody said anything of say this: what the installation was started with.
    #[must_use]
    pub fn with_defaults(mut self, defaults: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        self.settings = self.settings.with_defaults(defaults);
        self
    }

    /// What settings say.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Puts on record what was found to be wrong with settings, and forgets those of organisations that are gone. A job
    /// does it now and then.
    ///
    /// # Errors
    /// [`AccessError`]; what is left is done at the next call.
    pub async fn tend_settings(&self, at: Timestamp) -> Result<(), AccessError> {
        self.settings.hold_lease().await?;
        self.settings.tell_damage(&self.database, &self.audit, at).await?;
        self.settings.forget_gone(&self.database).await
    }

    /// The log decisions go to, for entries that are not decisions (a sign-in, a start).
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// The names of the actions that people of these roles may give to an API key.
    #[must_use]
    pub fn key_scopes(&self, roles: &[Role]) -> Vec<&str> {
        self.matrix.key_scopes(roles).collect()
    }

    /// The names of every action that this actor may do now in some scope, as settings are: for what a console shows.
    /// What asks for a proof of who one is is among them.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn allowed_actions(&self, actor: &Actor, at: Timestamp) -> Result<Vec<String>, AccessError> {
        self.settings.hold_lease().await?;
        let (access, actor) = (self.clone(), actor.clone());
        self.database
            .read(move |tx| Box::pin(async move { access.allowed_actions_in(tx, (&actor, at)).await }))
            .await
    }
}
