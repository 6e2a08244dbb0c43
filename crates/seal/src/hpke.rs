//! HPKE base mode (RFC 9180) with DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: how a client seals its
//! spool so that it cannot open it itself. One message per encapsulation, sequence number 0.

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::cipher::{Aead, NONCE_BYTES};

/// Bytes of an encapsulated key: an uncompressed P-256 point.
const ENC_BYTES: usize = 65;
/// "KEM" ‖ 0x0010, DHKEM(P-256, HKDF-SHA256): RFC 9180 section 7.1.
const KEM_SUITE: &[u8] = b"KEM\x00\x10";
/// "HPKE" ‖ KEM 0x0010 ‖ KDF 0x0001 ‖ AEAD 0x0002: RFC 9180 section 5.1.
const HPKE_SUITE: &[u8] = b"HPKE\x00\x10\x00\x01\x00\x02";

/// Why a spooled message does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HpkeError {
    /// It is shorter than an encapsulated key and a tag.
    #[error("the sealed message is cut short")]
    Truncated,
    /// A key is no P-256 key, or its point does not lie on the curve.
    #[error("the key is not a P-256 key")]
    BadKey,
    /// It was altered, or sealed for another place or key.
    #[error("the sealed message failed its authentication check")]
    Tampered,
}

/// The server's half: opens what clients sealed to [`Self::public`].
pub struct SpoolKey {
    private: PrivateKey,
    public: Vec<u8>,
}

/// A message sealed for somebody else: `enc ‖ ciphertext ‖ tag`.
pub struct Encapsulated(pub Vec<u8>);

impl SpoolKey {
    /// A fresh key pair.
    ///
    /// # Errors
    /// [`HpkeError::BadKey`] when the library cannot make one.
    pub fn generate() -> Result<Self, HpkeError> {
        Self::new(PrivateKey::generate(&ECDH_P256).map_err(|_| HpkeError::BadKey)?)
    }

    /// The key pair with this private scalar.
    ///
    /// # Errors
    /// [`HpkeError::BadKey`] when it is out of range.
    pub fn from_scalar(scalar: &[u8]) -> Result<Self, HpkeError> {
        Self::new(PrivateKey::from_private_key(&ECDH_P256, scalar).map_err(|_| HpkeError::BadKey)?)
    }

    fn new(private: PrivateKey) -> Result<Self, HpkeError> {
        let public = private.compute_public_key().map_err(|_| HpkeError::BadKey)?.as_ref().to_vec();
        Ok(Self { private, public })
    }

    /// The private scalar, to be sealed.
    ///
    /// # Errors
    /// [`HpkeError::BadKey`] when the library cannot export it.
    pub fn dangerous_scalar(&self) -> Result<Zeroizing<Vec<u8>>, HpkeError> {
        let scalar: EcPrivateKeyBin<'_> = self.private.as_be_bytes().map_err(|_| HpkeError::BadKey)?;
        Ok(Zeroizing::new(scalar.as_ref().to_vec()))
    }

    /// The uncompressed public point, 65 bytes.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        &self.public
    }

    /// Opens `message`, which must have been sealed with the same `info`.
    ///
    /// # Errors
    /// [`HpkeError::Truncated`], [`HpkeError::BadKey`] or [`HpkeError::Tampered`].
    pub fn open(&self, info: &[u8], message: &[u8]) -> Result<Vec<u8>, HpkeError> {
        let (enc, sealed) = message.split_at_checked(ENC_BYTES).ok_or(HpkeError::Truncated)?;
        let shared = shared_secret(&self.private, enc, enc, &self.public)?;
        let (aead, nonce) = key_schedule(&shared, info);
        let mut sealed = sealed.to_vec();
        aead.open(nonce, &[], &mut sealed).map(|plain| plain.to_vec()).map_err(|_| HpkeError::Tampered)
    }
}

