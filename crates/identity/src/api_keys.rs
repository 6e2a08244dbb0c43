//! API keys: how an organisation's own programs ask. A key is 256 random bits after `csk_`, shown once and kept as its
//! SHA-256. It may do what it was made for, as long as its maker may do that too, and nothing once they are gone.

use std::time::Duration;

use clerestory_access::{Actor, Grant, ManageKeys, OpContext, OrganisationRef, ReadKeys, Refused};
use clerestory_audit::authority::Touched;
use clerestory_audit::{Class, NewEntry, ObjectRef, Outcome};
use clerestory_model::{ApiKeyId, OrganisationId, PersonId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Body, Lane, Lock, Row, SqlError, Tx};
use clerestory_store::{About, Content, Kind, Place, Sealed, organisations, people};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::people::standing::barred;
use crate::sign_in::inconsistent;
use crate::{Identity, IdentityError, Token, Whence, authority};

/// What every key begins with, so that people and scanners know one.
pub const KEY_PREFIX: &str = "csk_";
/// A key lasts this long unless its maker says otherwise.
pub const KEY_LASTS: Duration = Duration::from_secs(90 * 24 * 3600);
/// And this long at most.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// Letters of a name.
const NAME_CHARS: usize = 100;
/// Keys of an organisation at most.
const MOST: u64 = 200;
/// Use is noted at most this often.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// What people call a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct ApiKeyName(String);

impl Content for ApiKeyName {
    const KIND: Kind = Kind::ApiKey;
    const TABLE: &'static str = "api_keys";
    const COLUMN: &'static str = "name";
}

/// A key to be made.
pub struct NewApiKey {
    /// What people call it.
    pub name: String,
    /// The actions it may do.
    pub scopes: Vec<String>,
    /// How long it lasts.
    pub lasts: Duration,
}

/// A key that was just made, or made anew.
pub struct MadeApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// What programs send. It is shown this once.
    pub text: Zeroizing<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A key as administrators see it.
#[derive(Clone, Debug)]
pub struct ApiKeyInfo {
    /// Its id.
    pub id: ApiKeyId,
    /// What people call it.
    pub name: String,
    /// The actions it may do.
    pub scopes: Vec<String>,
    /// Who made it, or made it anew.
    pub made_by: PersonId,
    /// When.
    pub made_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// Why nothing was done with a key.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The rules do not allow it.
    #[error("it is refused")]
    Refused(Refused),
    /// There is no such key.
    #[error("there is no such key")]
    NotFound,
    /// A key cannot be made for this, or not by this person.
    #[error("no key of yours may do `{0}`")]
    Scope(String),
    /// It has no name, or a long one.
    #[error("a key has a name of 1 to 100 letters")]
    Name,
    /// It would last too long, or not at all.
    #[error("a key lasts a day to a year")]
    Lasts,
    /// There are enough.
    #[error("an organisation has 200 keys at most: end one that nobody uses")]
    TooMany,
    /// It could not be judged.
    #[error("it could not be judged")]
    Unavailable(#[from] IdentityError),
}

impl From<Refused> for ApiKeyError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<SqlError> for ApiKeyError {
    fn from(error: SqlError) -> Self {
        Self::Unavailable(error.into())
    }
}

impl ApiKeyError {
    /// What the log says of it, where it was allowed and could not be done: nothing that somebody typed.
    fn obstacle(&self) -> Option<&'static str> {
        match self {
            Self::NotFound => Some("there is no such key"),
            Self::Scope(_) => Some("a scope that is not theirs to give"),
            Self::TooMany => Some("there are enough keys"),
            Self::Refused(_) | Self::Name | Self::Lasts | Self::Unavailable(_) => None,
        }
    }
}

