//! Checkpoints (C2SP `tlog-checkpoint`) as signed notes (C2SP `signed-note`): origin, size and root, and an Ed25519
//! signature over them.

use std::str::FromStr;

use aws_lc_rs::constant_time;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clerestory_model::Deployment;
use clerestory_seal::{CheckpointKey, sha256, verify_ed25519};

use super::tree::Hash;

/// The number of Ed25519 among the kinds of signatures.
const ED25519: u8 = 1;
/// What a line of a signature begins with: an em dash and a space.
const DASH: &str = "\u{2014} ";
/// Bytes of a note at most; ours have under 300.
const NOTE_BYTES: usize = 16 * 1024;

/// The state of the log at one size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// Text that is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a signed checkpoint: {0}")]
pub struct NoteError(&'static str);

/// A checkpoint with the signatures under it, which are still to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub checkpoint: Checkpoint,
    body: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    key_id: [u8; 4],
    signature: Vec<u8>,
}

/// The name of a deployment's log.
#[must_use]
pub fn origin(deployment: &Deployment) -> String {
    format!("clerestory/{}", hex::encode(deployment.environment))
}

fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend_from_slice(&[b'\n', ED25519]);
    bytes.extend_from_slice(public);
    let [a, b, c, d, ..] = sha256(&bytes);
    [a, b, c, d]
}

/// The public key as verifiers are given it: name, key id, and base64 of the kind and the key.
#[must_use]
pub fn verifier_key(origin: &str, public: &[u8; 32]) -> String {
    let mut bytes = vec![ED25519];
    bytes.extend_from_slice(public);
    format!("{origin}+{}+{}", hex::encode(key_id(origin, public)), STANDARD.encode(bytes))
}

impl Checkpoint {
    fn body(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root))
    }

    /// The signed note.
    #[must_use]
    pub fn sign(&self, key: &CheckpointKey) -> String {
        let body = self.body();
        let mut signature = key_id(&self.origin, &key.public()).to_vec();
        signature.extend_from_slice(&key.sign(body.as_bytes()));
        format!("{body}\n{DASH}{} {}\n", self.origin, STANDARD.encode(signature))
    }
}

impl SignedCheckpoint {
    /// Whether a signature under it is this key's. One by another key under the same name and id condemns the note.
    #[must_use]
    pub fn is_signed_by(&self, public: &[u8; 32]) -> bool {
        let id = key_id(&self.checkpoint.origin, public);
        let ours = self.signatures.iter().find(|one| {
            one.name == self.checkpoint.origin
                && constant_time::verify_slices_are_equal(&one.key_id, &id).is_ok()
        });
        ours.is_some_and(|one| verify_ed25519(public, self.body.as_bytes(), &one.signature))
    }
}

impl FromStr for SignedCheckpoint {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        if text.len() > NOTE_BYTES {
            return Err(NoteError("it is far too long"));
        }
        if text.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError("it holds control characters"));
        }
        let (body, signatures) =
            text.rsplit_once("\n\n").ok_or(NoteError("no blank line before its signatures"))?;
        let body = format!("{body}\n");
        let mut lines = body.split_terminator('\n');
        let origin = lines.next().filter(|line| !line.is_empty()).ok_or(NoteError("no origin"))?;
        let size = lines.next().and_then(|line| {
            let size: u64 = line.parse().ok()?;
            (size.to_string() == line).then_some(size)
        });
        let root = lines.next().and_then(|line| STANDARD.decode(line).ok()?.try_into().ok());
        if lines.any(str::is_empty) {
            return Err(NoteError("an empty line in its text"));
        }
        let checkpoint = Checkpoint {
            origin: origin.to_owned(),
            size: size.ok_or(NoteError("its second line is not a size"))?,
            root: root.ok_or(NoteError("its third line is not a root"))?,
        };
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError("its last line does not end"))?;
        let signatures: Option<Vec<NoteSignature>> = signatures.split('\n').map(signature).collect();
        let signatures = signatures.ok_or(NoteError("a line of a signature is malformed"))?;
        Ok(Self { checkpoint, body, signatures })
    }
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (key_id, signature) = bytes.split_at_checked(4)?;
    if name.is_empty() || signature.is_empty() {
        return None;
    }
    Some(NoteSignature {
        name: name.to_owned(),
        key_id: key_id.try_into().ok()?,
        signature: signature.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use clerestory_seal::SecretKey;

    use super::*;

    fn key(seed: u8) -> CheckpointKey {
        CheckpointKey::derive(&SecretKey::from_bytes([seed; 32])).unwrap()
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "clerestory/00ff".to_owned(), size: 70_000, root: [5; 32] }
    }

    #[test]
    fn a_checkpoint_leads_back_and_is_bound_to_its_key_and_text() {
        let text = checkpoint().sign(&key(1));
        let read: SignedCheckpoint = text.parse().unwrap();
        assert_eq!(read.checkpoint, checkpoint());
        assert!(read.is_signed_by(&key(1).public()));
        assert!(!read.is_signed_by(&key(2).public()));
        let larger: SignedCheckpoint = text.replacen("70000", "70001", 1).parse().unwrap();
        assert!(!larger.is_signed_by(&key(1).public()));
    }

    #[test]
    fn a_further_signature_of_somebody_else_is_let_stand() {
        let text = checkpoint().sign(&key(1));
        let both = format!("{text}{DASH}witness.example {}\n", STANDARD.encode([9; 68]));
        let read: SignedCheckpoint = both.parse().unwrap();
        assert!(read.is_signed_by(&key(1).public()));
    }

    /// The example of the specification of signed notes, with the key it names elsewhere: PeterNeumann, Go's own test.
    #[test]
    fn key_ids_agree_with_the_first_implementation() {
        let encoded = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let bytes = STANDARD.decode(encoded).unwrap();
        let public: [u8; 32] = bytes[1..].try_into().unwrap();
        assert_eq!(verifier_key("PeterNeumann", &public), format!("PeterNeumann+c74f20a3+{encoded}"));
    }

    #[test]
    fn other_texts_are_refused() {
        let text = checkpoint().sign(&key(1));
        for bad in [
            String::new(),
            text.replacen("70000", "070000", 1),
            text.replacen("70000", "-1", 1),
            text.replacen('\u{2014}', "-", 1),
            text.trim_end().to_owned(),
            text.replace('\n', "\r\n"),
            text.split("\n\n").next().unwrap_or_default().to_owned(),
        ] {
            assert!(bad.parse::<SignedCheckpoint>().is_err(), "{bad:?}");
        }
    }
}
