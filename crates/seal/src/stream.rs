//! Sealed objects: Tink streaming AEAD `AES256_GCM_HKDF`, 64 KiB ciphertext pieces, 32-byte derived keys,
//! HKDF-SHA256. Source: Tink's "AES-GCM-HKDF Streaming AEAD" wire format page.
//!
//! Layout: byte 40 ‖ salt 32 ‖ nonce prefix 7, then pieces. The first piece holds 65,480 plaintext bytes, the
//! others 65,520, each followed by its tag. Piece key = HKDF(key, salt, info = associated data); nonce =
//! prefix ‖ be32(piece) ‖ last (1 for the last piece, else 0); GCM's own associated data is empty.

use crate::cipher::{Aead, NONCE_BYTES, TAG_BYTES};
use crate::context::ObjectContext;
use crate::key::{Label, SecretKey, hkdf_sha256};
use crate::random::random;

/// Bytes before the first piece.
pub const HEADER_BYTES: usize = 40;
/// Ciphertext bytes of a whole piece, tag included; the first piece shares its 64 KiB with the header.
pub const PIECE_BYTES: usize = 65_536;

const SALT_BYTES: usize = 32;
const PREFIX_BYTES: usize = 7;
const FIRST_PLAIN: u64 = (PIECE_BYTES - HEADER_BYTES - TAG_BYTES) as u64;
const PLAIN: u64 = (PIECE_BYTES - TAG_BYTES) as u64;

/// The clear first 40 bytes of a sealed object: a salt and a nonce prefix, neither secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header([u8; HEADER_BYTES]);

/// Why an object, or a range of it, does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// The header is not one of this format.
    #[error("a sealed object has an unknown header")]
    UnknownHeader,
    /// The object is shorter than its manifest or rows say, or than any sealed object.
    #[error("a sealed object is cut short")]
    Truncated,
    /// The range asked for does not lie in the object.
    #[error("the range does not lie in the object")]
    OutOfRange,
    /// A piece was altered, moved, or belongs to another object.
    #[error("piece {piece} failed its authentication check")]
    Tampered {
        /// Counted from 0 in pieces of 64 KiB.
        piece: u32,
    },
}

impl Header {
    /// Reads the first bytes of an object.
    ///
    /// # Errors
    /// [`StreamError::Truncated`] or [`StreamError::UnknownHeader`].
    pub fn parse(bytes: &[u8]) -> Result<Self, StreamError> {
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(StreamError::Truncated)?;
        match header.first() {
            Some(40) => Ok(Self(*header)),
            _ => Err(StreamError::UnknownHeader),
        }
    }

    /// The header as it stands in the object.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HEADER_BYTES] {
        &self.0
    }

    fn fresh() -> Self {
        let mut out = [0; HEADER_BYTES];
        let (salt, prefix) = (random::<SALT_BYTES>(), random::<PREFIX_BYTES>());
        for (place, byte) in out.iter_mut().zip([40].iter().chain(&salt).chain(&prefix)) {
            *place = *byte;
        }
        Self(out)
    }

    /// The salt of the piece key.
    #[must_use]
    pub fn salt(&self) -> &[u8] {
        self.0.get(1..1 + SALT_BYTES).unwrap_or_default()
    }

    /// What every piece's nonce begins with.
    #[must_use]
    pub fn nonce_prefix(&self) -> &[u8] {
        self.0.get(1 + SALT_BYTES..).unwrap_or_default()
    }

    fn piece_aead(&self, key: &SecretKey, context: &ObjectContext<'_>) -> Aead {
        let stream = key.derive(Label::Object, &[]);
        let mut piece_key = zeroize::Zeroizing::new([0; 32]);
        hkdf_sha256(self.salt(), stream.dangerous_bytes(), &[&context.encode()], &mut piece_key);
        Aead::gcm(&piece_key)
    }

    fn nonce(&self, piece: u32, last: bool) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        let number = piece.to_be_bytes();
        let bytes = self.nonce_prefix().iter().chain(&number).chain(if last { &[1] } else { &[0] });
        for (place, byte) in nonce.iter_mut().zip(bytes) {
            *place = *byte;
        }
        nonce
    }
}

/// Length of the object that seals `plain` bytes.
#[must_use]
pub const fn sealed_length(plain: u64) -> u64 {
    plain + HEADER_BYTES as u64 + piece_count(plain) * TAG_BYTES as u64
}

/// Even an empty object has one piece; plaintext that ends on a border has no empty piece after it.
const fn piece_count(plain: u64) -> u64 {
    if plain <= FIRST_PLAIN { 1 } else { 1 + (plain - FIRST_PLAIN).div_ceil(PLAIN) }
}

/// Plaintext length of an object of `sealed` bytes, if an object can have that length.
fn plain_length(sealed: u64) -> Option<u64> {
    let body = sealed.checked_sub(HEADER_BYTES as u64)?;
    let pieces = if sealed <= PIECE_BYTES as u64 { 1 } else { sealed.div_ceil(PIECE_BYTES as u64) };
    let plain = body.checked_sub(pieces * TAG_BYTES as u64)?;
    (sealed_length(plain) == sealed).then_some(plain)
}

