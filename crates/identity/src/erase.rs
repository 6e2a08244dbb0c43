//! The end of accounts: of one person, or of everybody in an organisation.

use clerestory_audit::authority::{Departing, Touched};
use clerestory_model::{OrganisationId, PersonId, SubjectId};
use clerestory_sql::{Body, Lock, SqlError, Tx};
use clerestory_store::people::{self, Person, PersonState, Role};
use clerestory_store::support::{self, EndedSupport, Of};
use clerestory_store::tree::{self, NodeId};
use clerestory_store::{blocks, lines, pictures, roles};

use crate::people::support::ended_rows;
use crate::{Identity, api_keys, authority, places, recorders, second_factor};

/// What came of the end of an account.
#[derive(Debug)]
pub enum Ended {
    /// The subject is nobody who can sign in.
    NoAccount,
    /// It is the last administrator of the organisation, and stays: nobody else could go on.
    LastAdmin,
    /// The account is gone; these rows went.
    Gone(Vec<Touched>),
}

impl Identity {
    /// Ends the account of the person that this subject is, in the caller's transaction: sessions, links, credentials,
    /// the row itself. What was sealed about them is the subject key's.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn end_account(&self, tx: &mut Tx, subject: SubjectId) -> Result<Ended, SqlError> {
        let sql = "SELECT person_id, organisation_id FROM people WHERE subject_id = $1";
        let Some(row) = tx.query_opt(sql, &[subject.into()]).await? else { return Ok(Ended::NoAccount) };
        let (id, organisation): (PersonId, OrganisationId) = (row.get(0)?, row.get(1)?);
        // Everybody at once, so that the last two administrators do not both believe that the other stays.
        let sql = "SELECT person_id FROM people WHERE organisation_id = $1 ORDER BY person_id";
        tx.query_locked(Lock::Exclusive, sql, &[organisation.into()]).await?;
        let Some(person) = people::find(tx, id).await? else { return Ok(Ended::NoAccount) };
        if self.is_last(tx, &person).await? {
            return Ok(Ended::LastAdmin);
        }
        Ok(Ended::Gone(self.remove(tx, id).await?))
    }

    /// Whether the person that this subject is runs the organisation alone, so that their account stays.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn is_last_admin(&self, tx: &mut Tx, subject: SubjectId) -> Result<bool, SqlError> {
        let row =
            tx.query_opt("SELECT person_id FROM people WHERE subject_id = $1", &[subject.into()]).await?;
        let Some(row) = row else { return Ok(false) };
        match people::find(tx, row.get(0)?).await? {
            Some(person) => self.is_last(tx, &person).await,
            None => Ok(false),
        }
    }

    async fn is_last(&self, tx: &mut Tx, person: &Person) -> Result<bool, SqlError> {
        let runs =
            person.role == Role::Admin || people::further_roles(tx, person.id).await?.contains(&Role::Admin);
        Ok(runs
            && person.state == PersonState::Active
            && !people::another_admin(tx, person.organisation, person.id, self.clock.now()).await?)
    }

    /// Ends the account of somebody who was erased and whose rows a restore has brought back, the last administrator or
    /// not; the rows that went.
    ///
    /// # Errors
    /// [`SqlError`].
    pub async fn end_erased(&self, tx: &mut Tx, subject: SubjectId) -> Result<Vec<Touched>, SqlError> {
        let sql = "SELECT person_id FROM people WHERE subject_id = $1";
        match tx.query_opt_locked(Lock::Exclusive, sql, &[subject.into()]).await? {
            Some(row) => self.remove(tx, row.get(0)?).await,
            None => Ok(Vec::new()),
        }
    }

    async fn remove(&self, tx: &mut Tx, person: PersonId) -> Result<Vec<Touched>, SqlError> {
        let mut touched = authority::end_sessions(tx, person).await?;
        touched.extend(self.end_offers(tx, person).await?);
        touched.extend(blocks::forget(tx, person).await?.into_iter().map(authority::block));
        touched.extend(places::rows::forget(tx, person).await?.into_iter().map(authority::place_block));
        for (of, number) in lines::forget(tx, person).await? {
            touched.push(authority::line(of, number));
        }
        for role in people::forget_further_roles(tx, person).await? {
            touched.push(authority::further_role(person, &role));
        }
        touched.extend(support::forget(tx, person).await?.into_iter().map(authority::support));
        // Whom they let in is shown out with them.
        let ended = EndedSupport { at: self.clock.now(), by: None };
        touched.extend(ended_rows(tx, Of::Maker(person), ended).await?);
        touched.extend(second_factor::forget(tx, person).await?);
        touched.extend(api_keys::end_those_of(tx, person).await?);
        touched.extend(recorders::end_those_of(tx, person).await?);
        pictures::forget(tx, person).await?;
        for sql in [
            "DELETE FROM credentials WHERE person_id = $1",
            "DELETE FROM address_index WHERE person_id = $1",
            "DELETE FROM people WHERE person_id = $1",
        ] {
            tx.execute(sql, &[person.into()]).await?;
        }
        touched.extend([authority::credential(person), authority::person(person)]);
        Ok(touched)
    }
}

impl Departing for Identity {
    fn depart<'t>(
        &'t self,
        tx: &'t mut Tx,
        organisation: OrganisationId,
    ) -> Body<'t, Vec<Touched>, SqlError> {
        Box::pin(async move {
            let mut touched = Vec::new();
            let sql = "SELECT person_id FROM people WHERE organisation_id = $1 ORDER BY person_id";
            for row in tx.query_locked(Lock::Exclusive, sql, &[organisation.into()]).await? {
                touched.extend(self.remove(tx, row.get(0)?).await?);
            }
            touched
                .extend(blocks::lift_organisation(tx, organisation).await?.into_iter().map(authority::block));
            let gone = places::rows::forget_all(tx, organisation).await?;
            touched.extend(gone.into_iter().map(authority::place_block));
            for role in roles::of_organisation(tx, organisation).await? {
                roles::remove(tx, role.id).await?;
                touched.push(authority::custom_role(role.id));
            }
            // Projects stay: rows of recordings name them, and their names are under the organisation's key.
            for node in tree::of_organisation(tx, organisation).await?.into_iter().rev() {
                if !matches!(node.id, NodeId::Project(_)) {
                    tree::remove(tx, node.id).await?;
                    touched.push(authority::node(node.id));
                }
            }
            // Those whose makers went before.
            touched.extend(api_keys::end_all(tx, organisation).await?);
            Ok(touched)
        })
    }
}
