//! Ingest tokens: what a site key buys. Bound to one origin, recording and track; checked by a MAC, kept nowhere.
//!
//! Text: `cit_` and base64url of version 1 ‖ key id 16 ‖ site 16 ‖ organisation 16 ‖ recording 16 ‖ track 16 ‖
//! be64 audit entry ‖ be64 expiry in microseconds ‖ SHA-256 of the origin 32 ‖ HMAC-SHA256 32.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_keys::Purpose;
use clerestory_model::{KeyId, OrganisationId, RecordingId, SiteId, Timestamp, TrackId};
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
        let mac = minter.mac.mac(&[&bytes]);
        bytes.extend_from_slice(&mac);
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
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
        let minter = self.minter().await?;
        let bytes = text
            .strip_prefix(PREFIX)
            .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
            .ok_or(TokenProblem::Forged)?;
        let (claims, mac) = bytes.split_at_checked(CLAIM_BYTES).ok_or(TokenProblem::Forged)?;
        if !minter.mac.verify(&[claims], mac) {
            return Err(TokenProblem::Forged.into());
        }
        parse(claims, origin).map_err(Into::into)
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

fn parse(claims: &[u8], origin: &Origin) -> Result<IngestToken, TokenProblem> {
    let mut rest = claims.get(1 + 16..).ok_or(TokenProblem::Forged)?;
    let mut id = || {
        let (first, later) = rest.split_first_chunk::<16>().ok_or(TokenProblem::Forged)?;
        rest = later;
        Ok(*first)
    };
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