/// Seals `plain` as the object that `context` says it is. Salt and nonces are drawn here.
#[must_use]
pub fn seal_object(key: &SecretKey, context: &ObjectContext<'_>, plain: &[u8]) -> Vec<u8> {
    let header = Header::fresh();
    let aead = header.piece_aead(key, context);
    let length = usize::try_from(sealed_length(plain.len() as u64)).unwrap_or(plain.len());
    let mut out = Vec::with_capacity(length);
    out.extend_from_slice(header.as_bytes());
    let (mut rest, mut piece, mut room) = (plain, 0, FIRST_PLAIN as usize);
    loop {
        let (now, later) = rest.split_at(room.min(rest.len()));
        let from = out.len();
        out.extend_from_slice(now);
        aead.seal(header.nonce(piece, later.is_empty()), &[], &mut out, from);
        if later.is_empty() {
            return out;
        }
        (rest, piece, room) = (later, piece + 1, PLAIN as usize);
    }
}

/// Opens ranges of one object, given its header and exact length (both kept beside it, never asked of the store).
pub struct ObjectOpener {
    header: Header,
    aead: Aead,
    sealed_bytes: u64,
    plain_bytes: u64,
}

impl ObjectOpener {
    /// Prepares to open the object of `sealed_bytes` that `context` says it is.
    ///
    /// # Errors
    /// [`StreamError::Truncated`] when no object has that length.
    pub fn new(
        key: &SecretKey,
        context: &ObjectContext<'_>,
        header: Header,
        sealed_bytes: u64,
    ) -> Result<Self, StreamError> {
        let plain_bytes = plain_length(sealed_bytes).ok_or(StreamError::Truncated)?;
        Ok(Self { aead: header.piece_aead(key, context), header, sealed_bytes, plain_bytes })
    }

    /// How many bytes the object holds.
    #[must_use]
    pub const fn plain_bytes(&self) -> u64 {
        self.plain_bytes
    }

    /// Which ciphertext bytes (from, to) must be read to open plaintext `from..to`: whole pieces.
    ///
    /// # Errors
    /// [`StreamError::OutOfRange`] when the range does not lie in the object.
    pub fn span(&self, from: u64, to: u64) -> Result<(u64, u64), StreamError> {
        if from > to || to > self.plain_bytes {
            return Err(StreamError::OutOfRange);
        }
        let first = piece_of(from.min(self.plain_bytes.saturating_sub(1)));
        let last = piece_of(to.saturating_sub(1).max(from).min(self.plain_bytes.saturating_sub(1)));
        let start = if first == 0 { HEADER_BYTES as u64 } else { first * PIECE_BYTES as u64 };
        Ok((start, ((last + 1) * PIECE_BYTES as u64).min(self.sealed_bytes)))
    }

    /// Opens plaintext `from..to` out of the ciphertext of exactly [`Self::span`], appending it to `out`.
    ///
    /// # Errors
    /// [`StreamError::Truncated`] when `sealed` is not as long as the span, [`StreamError::Tampered`] with the
    /// piece that is not what was sealed.
    pub fn open(
        &self,
        from: u64,
        to: u64,
        mut sealed: Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), StreamError> {
        let (start, end) = self.span(from, to)?;
        if sealed.len() as u64 != end - start {
            return Err(StreamError::Truncated);
        }
        let last_piece = piece_count(self.plain_bytes) - 1;
        let mut piece = start / PIECE_BYTES as u64;
        let mut rest = sealed.as_mut_slice();
        while !rest.is_empty() {
            let whole = if piece == 0 { PIECE_BYTES - HEADER_BYTES } else { PIECE_BYTES };
            let (now, later) = rest.split_at_mut(whole.min(rest.len()));
            let number = u32::try_from(piece).map_err(|_| StreamError::OutOfRange)?;
            let nonce = self.header.nonce(number, piece == last_piece);
            let plain =
                self.aead.open(nonce, &[], now).map_err(|_| StreamError::Tampered { piece: number })?;
            let begins = plain_start(piece);
            let wanted = from.saturating_sub(begins).min(plain.len() as u64)
                ..to.saturating_sub(begins).min(plain.len() as u64);
            out.extend_from_slice(plain.get(wanted.start as usize..wanted.end as usize).unwrap_or_default());
            (rest, piece) = (later, piece + 1);
        }
        Ok(())
    }

