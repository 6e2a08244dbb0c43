//! Invitations: somebody is asked to come, by a link that works once, and sets their own password.
//!
//! An invited person has no place in the index of addresses until they come. So asking somebody who has an account in
//! another organisation looks to whoever asks as asking anybody else does.

use std::time::Duration;

use clerestory_access::{Action, Grant, InvitePerson, ManagePerson, OpContext, OrganisationRef, PersonRef};
use clerestory_audit::authority::ChangedBy;
use clerestory_audit::{ActorKind, Class, NewEntry, ObjectRef, Outcome};
use clerestory_model::{OrganisationId, PersonId, TeamId, Timestamp};
use clerestory_notices::Mail;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::organisations;
use clerestory_store::people::{self, Person, PersonState, Role};

use super::Enrolled;
use super::directory::PersonView;
use super::error::PeopleError;
use crate::{Admitted, Identity, IdentityError, Password, SignInError, Token, Whence, authority};

/// An invitation works this long.
const LIFE: Duration = Duration::from_secs(7 * 24 * 3600);

/// Somebody to be invited.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// Their name.
    pub name: String,
    /// Their address.
    pub email: String,
    /// The role they will have.
    pub role: Role,
    /// The team they will work in.
    pub team: Option<TeamId>,
    /// To whom they will report.
    pub manager: Option<PersonId>,
}

/// Somebody who is invited.
pub struct Invited {
    /// The person.
    pub person: PersonView,
    /// The link they come by, where no mail takes it to them: to be shown once, to whoever asked.
    pub link: Option<String>,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// A link that was just made.
struct Offer<'a> {
    token: Token,
    expires_at: Timestamp,
    /// The console's origin.
    console: &'a str,
}

