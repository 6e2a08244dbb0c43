//! Ingest tokens: what a site key buys, bound to one origin, recording and track, or what a browser that records a screen is
//! given, bound to it, a recording and one run of it. Checked by a MAC, kept nowhere.
//!
//! Text: `cit_` and base64url of version 1 ‖ key id 16 ‖ site 16 ‖ organisation 16 ‖ recording 16 ‖ track 16 ‖
//! be64 audit entry ‖ be64 expiry in microseconds ‖ SHA-256 of the origin 32 ‖ HMAC-SHA256 32; or of version 2 ‖ key id 16 ‖
//! recorder 16 ‖ person 16 ‖ organisation 16 ‖ recording 16 ‖ writer 16 ‖ be64 audit entry ‖ be64 expiry ‖ HMAC-SHA256 32.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_keys::Purpose;
use clerestory_model::{
    KeyId, OrganisationId, PersonId, RecorderId, RecordingId, SiteId, Timestamp, TrackId, WriterId,
};
use clerestory_seal::{MacKey, sha256};
use clerestory_sql::Lane;

use crate::origin::Origin;
use crate::{Intake, IntakeError};

/// How long a token sends.
const LIFE: Duration = Duration::from_secs(15 * 60);
/// How long after that it may still be shown to go on with its visit.
const RESUMABLE: Duration = Duration::from_secs(14 * 24 * 3600);
const PREFIX: &str = "cit_";
const CLAIM_BYTES: usize = 1 + 5 * 16 + 8 + 8 + 32;
const SCREEN_CLAIM_BYTES: usize = 1 + 6 * 16 + 8 + 8;

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenProblem {
    /// It is not one of ours.
    #[error("not an ingest token of this installation")]
    Forged,
    /// It has run out: start again with it as `resume`.
    #[error("the ingest token has run out")]
    Expired,
    /// It was made for another origin.
    #[error("the ingest token is for another origin")]
    OtherOrigin,
}

/// What a valid token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestToken {
    /// The site.
    pub site: SiteId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The visit.
    pub recording: RecordingId,
    /// The writer's track.
    pub track: TrackId,
    /// The entry that tells of the decision to let it send.
    pub entry: u64,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// What a valid token of a browser says that records a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScreenToken {
    /// The browser.
    pub recorder: RecorderId,
    /// Whose screen it is.
    pub person: PersonId,
    /// Their organisation.
    pub organisation: OrganisationId,
    /// The recording.
    pub recording: RecordingId,
    /// The run of the browser, whose tracks it sends to.
    pub writer: WriterId,
    /// The entry that tells of the decision to let it send.
    pub entry: u64,
    /// When it runs out.
    pub expires_at: Timestamp,
}

/// The MAC key that makes and checks tokens, by its id.
pub(crate) struct Minter {
    id: KeyId,
    mac: MacKey,
}

impl Intake {
    pub(crate) async fn mint(&self, claims: &IngestToken, origin: &Origin) -> Result<String, IntakeError> {
        let minter = self.minter().await?;
        let mut bytes = Vec::with_capacity(CLAIM_BYTES + 32);
        bytes.push(1);
        for id in [
            minter.id.as_bytes(),
            claims.site.as_bytes(),
            claims.organisation.as_bytes(),
            claims.recording.as_bytes(),
            claims.track.as_bytes(),
        ] {
            bytes.extend_from_slice(id);
        }
        bytes.extend_from_slice(&claims.entry.to_be_bytes());
        bytes.extend_from_slice(&claims.expires_at.micros().to_be_bytes());
        bytes.extend_from_slice(&sha256(origin.as_str().as_bytes()));
        Ok(minter.text(bytes))
    }

    pub(crate) async fn mint_screen(&self, claims: &ScreenToken) -> Result<String, IntakeError> {
        let minter = self.minter().await?;
        let mut bytes = Vec::with_capacity(SCREEN_CLAIM_BYTES + 32);
        bytes.push(2);
        for id in [
            minter.id.as_bytes(),
            claims.recorder.as_bytes(),
            claims.person.as_bytes(),
            claims.organisation.as_bytes(),
            claims.recording.as_bytes(),
            claims.writer.as_bytes(),
        ] {
            bytes.extend_from_slice(id);
        }
        bytes.extend_from_slice(&claims.entry.to_be_bytes());
        bytes.extend_from_slice(&claims.expires_at.micros().to_be_bytes());
        Ok(minter.text(bytes))
    }

    /// What a token says of a browser that records a screen: one that sends now, or one that may have run out meanwhile.
    pub(crate) async fn screen_token(&self, text: &str, late: bool) -> Result<ScreenToken, IntakeError> {
        let claims = parse_screen(&self.minter().await?.claims(text, SCREEN_CLAIM_BYTES)?)?;
        let now = self.clock.now();
        let over = match late {
            true => now.since(claims.expires_at) >= RESUMABLE,
            false => now >= claims.expires_at,
        };
        if over { Err(TokenProblem::Expired.into()) } else { Ok(claims) }
    }