    /// Opens a whole object, header included.
    ///
    /// # Errors
    /// As [`Self::open`], and [`StreamError::UnknownHeader`].
    pub fn open_whole(
        key: &SecretKey,
        context: &ObjectContext<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, StreamError> {
        let opener = Self::new(key, context, Header::parse(sealed)?, sealed.len() as u64)?;
        let mut out = Vec::with_capacity(usize::try_from(opener.plain_bytes).unwrap_or(0));
        let body = sealed.get(HEADER_BYTES..).unwrap_or_default().to_vec();
        opener.open(0, opener.plain_bytes, body, &mut out)?;
        Ok(out)
    }
}

const fn piece_of(plain: u64) -> u64 {
    if plain < FIRST_PLAIN { 0 } else { 1 + (plain - FIRST_PLAIN) / PLAIN }
}

const fn plain_start(piece: u64) -> u64 {
    if piece == 0 { 0 } else { FIRST_PLAIN + (piece - 1) * PLAIN }
}

#[cfg(all(test, not(feature = "identity")))]
mod tests {
    use super::*;
    use crate::context::ObjectKind;
    use clerestory_model::{Deployment, OrganisationId, RecordingId, Timestamp, TrackId};
    use proptest::prelude::*;

    fn deployment() -> Deployment {
        Deployment { environment: [8; 16], region: "eu-1".to_owned() }
    }

    fn context(deployment: &Deployment, sequence: u64) -> ObjectContext<'_> {
        let at = Timestamp::from_micros(1);
        ObjectContext {
            kind: ObjectKind::Segment,
            deployment,
            organisation: OrganisationId::new(at, [1; 10]),
            recording: RecordingId::new(at, [2; 10]),
            track: TrackId::new(at, [3; 10]),
            sequence,
        }
    }

    fn sample(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
    }

    const BORDERS: [usize; 9] =
        [0, 1, 65_479, 65_480, 65_481, 65_480 + 65_520 - 1, 65_480 + 65_520, 65_480 + 65_520 + 1, 200_000];

    #[test]
    fn what_is_sealed_opens_at_every_border() {
        let (key, deployment) = (SecretKey::generate(), deployment());
        for bytes in BORDERS {
            let plain = sample(bytes);
            let sealed = seal_object(&key, &context(&deployment, 7), &plain);
            assert_eq!(sealed.len() as u64, sealed_length(bytes as u64));
            let opened = ObjectOpener::open_whole(&key, &context(&deployment, 7), &sealed);
            assert_eq!(opened.unwrap(), plain);
        }
    }

    #[test]
    fn another_number_track_or_key_opens_nothing() {
        let (key, deployment) = (SecretKey::generate(), deployment());
        let sealed = seal_object(&key, &context(&deployment, 7), b"seven");
        let tampered = Err(StreamError::Tampered { piece: 0 });
        assert_eq!(ObjectOpener::open_whole(&key, &context(&deployment, 8), &sealed), tampered);
        let mut other = context(&deployment, 7);
        other.organisation = OrganisationId::nil();
        assert_eq!(ObjectOpener::open_whole(&key, &other, &sealed), tampered);
        let stranger = SecretKey::generate();
        assert_eq!(ObjectOpener::open_whole(&stranger, &context(&deployment, 7), &sealed), tampered);
        let elsewhere = Deployment { environment: [9; 16], region: "eu-1".to_owned() };
        assert_eq!(ObjectOpener::open_whole(&key, &context(&elsewhere, 7), &sealed), tampered);
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let (key, deployment) = (SecretKey::generate(), deployment());
        let sealed = seal_object(&key, &context(&deployment, 1), &sample(300));
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 0x80;
            assert!(ObjectOpener::open_whole(&key, &context(&deployment, 1), &altered).is_err(), "byte {at}");
            assert!(
                ObjectOpener::open_whole(&key, &context(&deployment, 1), &sealed[..at]).is_err(),
                "cut at {at}"
            );
        }
    }

    #[test]
    fn a_cut_at_a_piece_border_is_noticed() {
        let (key, deployment) = (SecretKey::generate(), deployment());
        let sealed = seal_object(&key, &context(&deployment, 1), &sample(150_000));
        let cut = &sealed[..PIECE_BYTES * 2];
        let opened = ObjectOpener::open_whole(&key, &context(&deployment, 1), cut);
        assert_eq!(opened, Err(StreamError::Tampered { piece: 1 }));
    }

    proptest! {
        #[test]
        fn a_range_is_that_part_of_the_whole(bytes in 0usize..200_000, a in 0usize..200_000, b in 0usize..200_000) {
            let (from, to) = (a.min(b).min(bytes), a.max(b).min(bytes));
            let (key, deployment) = (SecretKey::from_bytes([4; 32]), deployment());
            let plain = sample(bytes);
            let sealed = seal_object(&key, &context(&deployment, 3), &plain);
            let header = Header::parse(&sealed).unwrap();
            let opener =
                ObjectOpener::new(&key, &context(&deployment, 3), header, sealed.len() as u64).unwrap();
            let (start, end) = opener.span(from as u64, to as u64).unwrap();
            let mut out = Vec::new();
            opener.open(from as u64, to as u64, sealed[start as usize..end as usize].to_vec(), &mut out).unwrap();
            prop_assert_eq!(out, &plain[from..to]);
        }
    }
}