struct KeyRow {
    id: ApiKeyId,
    organisation: OrganisationId,
    made_by: PersonId,
    name: Sealed<ApiKeyName>,
    scopes: Vec<String>,
    made_at: Timestamp,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

const COLUMNS: &str = "key_id, organisation_id, made_by, name, scopes, made_at, expires_at, last_used_at";

fn name_place(organisation: OrganisationId, id: ApiKeyId) -> Place {
    Place { organisation, about: About::Organisation, row: *id.as_bytes(), version: 1 }
}

fn key_row(row: &Row) -> Result<KeyRow, SqlError> {
    let (id, organisation) = (row.get(0)?, row.get(1)?);
    let scopes: String = row.get(4)?;
    Ok(KeyRow {
        id,
        organisation,
        made_by: row.get(2)?,
        name: Sealed::found(row.get(3)?, name_place(organisation, id))?,
        scopes: scopes.split(' ').map(str::to_owned).collect(),
        made_at: row.get(5)?,
        expires_at: row.get(6)?,
        last_used_at: row.get(7)?,
    })
}

/// The key with this id, if it is the organisation's.
async fn find(tx: &mut Tx, organisation: OrganisationId, id: ApiKeyId) -> Result<Option<KeyRow>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE key_id = $1 AND organisation_id = $2");
    let row = tx.query_opt_locked(Lock::Exclusive, &sql, &[id.into(), organisation.into()]).await?;
    row.as_ref().map(key_row).transpose()
}

/// Ends the keys that a person made; the rows that are gone.
pub(crate) async fn end_those_of(tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
    ended(tx, "DELETE FROM api_keys WHERE made_by = $1 RETURNING key_id", person.into()).await
}

/// Ends every key of an organisation; the rows that are gone.
pub(crate) async fn end_all(tx: &mut Tx, organisation: OrganisationId) -> Result<Vec<Touched>, SqlError> {
    ended(tx, "DELETE FROM api_keys WHERE organisation_id = $1 RETURNING key_id", organisation.into()).await
}

async fn ended(tx: &mut Tx, sql: &str, of: clerestory_sql::Value) -> Result<Vec<Touched>, SqlError> {
    let rows = tx.query(sql, &[of]).await?;
    rows.iter().map(|row| Ok(authority::api_key(row.get(0)?))).collect()
}

fn shown(token: &Token) -> Zeroizing<String> {
    Zeroizing::new(format!("{KEY_PREFIX}{}", *Zeroizing::new(token.reveal())))
}

impl Identity {
    /// Makes a key.
    ///
    /// # Errors
    /// [`ApiKeyError`]; nothing was made then.
    pub async fn make_api_key(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        new: NewApiKey,
    ) -> Result<MadeApiKey, ApiKeyError> {
        let name = new.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > NAME_CHARS {
            return Err(ApiKeyError::Name);
        }
        if !(Duration::from_secs(24 * 3600)..=LONGEST).contains(&new.lasts) {
            return Err(ApiKeyError::Lasts);
        }
        let (identity, asked, token) = (self.clone(), op.clone(), Token::generate());
        let (hash, expires_at) = (token.hash(), op.at.plus(new.lasts));
        let id = self
            .managing_keys(op, on, move |tx, maker| {
                Box::pin(async move {
                    let scopes = identity.bounded(tx, maker, new.scopes).await?.map_err(ApiKeyError::Scope)?;
                    let sql = "SELECT count(*) FROM api_keys WHERE organisation_id = $1 AND expires_at > $2";
                    let count = tx.query_opt(sql, &[on.0.into(), asked.at.into()]).await?;
                    if count.map_or(Ok(0), |row| row.get::<u64>(0))? >= MOST {
                        return Err(ApiKeyError::TooMany);
                    }
                    let id = ApiKeyId::new(asked.at, random());
                    let key = organisations::find(tx, on.0).await?.map(|found| found.key);
                    let key = key.ok_or_else(|| inconsistent("organisations", "organisation_id"))?;
                    let sealed = identity.vault.seal(tx, key, name_place(on.0, id), &ApiKeyName(name)).await;
                    let name = sealed.map_err(IdentityError::from)?;
                    tx.execute(
                        "INSERT INTO api_keys (key_id, organisation_id, token_hash, made_by, name, scopes, made_at,
                             expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                        &[
                            id.into(),
                            on.0.into(),
                            hash.into(),
                            maker.into(),
                            name.value().as_bytes().into(),
                            scopes.join(" ").into(),
                            asked.at.into(),
                            expires_at.into(),
                        ],
                    )
                    .await?;
                    identity.note_key(tx, &asked, on, id).await?;
                    Ok(id)
                })
            })
            .await?;
        Ok(MadeApiKey { id, text: shown(&token), expires_at })
    }