impl Identity {
    /// Invites somebody: from now on they are known, and come in by a link to the console at this origin. It goes to them
    /// by mail; where no mail is sent, whoever asks is given it.
    ///
    /// # Errors
    /// [`PeopleError::AddressTaken`], [`PeopleError::AboveOwn`], [`PeopleError::Unknown`], [`PeopleError::Refused`].
    pub async fn invite(
        &self,
        op: &OpContext,
        on: OrganisationRef,
        new: Invitation,
        console: &str,
    ) -> Result<Invited, PeopleError> {
        // Not who: what the log says outlives a person who is erased.
        let detail = Some(format!("as {}", new.role));
        let (identity, asked, console) = (self.clone(), op.clone(), console.to_owned());
        self.decided::<InvitePerson, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move { identity.invite_in(tx, &asked, grant, new, &console).await })
        })
        .await
    }

    async fn invite_in(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        grant: Grant<InvitePerson>,
        new: Invitation,
        console: &str,
    ) -> Result<Invited, PeopleError> {
        let organisation = grant.on().0;
        if !new.role.is_main() {
            return Err(PeopleError::Unknown(
                "the role: everybody is a member, a manager or an Admin, and it",
            ));
        }
        self.may_give(tx, op, new.role).await?;
        let mac = self.address_mac(tx, &new.email, op.at).await?;
        if known_here(tx, organisation, mac).await? {
            return Err(PeopleError::AddressTaken);
        }
        let enrolled = Enrolled {
            organisation,
            role: new.role,
            state: PersonState::Invited,
            name: &new.name,
            email: &new.email,
        };
        let (mut person, _key) = self.enrol(tx, enrolled, op.at).await?;
        self.team_of(tx, &person, new.team).await?;
        if new.team.is_some() {
            person.team = new.team;
            people::update(tx, &person).await?;
        }
        let (token, expires_at) = offer(tx, person.id, mac, op.at).await?;
        let touched = [authority::person(person.id), authority::invitation(person.id)];
        self.note(tx, op, ("person", *person.id.as_bytes()), &touched).await?;
        if new.manager.is_some() {
            self.draw_line(tx, op, &person, new.manager).await?;
        }
        self.hand_over(tx, &grant, &person, Offer { token, expires_at, console }, op).await
    }

    /// Writes the mail that takes the link to them, or gives it back where no mail is sent.
    async fn hand_over<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        person: &Person,
        offer: Offer<'_>,
        op: &OpContext,
    ) -> Result<Invited, PeopleError> {
        let Offer { token, expires_at, console } = offer;
        let view = self.view(tx, grant, person, op).await?;
        let link = format!("{console}/join#token={}", token.reveal());
        if !self.notices.has_post() {
            return Ok(Invited { person: view, link: Some(link), expires_at });
        }
        let wrong = || SqlError::Inconsistent { table: "organisations", column: "name".to_owned() };
        let organisation = organisations::find(tx, person.organisation).await?.ok_or_else(wrong)?;
        let called = self.vault.open(tx, grant, &organisation.name).await?.0;
        let mail = Mail {
            to: view.email.clone(),
            subject: format!("You are invited to {called} on Clerestory"),
            text: format!(
                "Hello {},\n\n{called} has invited you to its Clerestory, which records how people work and keeps it \
                 safe.\nOpen this link to choose a password and come in:\n\n{link}\n\nIt works once, until \
                 {expires_at}. If you did not expect it, do nothing: nobody can use it without this mail.\n",
                view.name
            ),
        };
        self.notices.write(tx, person, &mail, (op.at, expires_at)).await?;
        Ok(Invited { person: view, link: None, expires_at })
    }

    /// Makes a new link for somebody who is invited and has not come; the one before is worthless.
    ///
    /// # Errors
    /// [`PeopleError::State`], [`PeopleError::Refused`].
    pub async fn invite_again(
        &self,
        op: &OpContext,
        on: PersonRef,
        console: &str,
    ) -> Result<Invited, PeopleError> {
        let (identity, asked, console) = (self.clone(), op.clone(), console.to_owned());
        let detail = Some("invited again".to_owned());
        self.decided::<ManagePerson, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move {
                let op = asked;
                let person = identity.locked(tx, grant.on().id).await?;
                if person.state != PersonState::Invited {
                    return Err(PeopleError::State("only who is invited and has not come is invited again"));
                }
                identity.not_above(tx, &op, &person).await?;
                let invited = identity.offer_anew(tx, &grant, &person, &console, &op).await?;
                let touched = [authority::invitation(person.id)];
                identity.note(tx, &op, ("person", *person.id.as_bytes()), &touched).await?;
                Ok(invited)
            })
        })
        .await
    }

    /// Makes a link for somebody who has not come, in place of any before it, and hands it over.
    pub(super) async fn offer_anew<A: Action>(
        &self,
        tx: &mut Tx,
        grant: &Grant<A>,
        person: &Person,
        console: &str,
        op: &OpContext,
    ) -> Result<Invited, PeopleError> {
        let view = self.view(tx, grant, person, op).await?;
        let mac = self.address_mac(tx, &view.email, op.at).await?;
        self.notices.forget(tx, person.id).await?;
        let (token, expires_at) = offer(tx, person.id, mac, op.at).await?;
        self.hand_over(tx, grant, person, Offer { token, expires_at, console }, op).await
    }

    /// Takes an invitation up: the person gets this password and is signed in. The link is used up by it.
    ///
    /// # Errors
    /// [`SignInError::Refused`] for a link that is used up, unknown or run out, and where somebody came by the same
    /// address meanwhile; which of them is not told.
    pub async fn accept_invitation(
        &self,
        op: &OpContext,
        token: &Token,
        password: Password,
        whence: &Whence,
    ) -> Result<Admitted, SignInError> {
        let (hash, now) = (token.hash(), op.at);
        let invited: Result<Option<Person>, SqlError> = self
            .database
            .read(move |tx| {
                Box::pin(async move {
                    let sql = "SELECT person_id FROM invitations WHERE token_hash = $1 AND expires_at > $2";
                    match tx.query_opt(sql, &[hash.into(), now.into()]).await? {
                        Some(row) => people::find(tx, row.get(0)?).await,
                        None => Ok(None),
                    }
                })
            })
            .await;
        let Some(invited) = invited? else {
            self.record_refusal(op, None, "invitation").await?;
            return Err(SignInError::Refused);
        };
        // Whoever is kept out keeps the link for when they are not.
        self.admits(op, &invited, whence, "invitation").await?;
        let phc = self.passwords.hash(password).await.map_err(IdentityError::from)?;
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let (identity, asked) = (self.clone(), op.clone());
        let come: Result<Token, SignInError> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move { identity.come(tx, &asked, hash, phc).await })
            })
            .await;
        match come {
            Ok(link) => self.sign_in_by_link(op, &link, whence).await,
            Err(SignInError::Refused) => {
                self.record_refusal(op, None, "invitation").await?;
                Err(SignInError::Refused)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes an invited person an active one; a link signs them in.
    async fn come(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        token_hash: [u8; 32],
        phc: String,
    ) -> Result<Token, SignInError> {
        let sql = "SELECT p.person_id, p.organisation_id FROM invitations i
                   JOIN people p ON p.person_id = i.person_id WHERE i.token_hash = $1";
        let row = tx.query_opt(sql, &[token_hash.into()]).await?.ok_or(SignInError::Refused)?;
        let (id, organisation): (PersonId, OrganisationId) = (row.get(0)?, row.get(1)?);
        self.access.audit().take_turn(tx, organisation).await.map_err(IdentityError::from)?;
        let sql = "DELETE FROM invitations WHERE token_hash = $1 AND expires_at > $2 RETURNING address_mac";
        let row = tx.query_opt(sql, &[token_hash.into(), op.at.into()]).await?.ok_or(SignInError::Refused)?;
        let mac: [u8; 32] = row.get(0)?;
        let mut person = people::find_locked(tx, id).await?.ok_or(SignInError::Refused)?;
        if person.state != PersonState::Invited {
            return Err(SignInError::Refused);
        }
        let sql = "INSERT INTO address_index (mac, person_id) VALUES ($1, $2) ON CONFLICT (mac) DO NOTHING";
        if tx.execute(sql, &[mac.into(), id.into()]).await? == 0 {
            return Err(SignInError::Refused);
        }
        person.state = PersonState::Active;
        people::update(tx, &person).await?;
        let entry = accepted(op, &person);
        self.access.audit().append(tx, entry).await.map_err(IdentityError::from)?;
        let by = ChangedBy { actor: (ActorKind::Person, *id.as_bytes()), ..op.changing(organisation) };
        let touched = [authority::person(id), authority::invitation(id)];
        self.note_change(tx, by, ("person", *id.as_bytes()), &touched).await?;
        self.set_password(tx, &person, phc, op.at).await?;
        Ok(self.make_link(tx, id, op.at).await?)
    }
}

/// Whether somebody of this organisation has the address, or is invited by it.
pub(super) async fn known_here(
    tx: &mut Tx,
    organisation: OrganisationId,
    mac: [u8; 32],
) -> Result<bool, SqlError> {
    for (table, column) in [("address_index", "mac"), ("invitations", "address_mac")] {
        let sql = format!(
            "SELECT 1 FROM {table} a JOIN people p ON p.person_id = a.person_id
             WHERE a.{column} = $1 AND p.organisation_id = $2 LIMIT 1"
        );
        if tx.query_opt(&sql, &[mac.into(), organisation.into()]).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes the one invitation of a person, in place of any before it.
async fn offer(
    tx: &mut Tx,
    person: PersonId,
    mac: [u8; 32],
    at: Timestamp,
) -> Result<(Token, Timestamp), SqlError> {
    let (token, expires_at) = (Token::generate(), at.plus(LIFE));
    tx.execute("DELETE FROM invitations WHERE person_id = $1", &[person.into()]).await?;
    let sql =
        "INSERT INTO invitations (person_id, token_hash, address_mac, expires_at) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, &[person.into(), token.hash().into(), mac.into(), expires_at.into()]).await?;
    Ok((token, expires_at))
}

fn accepted(op: &OpContext, person: &Person) -> NewEntry {
    NewEntry {
        organisation: person.organisation,
        at: op.at,
        action: "invitation.accept",
        class: Class::ACCOUNT_CREATE,
        outcome: Outcome::Allowed,
        rule: "a link that works once".to_owned(),
        actor_kind: ActorKind::Person,
        actor: *person.id.as_bytes(),
        object: ObjectRef { kind: "person".to_owned(), id: *person.id.as_bytes() },
        request_id: op.request_id.clone(),
        personal: None,
    }
}
