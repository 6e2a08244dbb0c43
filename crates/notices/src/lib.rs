//! Mail. What is to be sent is written into an outbox, sealed, in the transaction that causes it; a job sends it, and
//! tries again when that fails. No request waits for a mail server.

mod post;
mod rows;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clerestory_access::{Access, AccessError, Actor, OpContext, PersonRef, SendMail};
use clerestory_audit::AuditError;
use clerestory_keys::KeyError;
use clerestory_model::{Clock, MailId, PersonId, Timestamp};
use clerestory_seal::random;
use clerestory_sql::{Component, Database, Lane, Migration, SqlError, Tx};
use clerestory_store::organisations;
use clerestory_store::people::Person;
use clerestory_vault::{OpenError, Vault};

pub use post::{Post, PostAddress, PostError};
pub use rows::Mail;

/// The tables of this crate.
pub const SCHEMA: Component = Component {
    name: "notices",
    migrations: &[Migration { name: "outbox", sql: include_str!("0001-outbox.sql") }],
};

/// Mails that one turn of the job sends at most.
const AT_ONCE: u32 = 20;
/// How long after each attempt the next one is due; the last stays.
const AGAIN_AFTER: [Duration; 4] =
    [Duration::from_secs(60), Duration::from_secs(300), Duration::from_secs(1800), Duration::from_secs(7200)];

/// The outbox, and the post that takes what is in it.
#[derive(Clone)]
pub struct Notices {
    database: Database,
    access: Access,
    vault: Vault,
    clock: Arc<dyn Clock>,
    post: Arc<OnceLock<Post>>,
}

