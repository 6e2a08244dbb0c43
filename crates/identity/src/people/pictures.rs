//! Pictures of people: who may set whose, and who sees them.

use clerestory_access::{OpContext, PersonRef, PictureRef, SetPicture, ShowPicture};
use clerestory_confine::picture::Picture;
use clerestory_sql::{SqlError, Tx};
use clerestory_store::organisations;
use clerestory_store::people::Person;
use clerestory_store::pictures::{self, Large, Small};

use super::directory::PersonView;
use super::error::PeopleError;
use crate::Identity;

/// Which of the two squares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureSize {
    /// 256 pixels to a side.
    Large,
    /// 64 pixels to a side.
    Small,
}

/// A picture, as whoever may see it does.
#[derive(Clone, Debug)]
pub struct ShownPicture {
    /// Which one it is.
    pub version: u64,
    /// Its bytes, but to whoever has this version already.
    pub bytes: Option<Vec<u8>>,
}

impl Identity {
    /// Whether this caller would be let set the picture of this person. It spares reading and decoding one for nobody;
    /// [`Self::set_picture`] decides.
    ///
    /// # Errors
    /// [`PeopleError::Refused`], on record then; [`PeopleError::Inner`].
    pub async fn may_set_picture(&self, op: &OpContext, on: PersonRef) -> Result<(), PeopleError> {
        if !self.access.would_allow::<SetPicture>(op, on).await? {
            let _allowed_meanwhile = self.access.authorize::<SetPicture>(op, on, None).await??;
        }
        Ok(())
    }

    /// Gives somebody this picture, in the place of any before.
    ///
    /// # Errors
    /// [`PeopleError::Refused`], [`PeopleError::Inner`].
    pub async fn set_picture(
        &self,
        op: &OpContext,
        on: PersonRef,
        picture: Picture,
    ) -> Result<PersonView, PeopleError> {
        let (identity, asked) = (self.clone(), op.clone());
        let detail = Some("picture set".to_owned());
        self.decided::<SetPicture, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move {
                let person = identity.locked(tx, grant.on().id).await?;
                let wrong = || SqlError::Inconsistent { table: "subjects", column: "subject_id".to_owned() };
                let key = organisations::subject_key(tx, person.subject).await?.ok_or_else(wrong)?;
                let version = pictures::next_version(tx, person.id, asked.at).await?;
                let place = pictures::place(person.organisation, person.id, version);
                let large = identity.vault.seal(tx, key, place, &Large::new(picture.large)).await?;
                let small = identity.vault.seal(tx, key, place, &Small::new(picture.small)).await?;
                let organisation = person.organisation;
                let row = pictures::Picture { person: person.id, organisation, version, large, small };
                pictures::put(tx, &row).await?;
                identity.view(tx, &grant, &person, &asked).await
            })
        })
        .await
    }

    /// Takes somebody's picture away for good, if they have one.
    ///
    /// # Errors
    /// [`PeopleError::Refused`], [`PeopleError::Inner`].
    pub async fn remove_picture(&self, op: &OpContext, on: PersonRef) -> Result<PersonView, PeopleError> {
        let (identity, asked) = (self.clone(), op.clone());
        let detail = Some("picture removed".to_owned());
        self.decided::<SetPicture, _>(op, on, detail, move |tx, grant| {
            Box::pin(async move {
                let person = identity.locked(tx, grant.on().id).await?;
                pictures::remove(tx, person.id).await?;
                identity.view(tx, &grant, &person, &asked).await
            })
        })
        .await
    }

    /// The version of somebody's picture, where they have one that the caller is shown.
    pub(super) async fn picture_shown(
        &self,
        tx: &mut Tx,
        op: &OpContext,
        person: &Person,
    ) -> Result<Option<u64>, PeopleError> {
        let Some(asker) = op.actor.person() else { return Ok(None) };
        let Some(version) = pictures::version(tx, person.id).await? else { return Ok(None) };
        let on = PictureRef { organisation: person.organisation, id: person.id, asker };
        Ok(self.access.would_allow_in::<ShowPicture>(tx, op, on).await?.then_some(version))
    }

    /// Somebody's picture. It rides on the entry that tells of the caller's signing in, as many are shown beside names
    /// that an entry of their own tells of; whether they may see this one is decided each time.
    ///
    /// # Errors
    /// [`PeopleError::NotFound`] when there is none, or not the one that is wanted; [`PeopleError::Refused`],
    /// [`PeopleError::Inner`].
    pub async fn picture(
        &self,
        op: &OpContext,
        (on, signed_in): (PictureRef, u64),
        (size, wanted): (PictureSize, Option<u64>),
        known: impl Fn(u64) -> bool + Send + 'static,
    ) -> Result<ShownPicture, PeopleError> {
        let grant = self.access.resume::<ShowPicture>(op, on, signed_in).await??;
        self.vault.hold_lease().await?;
        let vault = self.vault.clone();
        self.database
            .read(move |tx| {
                Box::pin(async move {
                    let found = pictures::find(tx, grant.on().id).await?.ok_or(PeopleError::NotFound)?;
                    let version = found.version;
                    if wanted.is_some_and(|wanted| wanted != version) {
                        return Err(PeopleError::NotFound);
                    }
                    if known(version) {
                        return Ok(ShownPicture { version, bytes: None });
                    }
                    let bytes = match size {
                        PictureSize::Large => vault.open(tx, &grant, &found.large).await?.into_bytes(),
                        PictureSize::Small => vault.open(tx, &grant, &found.small).await?.into_bytes(),
                    };
                    Ok(ShownPicture { version, bytes: Some(bytes) })
                })
            })
            .await
    }
}