    /// Makes a key anew: what it was is refused from now on. It lasts as long again as it was made for.
    ///
    /// # Errors
    /// [`ApiKeyError`]; the key stays as it is then.
    pub async fn rotate_api_key(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        id: ApiKeyId,
    ) -> Result<MadeApiKey, ApiKeyError> {
        let (identity, asked, token) = (self.clone(), op.clone(), Token::generate());
        let hash = token.hash();
        let expires_at = self
            .managing_keys(op, on, move |tx, maker| {
                Box::pin(async move {
                    let row = find(tx, on.0, id).await?.ok_or(ApiKeyError::NotFound)?;
                    identity.bounded(tx, maker, row.scopes).await?.map_err(ApiKeyError::Scope)?;
                    let expires_at = asked.at.plus(row.expires_at.since(row.made_at));
                    let sql =
                        "UPDATE api_keys SET token_hash = $2, made_by = $3, made_at = $4, expires_at = $5,
                                   last_used_at = NULL WHERE key_id = $1";
                    let values = [id.into(), hash.into(), maker.into(), asked.at.into(), expires_at.into()];
                    tx.execute_one("api_keys", sql, &values).await?;
                    identity.note_key(tx, &asked, on, id).await?;
                    Ok(expires_at)
                })
            })
            .await?;
        Ok(MadeApiKey { id, text: shown(&token), expires_at })
    }

    /// Ends a key.
    ///
    /// # Errors
    /// [`ApiKeyError`]; it goes on then.
    pub async fn end_api_key(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        id: ApiKeyId,
    ) -> Result<(), ApiKeyError> {
        let (identity, asked) = (self.clone(), op.clone());
        self.managing_keys(op, on, move |tx, _| {
            Box::pin(async move {
                let sql = "DELETE FROM api_keys WHERE key_id = $1 AND organisation_id = $2";
                if tx.execute(sql, &[id.into(), on.0.into()]).await? == 0 {
                    return Err(ApiKeyError::NotFound);
                }
                Ok(identity.note_key(tx, &asked, on, id).await?)
            })
        })
        .await
    }