/// A failure; nothing was written or sent.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The database did not answer.
    #[error("the outbox cannot be read or written")]
    Sql(#[from] SqlError),
    /// A key could not be had.
    #[error("a key could not be had")]
    Key(#[from] KeyError),
    /// A mail could not be sealed or opened.
    #[error("a mail could not be sealed or opened")]
    Open(#[from] OpenError),
    /// The decision to send it could not be recorded.
    #[error("the sending could not be recorded")]
    Access(#[from] AccessError),
    /// An entry could not be written.
    #[error("an audit entry could not be written")]
    Audit(#[from] AuditError),
    /// The rules do not let the program send mail.
    #[error("the rules do not let the program send mail")]
    Refused,
}

/// What came of one turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Mails the server took.
    pub sent: u64,
    /// Mails it did not take; they are tried again.
    pub failed: u64,
    /// Mails whose time was over before any server took them.
    pub given_up: u64,
}

impl Notices {
    /// An outbox over these parts; nothing is sent before [`Self::post_by`].
    #[must_use]
    pub fn new(database: Database, access: Access, vault: Vault, clock: Arc<dyn Clock>) -> Self {
        Self { database, access, vault, clock, post: Arc::default() }
    }

    /// Says by which server mail goes. Said once; what is said later is not heard.
    pub fn post_by(&self, post: Post) {
        // Whoever wires an installation says it once.
        let _ = self.post.set(post);
    }

    /// Whether mail is sent at all.
    #[must_use]
    pub fn has_post(&self) -> bool {
        self.post.get().is_some()
    }

    /// Writes a mail to somebody into the outbox, in the caller's transaction, sealed under their own key. After
    /// `ends_at` nobody sends it any more.
    ///
    /// # Errors
    /// [`NoticeError`].
    pub async fn write(
        &self,
        tx: &mut Tx,
        to: &Person,
        mail: &Mail,
        (at, ends_at): (Timestamp, Timestamp),
    ) -> Result<(), NoticeError> {
        let wrong = || SqlError::Inconsistent { table: "subjects", column: "subject_id".to_owned() };
        let key = organisations::subject_key(tx, to.subject).await?.ok_or_else(wrong)?;
        let id = MailId::new(at, random());
        let mail = self.vault.seal(tx, key, rows::place(to.organisation, to.id, id), mail).await?;
        Ok(rows::insert(tx, id, (to.organisation, to.id), &mail, (at, ends_at)).await?)
    }

    /// Removes every mail to somebody that was not sent, in the caller's transaction.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn forget(&self, tx: &mut Tx, person: PersonId) -> Result<(), SqlError> {
        rows::forget(tx, person).await
    }

    /// Sends what is due. A mail may arrive twice, when the program dies between the server's word and the row's end.
    ///
    /// # Errors
    /// [`NoticeError`]: what is left is sent at the next turn.
    pub async fn send_due(&self) -> Result<Sent, NoticeError> {
        let mut told = Sent::default();
        let Some(post) = self.post.get() else { return Ok(told) };
        let now = self.clock.now();
        let due = self.database.read(move |tx| Box::pin(async move { rows::due(tx, now, AT_ONCE).await }));
        let due: Result<Vec<rows::Due>, SqlError> = due.await;
        for due in due? {
            if due.ends_at <= now {
                self.end(due.id).await?;
                told.given_up += 1;
                continue;
            }
            let mail = match self.claim(due).await {
                Ok(Some(mail)) => mail,
                Ok(None) => continue,
                // Those behind it are sent all the same.
                Err(NoticeError::Open(error)) => {
                    tracing::error!(
                        mail = %due.id,
                        attempts = due.attempts + 1,
                        error = &error as &dyn std::error::Error,
                        "a mail does not open; it is tried again until its time is over"
                    );
                    self.put_off(due, now).await?;
                    told.failed += 1;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match post.send(&mail).await {
                Ok(()) => {
                    self.end(due.id).await?;
                    told.sent += 1;
                }
                Err(error) => {
                    tracing::warn!(
                        mail = %due.id,
                        attempts = due.attempts + 1,
                        error = &error as &dyn std::error::Error,
                        "a mail was not taken; it is tried again"
                    );
                    told.failed += 1;
                }
            }
        }
        Ok(told)
    }

    /// Takes a mail for this node and opens it; `None` where another node has taken it.
    async fn claim(&self, due: rows::Due) -> Result<Option<Mail>, NoticeError> {
        self.vault.hold_lease().await?;
        let notices = self.clone();
        let op = OpContext {
            actor: Actor::System { organisation: due.organisation },
            request_id: "mail".to_owned(),
            at: self.clock.now(),
        };
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move {
                    notices.access.audit().take_turn(tx, due.organisation).await?;
                    let Some(sealed) = rows::claim(tx, due, next(due, op.at)).await? else { return Ok(None) };
                    let on = PersonRef { organisation: due.organisation, id: due.person };
                    let grant = notices.access.decide::<SendMail>(tx, &op, on, None).await?;
                    let grant = grant.map_err(|_| NoticeError::Refused)?;
                    Ok(Some(notices.vault.open(tx, &grant, &sealed).await?))
                })
            })
            .await
    }

    /// Counts an attempt that failed before the mail server was asked.
    async fn put_off(&self, due: rows::Due, now: Timestamp) -> Result<(), NoticeError> {
        self.database
            .write(Lane::Maintenance, move |tx| {
                Box::pin(async move { Ok(rows::claim(tx, due, next(due, now)).await.map(drop)?) })
            })
            .await
    }

    async fn end(&self, id: MailId) -> Result<(), NoticeError> {
        self.database
            .write(Lane::Maintenance, move |tx| Box::pin(async move { Ok(rows::remove(tx, id).await?) }))
            .await
    }
}

/// When a mail that is tried now is due again, should that fail.
fn next(due: rows::Due, now: Timestamp) -> Timestamp {
    let last = AGAIN_AFTER.len() - 1;
    let turn = usize::try_from(due.attempts).unwrap_or(last).min(last);
    now.plus(AGAIN_AFTER.get(turn).copied().unwrap_or_default())
}
