//! Receipts: what was erased, when, what was checked, and how much that is worth; signed.
//!
//! What is signed is the text of a JSON object, byte for byte as it stands in the receipt, behind the line
//! `clerestory erasure receipt 1`. `docs/formats.md` says each field.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_model::{ErasureId, KeyId, OrganisationId};
use clerestory_seal::{ReceiptKey, verify_receipt};
use serde::{Deserialize, Serialize};

use crate::check::Seen;
use crate::{Assurance, EraseError, Erasure, Target};

/// Who checks.
const VERIFIED_BY: &str = "another process, for reading only, without root and keys";

/// What a receipt says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// Which installation, in hex.
    pub deployment: String,
    /// Whose it was.
    pub organisation: OrganisationId,
    /// The erasure.
    pub erasure: ErasureId,
    /// `track`, `recording`, `range`, `subject`, `recordings` for all of one person, `organisation`, or `expired` for a batch of
    /// a sweep.
    pub kind: String,
    /// The id of what was erased; of the recording for a range; of the subject for their recordings; of the erasure itself for a
    /// batch of a sweep.
    pub target: String,
    /// Where a range begins and ends that was asked for, in microseconds since the recording began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub range_us: Option<[i64; 2]>,
    /// The entry of the organisation's log that tells who asked.
    pub entry: u64,
    /// When it was asked for.
    pub asked_at: String,
    /// When the keys were destroyed.
    pub destroyed_at: String,
    /// The keys.
    pub keys: Vec<KeyId>,
    /// How many tracks they sealed.
    pub tracks: u64,
    /// How many objects held something of it; none of them is there.
    pub objects: u64,
    /// What derives from recordings, and was looked through too.
    pub derived: Vec<String>,
    /// Places outside the database that keep the tombstones.
    pub tombstones_in: Vec<String>,
    /// Until when the object store's own rule may keep what was deleted from it: sealed under keys that are destroyed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub deleted_objects_kept_until: Option<String>,
    /// When a check that can only read found nothing of it.
    pub verified_at: String,
    /// Who made that check; absent where it was the server's own process.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub verified_by: Option<String>,
    /// The tier of assurance.
    pub assurance: String,
    /// What the tier means.
    pub assurance_means: String,
    /// Since when no copy of anything can be read, once the epochs of the day of erasure are destroyed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unreadable_in_every_copy_since: Option<String>,
}

/// A receipt as it is given out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedReceipt {
    /// The JSON of a [`Receipt`], exactly as it was signed.
    pub text: String,
    /// base64 of the Ed25519 signature.
    pub signature: String,
    /// base64 of the public key.
    pub key: String,
}

impl SignedReceipt {
    pub(crate) fn sign(receipt: &Receipt, key: &ReceiptKey) -> Result<Self, EraseError> {
        let text = serde_json::to_string(receipt)?;
        let signature = STANDARD.encode(key.sign(&text));
        Ok(Self { text, signature, key: STANDARD.encode(key.public()) })
    }

    /// What it says, if it was signed with the key it names. Whether that is the installation's key is for whoever
    /// checks to compare with one they know.
    #[must_use]
    pub fn verify(&self) -> Option<Receipt> {
        let (public, signature) = (STANDARD.decode(&self.key).ok()?, STANDARD.decode(&self.signature).ok()?);
        verify_receipt(&public, &self.text, &signature)
            .then(|| serde_json::from_str(&self.text).ok())
            .flatten()
    }
}

/// What the wiring and the check know, for a receipt.
pub(crate) struct Facts {
    pub(crate) deployment: String,
    pub(crate) derived: Vec<String>,
    pub(crate) tombstones_in: Vec<String>,
    pub(crate) assurance: Assurance,
    pub(crate) kept_after_deletion: Duration,
}

impl Receipt {
    /// The receipt of an erasure that was destroyed and checked.
    pub(crate) fn of(erasure: &Erasure, seen: Seen, facts: Facts) -> Self {
        let time = |at: Option<clerestory_model::Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        Self {
            deployment: facts.deployment,
            organisation: erasure.organisation,
            erasure: erasure.id,
            kind: erasure.target.word().to_owned(),
            target: match erasure.target {
                Target::Track { track, .. } => track.to_string(),
                Target::Recording(recording) | Target::Range { recording, .. } => recording.to_string(),
                Target::Subject(subject) | Target::RecordingsOf(subject) => subject.to_string(),
                Target::Organisation => erasure.organisation.to_string(),
                Target::Expired(erasure) => erasure.to_string(),
            },
            range_us: match erasure.target {
                Target::Range { from_us, to_us, .. } => Some([from_us, to_us]),
                _ => None,
            },
            entry: erasure.entry,
            asked_at: erasure.asked_at.to_string(),
            destroyed_at: time(erasure.destroyed_at),
            keys: seen.keys,
            tracks: seen.tracks,
            objects: seen.objects,
            derived: facts.derived,
            tombstones_in: facts.tombstones_in,
            deleted_objects_kept_until: erasure
                .removed_at
                .filter(|_| !facts.kept_after_deletion.is_zero())
                .map(|removed| removed.plus(facts.kept_after_deletion).to_string()),
            verified_at: time(erasure.verified_at),
            verified_by: Some(VERIFIED_BY.to_owned()),
            assurance: facts.assurance.word().to_owned(),
            assurance_means: facts.assurance.sentence().to_owned(),
            unreadable_in_every_copy_since: None,
        }
    }
}
