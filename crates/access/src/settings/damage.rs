//! What is wrong with the rows of settings: told in the log, and by the health page.

use std::collections::{BTreeMap, HashMap};
use std::sync::{MutexGuard, PoisonError};

use clerestory_audit::{ActorKind, Audit, Class, NewEntry, ObjectRef, Outcome, Personal};
use clerestory_model::{OrganisationId, Timestamp};
use clerestory_sql::{Database, Lane, SqlError};
use clerestory_store::settings as rows;

use super::Settings;
use crate::AccessError;

/// How a version of the settings is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DamageKind {
    /// It does not open: it was altered or exchanged.
    Altered,
    /// Its columns say something else than what is sealed in it.
    Moved,
    /// It is gone.
    Missing,
    /// It opens, and says something that this version of the program does not know.
    Foreign,
}

impl DamageKind {
    /// In words.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Altered => "it was altered, and does not open",
            Self::Moved => "its columns say something else than what is sealed in it",
            Self::Missing => "it is gone",
            Self::Foreign => "it says something that this version of Clerestory does not know",
        }
    }
}

/// A version of the settings that is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its number.
    pub version: u64,
    /// What is wrong.
    pub kind: DamageKind,
    told: bool,
}

impl Settings {
    /// What is known to be wrong with the settings of an organisation, or of the deployment for the nil one.
    #[must_use]
    pub fn damage(&self, organisation: OrganisationId) -> Vec<Damage> {
        self.damages()
            .range((organisation, 0)..=(organisation, u64::MAX))
            .map(|(_, damage)| *damage)
            .collect()
    }

    pub(super) fn note_damage(&self, organisation: OrganisationId, found: Vec<(u64, DamageKind)>) {
        let mut all = self.damages();
        for (version, kind) in found {
            let known = all.entry((organisation, version)).or_insert_with(|| {
                tracing::error!(%organisation, version, what = kind.sentence(), "a version of the settings is damaged");
                Damage { version, kind, told: false }
            });
            known.kind = kind;
        }
    }

    /// Puts what was found to be wrong on record, once for each process that finds it. Called by a job, because most of
    /// those who ask may not write.
    ///
    /// # Errors
    /// [`AccessError`]; it is tried again at the next call.
    pub(crate) async fn tell_damage(
        &self,
        database: &Database,
        audit: &Audit,
        at: Timestamp,
    ) -> Result<(), AccessError> {
        let untold: Vec<(OrganisationId, Damage)> = {
            let all = self.damages();
            all.iter()
                .filter(|(_, damage)| !damage.told)
                .map(|((whose, _), damage)| (*whose, *damage))
                .collect()
        };
        for (organisation, damage) in untold {
            let audit = audit.clone();
            let entry = NewEntry {
                organisation,
                at,
                action: "setting.damaged",
                class: Class::ENTITY_READ,
                outcome: Outcome::Failed,
                rule: damage.kind.sentence().to_owned(),
                actor_kind: ActorKind::System,
                actor: [0; 16],
                object: ObjectRef { kind: "organisation".to_owned(), id: *organisation.as_bytes() },
                request_id: String::new(),
                personal: Some(Personal {
                    detail: Some(format!("version {} of the settings; what is safe holds", damage.version)),
                    ..Personal::default()
                }),
            };
            database
                .write(Lane::Maintenance, move |tx| {
                    Box::pin(
                        async move { audit.append(tx, entry).await.map(drop).map_err(AccessError::from) },
                    )
                })
                .await?;
            if let Some(known) = self.damages().get_mut(&(organisation, damage.version)) {
                known.told = true;
            }
        }
        Ok(())
    }

    /// Forgets what is known of organisations that are gone: nobody asks for it any more.
    ///
    /// # Errors
    /// [`AccessError`].
    pub(crate) async fn forget_gone(&self, database: &Database) -> Result<(), AccessError> {
        let marks: HashMap<OrganisationId, [u8; 16]> = database
            .read(|tx| Box::pin(async move { rows::marks(tx).await }))
            .await
            .map_err(|error: SqlError| error)?;
        self.known_of()
            .retain(|whose, known| known.own.version == 0 || marks.get(whose) == Some(&known.own.mark));
        Ok(())
    }

    fn damages(&self) -> MutexGuard<'_, BTreeMap<(OrganisationId, u64), Damage>> {
        self.shared.damage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
