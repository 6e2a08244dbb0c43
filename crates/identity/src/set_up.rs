//! The first run: an installation without an organisation gets one, and its administrator, by a link that the server
//! printed to whoever started it.

use std::sync::PoisonError;

use clerestory_access::OpContext;
use clerestory_model::OrganisationId;
use clerestory_sql::{Lane, SqlError, Tx};
use clerestory_store::organisations;
use clerestory_store::people::Role;
use subtle::ConstantTimeEq;

use crate::{
    Admitted, Identity, IdentityError, NewOrganisation, NewPerson, Password, SignInError, Token, Whence,
};

/// The first organisation, and who runs it.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// What people call the organisation.
    pub organisation: String,
    /// The administrator's name.
    pub name: String,
    /// The administrator's address.
    pub email: String,
}

impl Identity {
    /// Makes the secret of the set-up link, if there is no organisation yet. Only this process knows it.
    ///
    /// # Errors
    /// [`IdentityError::Sql`].
    pub async fn offer_set_up(&self) -> Result<Option<Token>, IdentityError> {
        let some = self.database.read(|tx| Box::pin(async move { organisations::all(tx).await }));
        let some: Result<Vec<OrganisationId>, SqlError> = some.await;
        if !some?.is_empty() {
            return Ok(None);
        }
        let token = Token::generate();
        *self.set_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.hash());
        Ok(Some(token))
    }

    /// Makes the first organisation and its administrator, who is signed in. The link is used up by it.
    ///
    /// # Errors
    /// [`SignInError::Refused`] for a secret that is not the one, and once there is an organisation.
    pub async fn set_up(
        &self,
        op: &OpContext,
        token: &Token,
        (new, password): (SetUp, Password),
        whence: &Whence,
    ) -> Result<Admitted, SignInError> {
        let offered = *self.set_up.lock().unwrap_or_else(PoisonError::into_inner);
        let right = offered.is_some_and(|hash| bool::from(hash.as_slice().ct_eq(token.hash().as_slice())));
        if !right {
            self.record_refusal(op, None, "set-up link").await?;
            return Err(SignInError::Refused);
        }
        let phc = self.passwords.hash(password).await.map_err(IdentityError::from)?;
        self.vault.hold_lease().await.map_err(IdentityError::from)?;
        let (identity, at) = (self.clone(), op.at);
        let made: Result<Token, SignInError> = self
            .database
            .write(Lane::Interactive, move |tx| {
                Box::pin(async move { identity.set_up_in(tx, new, phc, at).await })
            })
            .await;
        let link = made?;
        *self.set_up.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.sign_in_by_link(op, &link, whence).await
    }

    async fn set_up_in(
        &self,
        tx: &mut Tx,
        new: SetUp,
        phc: String,
        at: clerestory_model::Timestamp,
    ) -> Result<Token, SignInError> {
        // The deployment's own turn: of two who set up at once, at two nodes, the second finds an organisation.
        let turn = self.access.audit().take_turn(tx, OrganisationId::nil()).await;
        turn.map_err(IdentityError::from)?;
        if !organisations::all(tx).await?.is_empty() {
            return Err(SignInError::Refused);
        }
        let named = NewOrganisation { name: &new.organisation, project: "General" };
        let organisation = self.add_organisation(tx, named, at).await?;
        let person = NewPerson {
            organisation,
            role: Role::Admin,
            name: &new.name,
            email: &new.email,
            password: Some(phc),
        };
        let person = self.add_person(tx, person, at).await?;
        Ok(self.make_link(tx, person, at).await?)
    }
}
