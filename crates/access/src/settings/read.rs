//! Reading what was said: rows opened once, kept while their head stands.

use std::sync::Arc;

use clerestory_keys::{KeyError, unwrapping};
use clerestory_model::OrganisationId;
use clerestory_seal::{SealedValue, ValueContext, open_value};
use clerestory_settings::tree::{Level, Lock, Node, Said};
use clerestory_sql::Tx;
use clerestory_store::Content;
use clerestory_store::settings::{self as rows, Head, KeptSaying, SettingVersion};

use super::{DamageKind, KEPT, Known, Settings};
use crate::AccessError;

/// Rows read at a time.
const PAGE: u32 = 500;
/// Times that rows are read again because somebody wrote meanwhile.
const TRIES: usize = 4;

/// What a row says once it is opened.
enum Opened {
    Said {
        node: Node,
        name: String,
        said: Option<Said>,
    },
    /// It says nothing that could be believed.
    Lost(DamageKind),
}

impl Settings {
    /// What is said in an organisation now.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn known(&self, tx: &mut Tx, organisation: OrganisationId) -> Result<Arc<Known>, AccessError> {
        let mut heads = rows::heads(tx, organisation).await?;
        let before = self.known_of().get(&organisation).cloned();
        if let Some(known) = before.as_ref().filter(|known| (known.own, known.deployment) == heads) {
            return Ok(Arc::clone(known));
        }
        for _ in 0..TRIES {
            let (known, damage) = self.read(tx, organisation, heads, before.as_deref()).await?;
            // Where what is read is not of one moment, somebody may have written between head and rows.
            let again = if damage.is_empty() { heads } else { rows::heads(tx, organisation).await? };
            if again == heads {
                self.note_damage(organisation, damage);
                let known = Arc::new(known);
                self.keep(organisation, &known);
                return Ok(known);
            }
            heads = again;
        }
        Err(AccessError::Sql(clerestory_sql::SqlError::RolledBack))
    }

    fn keep(&self, organisation: OrganisationId, known: &Arc<Known>) {
        let mut all = self.known_of();
        if all.len() >= KEPT {
            all.clear();
        }
        all.insert(organisation, Arc::clone(known));
    }

    /// What was said up to a version: how things stood then.
    ///
    /// # Errors
    /// [`AccessError`].
    pub async fn known_then(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        version: u64,
    ) -> Result<Known, AccessError> {
        let mut known = Known::default();
        self.read_rows(tx, organisation, (1, version), &mut known).await?;
        Ok(known)
    }

    async fn read(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        (own, deployment): (Head, Head),
        before: Option<&Known>,
    ) -> Result<(Known, Vec<(u64, DamageKind)>), AccessError> {
        if let Some(before) = before
            && before.deployment == deployment
            && before.own.version < own.version
            && still_stands(tx, organisation, before.own).await?
        {
            let mut known = Known { own, ..before.clone() };
            let reach = (before.own.version + 1, own.version);
            let damage = self.read_rows(tx, organisation, reach, &mut known).await?;
            return Ok((known, damage));
        }
        let mut known = Known::default();
        let above = self.read_rows(tx, OrganisationId::nil(), (1, deployment.version), &mut known).await?;
        self.note_damage(OrganisationId::nil(), above);
        let damage = match organisation == OrganisationId::nil() {
            true => Vec::new(),
            false => self.read_rows(tx, organisation, (1, own.version), &mut known).await?,
        };
        Ok((Known { own, deployment, ..known }, damage))
    }

    /// Takes the versions from the first to the last into `known`. What is missing or cannot be believed is damage, and
    /// leaves what is safe.
    async fn read_rows(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
        (first, last): (u64, u64),
        known: &mut Known,
    ) -> Result<Vec<(u64, DamageKind)>, AccessError> {
        let (mut next, mut damage) = (first, Vec::new());
        while next <= last {
            let page = rows::from_version(tx, organisation, next, PAGE).await?;
            let found = page.into_iter().filter(|row| row.version <= last);
            let mut any = false;
            for row in found {
                any = true;
                if row.version != next {
                    damage.push((next, DamageKind::Missing));
                    self.lose_all(organisation, known);
                }
                next = row.version + 1;
                self.take(tx, &row, known, &mut damage).await?;
            }
            if !any {
                damage.push((next, DamageKind::Missing));
                self.lose_all(organisation, known);
                break;
            }
        }
        Ok(damage)
    }

    async fn take(
        &self,
        tx: &mut Tx,
        row: &SettingVersion,
        known: &mut Known,
        damage: &mut Vec<(u64, DamageKind)>,
    ) -> Result<(), AccessError> {
        match self.open(tx, row).await? {
            Opened::Said { node, name, said } => {
                if node.level.number() != row.level || name != row.name {
                    damage.push((row.version, DamageKind::Moved));
                }
                if said == Some(Said::Unreadable) {
                    damage.push((row.version, DamageKind::Foreign));
                }
                match said {
                    Some(said) => {
                        known.values.say(node, &name, said);
                        known.versions.insert((node, name), row.version);
                    }
                    None => {
                        known.values.unsay(node, &name);
                        known.versions.remove(&(node, name));
                    }
                }
            }
            Opened::Lost(kind) => {
                damage.push((row.version, kind));
                // What stands beside the seal may have been changed too: nobody knows what it was about.
                self.lose_all(row.organisation, known);
                if let (Some(level), Some(_)) =
                    (Level::from_number(row.level), self.registry().find(&row.name))
                {
                    let node = Node { level, id: row.node };
                    known.values.say(node, &row.name, Said::Unreadable);
                    known.versions.insert((node, row.name.clone()), row.version);
                }
            }
        }
        Ok(())
    }

    /// Something was said and nobody knows what: every setting of the organisation is what is safe, until it is said
    /// anew.
    fn lose_all(&self, organisation: OrganisationId, known: &mut Known) {
        let node = match organisation == OrganisationId::nil() {
            true => Node::DEPLOYMENT,
            false => Node { level: Level::Organisation, id: *organisation.as_bytes() },
        };
        for setting in self.registry().all().filter(|setting| setting.levels.contains(&node.level)) {
            known.values.say(node, &setting.key, Said::Unreadable);
        }
    }

    async fn open(&self, tx: &mut Tx, row: &SettingVersion) -> Result<Opened, AccessError> {
        let Ok(sealed) = SealedValue::from_bytes(row.value.clone()) else {
            return Ok(Opened::Lost(DamageKind::Altered));
        };
        let secret = match unwrapping::secret(&self.shared.keys, tx, sealed.key()).await {
            Ok(secret) => secret,
            // A registry that somebody garbled must not shut anybody out: what is safe holds, and it is told.
            Err(KeyError::Unknown(_) | KeyError::Tampered(_) | KeyError::Shape) => {
                return Ok(Opened::Lost(DamageKind::Altered));
            }
            Err(error) => return Err(error.into()),
        };
        let opened = open_value(&secret, &self.context(row), &sealed).ok();
        let kept = opened.and_then(|plain| serde_json::from_slice::<KeptSaying>(&plain).ok());
        let Some(kept) = kept else { return Ok(Opened::Lost(DamageKind::Altered)) };
        let Some(level) = Level::from_number(kept.level) else {
            return Ok(Opened::Lost(DamageKind::Foreign));
        };
        // Of a setting that this version has not, nobody asks.
        let said = self.registry().find(&kept.name).zip(kept.value.as_ref()).map(|(setting, json)| {
            match (setting.kind.read(json), kept.lock.parse::<Lock>()) {
                (Ok(value), Ok(lock)) => Said::Value { value, lock },
                _ => Said::Unreadable,
            }
        });
        Ok(Opened::Said { node: Node { level, id: row.node }, name: kept.name, said })
    }

    /// Where what a row says is sealed.
    pub(super) fn context(&self, row: &SettingVersion) -> ValueContext<'_> {
        let place = row.place();
        ValueContext {
            deployment: self.shared.keys.deployment(),
            organisation: place.organisation,
            table: KeptSaying::TABLE,
            column: KeptSaying::COLUMN,
            row: place.row,
            version: place.version,
        }
    }
}

/// Whether the version that was the newest once is still the same row.
async fn still_stands(tx: &mut Tx, organisation: OrganisationId, head: Head) -> Result<bool, AccessError> {
    if head.version == 0 {
        return Ok(true);
    }
    let row = rows::from_version(tx, organisation, head.version, 1).await?;
    Ok(row.first().is_some_and(|row| (row.version, row.mark) == (head.version, head.mark)))
}