    /// Decides whether the caller may manage keys, and if so does `act` in the same transaction. What it cannot do is
    /// undone with the decision, and an entry says that it failed.
    async fn managing_keys<T: Send + 'static>(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        act: impl for<'t> FnOnce(&'t mut Tx, PersonId) -> Body<'t, T, ApiKeyError> + Send + 'static,
    ) -> Result<T, ApiKeyError> {
        let Actor::Person { id: maker, .. } = op.actor else { return Err(ApiKeyError::NotFound) };
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let (access, asked) = (self.access.clone(), op.clone());
        let done = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let decided = access.decide::<ManageKeys>(tx, &asked, on, None).await;
                    match decided.map_err(IdentityError::from)? {
                        Ok(_grant) => Ok(Ok(act(tx, maker).await?)),
                        Err(refused) => Ok::<_, ApiKeyError>(Err(refused)),
                    }
                })
            })
            .await;
        match done {
            Ok(done) => Ok(done?),
            Err(error) => {
                if let Some(why) = error.obstacle() {
                    let told = self.access.tell_failed::<ManageKeys>(op, on, why.to_owned(), None).await;
                    told.map_err(IdentityError::from)?;
                }
                Err(error)
            }
        }
    }

    /// The keys of the organisation of the grant, newest first; those that have run out after those that work.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn api_keys(
        &self,
        tx: &mut Tx,
        grant: &Grant<ReadKeys>,
    ) -> Result<Vec<ApiKeyInfo>, IdentityError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM api_keys WHERE organisation_id = $1
             ORDER BY CASE WHEN expires_at > $2 THEN 0 ELSE 1 END, made_at DESC LIMIT {MOST}"
        );
        let mut found = Vec::new();
        for row in tx.query(&sql, &[grant.on().0.into(), self.clock.now().into()]).await? {
            let row = key_row(&row)?;
            found.push(ApiKeyInfo {
                id: row.id,
                name: self.vault.open(tx, grant, &row.name).await?.0,
                scopes: row.scopes,
                made_by: row.made_by,
                made_at: row.made_at,
                expires_at: row.expires_at,
                last_used_at: row.last_used_at,
            });
        }
        Ok(found)
    }

    /// Who asks with this key from there, if it is one that has not ended and whose maker is still here.
    ///
    /// # Errors
    /// [`IdentityError::PlaceBlocked`]; [`IdentityError::Sql`]: nobody is let in then.
    pub async fn key_actor(&self, token: &Token, whence: &Whence) -> Result<Option<Actor>, IdentityError> {
        let (hash, now) = (token.hash(), self.clock.now());
        let found: Result<_, SqlError> = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let Some(row) = by_token(tx, hash).await? else { return Ok(None) };
                    let Some(maker) = people::find(tx, row.made_by).await? else { return Ok(None) };
                    if barred(tx, &maker, None, now).await?.is_some() {
                        return Ok(None);
                    }
                    let mut roles = people::further_roles(tx, maker.id).await?;
                    roles.push(maker.role);
                    Ok(Some((row, roles)))
                })
            })
            .await;
        let Some((row, roles)) = found?.filter(|(row, _)| now < row.expires_at) else { return Ok(None) };
        self.let_in(row.organisation, whence).await?;
        if row.last_used_at.is_none_or(|last| now.since(last) >= NOTE_EVERY) {
            self.note_key_use(row.id, now).await?;
        }
        // What the maker may do no more, the key may not either.
        let allowed = self.access.key_scopes(&roles);
        let scopes = row.scopes.into_iter().filter(|scope| allowed.contains(&scope.as_str())).collect();
        Ok(Some(Actor::Key { id: row.id, organisation: row.organisation, scopes }))
    }

    /// Puts on record that a key was sent where everybody on the way can read it, if it is one.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn note_exposed_key(&self, op: &OpContext, token: &Token) -> Result<(), IdentityError> {
        let hash = token.hash();
        let found: Result<_, SqlError> =
            self.database.read(move |tx| Box::pin(async move { by_token(tx, hash).await })).await;
        let Some(row) = found? else { return Ok(()) };
        let actor = Actor::Key { id: row.id, organisation: row.organisation, scopes: Vec::new() };
        self.refuse_key(&OpContext { actor, ..op.clone() }, "key.exposed", "a key in an address").await
    }

    /// Puts on record that a key was to do what only people may.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn refuse_key_use(&self, op: &OpContext) -> Result<(), IdentityError> {
        self.refuse_key(op, "key.use", "only people may do this").await
    }

    /// Puts on record that something was sent that looks like a key and is none, or none any more.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn refuse_unknown_key(&self, op: &OpContext) -> Result<(), IdentityError> {
        self.refuse_key(op, "key.use", "there is no such key").await
    }

    async fn refuse_key(
        &self,
        op: &OpContext,
        action: &'static str,
        rule: &str,
    ) -> Result<(), IdentityError> {
        let (actor_kind, actor) = op.actor.logged();
        let entry = NewEntry {
            organisation: op.actor.organisation(),
            at: op.at,
            action,
            class: Class::LOGON,
            outcome: Outcome::Refused,
            rule: rule.to_owned(),
            actor_kind,
            actor,
            object: ObjectRef { kind: "key".to_owned(), id: actor },
            request_id: op.request_id.clone(),
            personal: None,
        };
        Ok(self.access.audit().deny(&self.database, Lane::Interactive, entry).await?)
    }

    /// These scopes, each once, if their maker may give them to a key; else one they may not.
    async fn bounded(
        &self,
        tx: &mut Tx,
        maker: PersonId,
        mut scopes: Vec<String>,
    ) -> Result<Result<Vec<String>, String>, SqlError> {
        let mut roles = people::further_roles(tx, maker).await?;
        roles.extend(people::find(tx, maker).await?.map(|maker| maker.role));
        let allowed = self.access.key_scopes(&roles);
        scopes.sort();
        scopes.dedup();
        match scopes.iter().find(|scope| !allowed.contains(&scope.as_str())) {
            Some(scope) => Ok(Err(scope.clone())),
            None if scopes.is_empty() => Ok(Err(String::new())),
            None => Ok(Ok(scopes)),
        }
    }

    async fn note_key(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        on: OrganisationRef,
        id: ApiKeyId,
    ) -> Result<(), IdentityError> {
        self.note_change(tx, op.changing(on.0), ("key", *id.as_bytes()), &[authority::api_key(id)]).await
    }

    async fn note_key_use(&self, id: ApiKeyId, at: Timestamp) -> Result<(), IdentityError> {
        self.database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move {
                    let sql = "UPDATE api_keys SET last_used_at = $1 WHERE key_id = $2";
                    tx.execute(sql, &[at.into(), id.into()]).await.map(drop).map_err(IdentityError::from)
                })
            })
            .await
    }
}

async fn by_token(tx: &mut Tx, hash: [u8; 32]) -> Result<Option<KeyRow>, SqlError> {
    let sql = format!("SELECT {COLUMNS} FROM api_keys WHERE token_hash = $1");
    tx.query_opt(&sql, &[hash.into()]).await?.as_ref().map(key_row).transpose()
}