impl Encapsulated {
    /// Seals `plain` to `public` for `info`: the client's half, here for tests and for the agent.
    ///
    /// # Errors
    /// [`HpkeError::BadKey`] when `public` is no point of the curve.
    pub fn seal(public: &[u8], info: &[u8], plain: &[u8]) -> Result<Self, HpkeError> {
        let ephemeral = SpoolKey::generate()?;
        let shared = shared_secret(&ephemeral.private, public, ephemeral.public(), public)?;
        let (aead, nonce) = key_schedule(&shared, info);
        let mut out = ephemeral.public().to_vec();
        out.extend_from_slice(plain);
        aead.seal(nonce, &[], &mut out, ENC_BYTES);
        Ok(Self(out))
    }
}

/// DHKEM's ExtractAndExpand (RFC 9180 section 4.1).
fn shared_secret(own: &PrivateKey, peer: &[u8], enc: &[u8], public: &[u8]) -> Result<Prk, HpkeError> {
    let peer = UnparsedPublicKey::new(&ECDH_P256, peer);
    agree(own, peer, HpkeError::BadKey, |dh| {
        let prk = labeled_extract(KEM_SUITE, &[], b"eae_prk", dh);
        Ok(labeled_expand(KEM_SUITE, &prk, b"shared_secret", &[enc, public], 32))
    })
}

/// KeySchedule of base mode (RFC 9180 section 5.1): mode 0, no pre-shared key.
fn key_schedule(shared: &Prk, info: &[u8]) -> (Aead, [u8; NONCE_BYTES]) {
    let psk_id_hash = labeled_extract(HPKE_SUITE, &[], b"psk_id_hash", &[]);
    let info_hash = labeled_extract(HPKE_SUITE, &[], b"info_hash", info);
    let context: [&[u8]; 3] = [&[0], &*psk_id_hash, &*info_hash];
    let secret = labeled_extract(HPKE_SUITE, &**shared, b"secret", &[]);
    let key = labeled_expand(HPKE_SUITE, &secret, b"key", &context, 32);
    let base = labeled_expand(HPKE_SUITE, &secret, b"base_nonce", &context, NONCE_BYTES as u16);
    let mut nonce = [0; NONCE_BYTES];
    for (place, byte) in nonce.iter_mut().zip(base.iter()) {
        *place = *byte;
    }
    (Aead::gcm(&key), nonce)
}

type Prk = Zeroizing<[u8; 32]>;

fn labeled_extract(suite: &[u8], salt: &[u8], label: &[u8], ikm: &[u8]) -> Prk {
    hmac_sha256(salt, &[b"HPKE-v1", suite, label, ikm])
}

/// HKDF-Expand of at most one block, which is all this suite asks for.
fn labeled_expand(suite: &[u8], prk: &Prk, label: &[u8], info: &[&[u8]], length: u16) -> Prk {
    let length = length.to_be_bytes();
    let mut parts: Vec<&[u8]> = vec![&length, b"HPKE-v1", suite, label];
    parts.extend_from_slice(info);
    parts.push(&[1]);
    hmac_sha256(&**prk, &parts)
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Prk {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    let mut out = Zeroizing::new([0; 32]);
    out.copy_from_slice(context.sign().as_ref());
    out
}

#[cfg(all(test, not(feature = "identity")))]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_and_place_open_a_message() {
        let key = SpoolKey::generate().unwrap();
        let again = SpoolKey::from_scalar(&key.dangerous_scalar().unwrap()).unwrap();
        let message = Encapsulated::seal(key.public(), b"segment 4", b"events").unwrap().0;
        assert_eq!(again.open(b"segment 4", &message).unwrap(), b"events");
        assert_eq!(again.open(b"segment 5", &message), Err(HpkeError::Tampered));
        assert_eq!(SpoolKey::generate().unwrap().open(b"segment 4", &message), Err(HpkeError::Tampered));
        assert_eq!(again.open(b"segment 4", &message[..60]), Err(HpkeError::Truncated));
        let mut off_curve = message;
        off_curve[10] ^= 1;
        assert_eq!(again.open(b"segment 4", &off_curve), Err(HpkeError::BadKey));
    }
}