    pub(crate) fn token_expiry(&self) -> Timestamp {
        self.clock.now().plus(LIFE)
    }

    /// What a token says, if it is ours, for this origin, and sends now.
    ///
    /// # Errors
    /// [`IntakeError::Token`]; [`IntakeError::Key`] when the key to check it with cannot be had.
    pub async fn check_token(&self, text: &str, origin: &Origin) -> Result<IngestToken, IntakeError> {
        let claims = self.read_token(text, origin).await?;
        if self.clock.now() >= claims.expires_at {
            return Err(TokenProblem::Expired.into());
        }
        Ok(claims)
    }

    /// What a token says that may have run out meanwhile, to go on with its visit.
    pub(crate) async fn resumable_token(
        &self,
        text: &str,
        origin: &Origin,
    ) -> Result<IngestToken, IntakeError> {
        let claims = self.read_token(text, origin).await?;
        if self.clock.now().since(claims.expires_at) >= RESUMABLE {
            return Err(TokenProblem::Expired.into());
        }
        Ok(claims)
    }

    async fn read_token(&self, text: &str, origin: &Origin) -> Result<IngestToken, IntakeError> {
        let claims = self.minter().await?.claims(text, CLAIM_BYTES)?;
        parse(&claims, origin).map_err(Into::into)
    }

    async fn minter(&self) -> Result<&Minter, IntakeError> {
        self.shared
            .tokens
            .get_or_try_init(|| async {
                let (vault, at) = (self.vault.clone(), self.clock.now());
                vault.hold_lease().await?;
                let id = self
                    .database
                    .write(Lane::Intake, move |tx| {
                        Box::pin(async move {
                            vault.standing_key(tx, Purpose::IngestToken, at).await.map_err(IntakeError::from)
                        })
                    })
                    .await?;
                Ok(Minter { id, mac: self.vault.ingest_token_key(id).await? })
            })
            .await
    }
}

impl Minter {
    /// The text of a token with these claims.
    fn text(&self, mut claims: Vec<u8>) -> String {
        let mac = self.mac.mac(&[&claims]);
        claims.extend_from_slice(&mac);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(claims))
    }

    /// The claims of a token that is ours, and has so many bytes of them.
    fn claims(&self, text: &str, length: usize) -> Result<Vec<u8>, TokenProblem> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let bytes = bytes.ok_or(TokenProblem::Forged)?;
        let (claims, mac) = bytes.split_at_checked(length).ok_or(TokenProblem::Forged)?;
        if !self.mac.verify(&[claims], mac) {
            return Err(TokenProblem::Forged);
        }
        Ok(claims.to_vec())
    }
}

/// The next sixteen bytes.
fn take_id(rest: &mut &[u8]) -> Result<[u8; 16], TokenProblem> {
    let (first, later) = rest.split_first_chunk::<16>().ok_or(TokenProblem::Forged)?;
    *rest = later;
    Ok(*first)
}

fn parse_screen(claims: &[u8]) -> Result<ScreenToken, TokenProblem> {
    let Some((2, mut rest)) = claims.split_first() else { return Err(TokenProblem::Forged) };
    let _key = take_id(&mut rest)?;
    let recorder = RecorderId::from_bytes(take_id(&mut rest)?);
    let person = PersonId::from_bytes(take_id(&mut rest)?);
    let organisation = OrganisationId::from_bytes(take_id(&mut rest)?);
    let recording = RecordingId::from_bytes(take_id(&mut rest)?);
    let writer = WriterId::from_bytes(take_id(&mut rest)?);
    let (entry, rest) = rest.split_first_chunk::<8>().ok_or(TokenProblem::Forged)?;
    let expires: &[u8; 8] = rest.try_into().map_err(|_| TokenProblem::Forged)?;
    Ok(ScreenToken {
        recorder,
        person,
        organisation,
        recording,
        writer,
        entry: u64::from_be_bytes(*entry),
        expires_at: Timestamp::from_micros(i64::from_be_bytes(*expires)),
    })
}

fn parse(claims: &[u8], origin: &Origin) -> Result<IngestToken, TokenProblem> {
    let Some((1, mut rest)) = claims.split_first() else { return Err(TokenProblem::Forged) };
    let _key = take_id(&mut rest)?;
    let mut id = || take_id(&mut rest);
    let (site, organisation, recording, track) = (id()?, id()?, id()?, id()?);
    let (entry, rest) = rest.split_first_chunk::<8>().ok_or(TokenProblem::Forged)?;
    let (expires, bound) = rest.split_first_chunk::<8>().ok_or(TokenProblem::Forged)?;
    if bound != sha256(origin.as_str().as_bytes()) {
        return Err(TokenProblem::OtherOrigin);
    }
    Ok(IngestToken {
        site: SiteId::from_bytes(site),
        organisation: OrganisationId::from_bytes(organisation),
        recording: RecordingId::from_bytes(recording),
        track: TrackId::from_bytes(track),
        entry: u64::from_be_bytes(*entry),
        expires_at: Timestamp::from_micros(i64::from_be_bytes(*expires)),
    })
}
