//! How a segment is packed on its way, and unpacking it within limits.

use std::io::Read;

use clerestory_model::KeyId;
use clerestory_seal::SpoolKey;
use clerestory_store::tracks::Track;

use crate::{Intake, IntakeError, SEGMENT_BYTES};

/// Unpacked bytes may be this many times the packed ones.
const RATIO: usize = 100;

/// How a segment's bytes are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As they are.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// Sealed by the client's spool to this key.
    Spool(KeyId),
}

/// How a segment's bytes are packed, with what it takes to unpack them.
pub(crate) enum Packing {
    Plain,
    Gzip,
    /// Sealed by the spool; gzip inside, or as it is.
    Spool {
        key: SpoolKey,
        info: Vec<u8>,
        gzip: bool,
    },
}

impl Packing {
    /// What the recorder wrote.
    pub(crate) fn unpack(&self, body: &[u8]) -> Result<Vec<u8>, IntakeError> {
        match self {
            Self::Plain if body.len() > SEGMENT_BYTES => Err(IntakeError::TooLarge { limit: SEGMENT_BYTES }),
            Self::Plain => Ok(body.to_vec()),
            Self::Gzip => gunzip(body),
            Self::Spool { key, info, gzip } => {
                let opened = key.open(info, body).map_err(|_| IntakeError::Spool)?;
                if *gzip { gunzip(&opened) } else { Ok(opened) }
            }
        }
    }
}

impl Intake {
    /// How a segment's bytes become what the recorder wrote. What the spool sealed is gzip inside, or not.
    pub(crate) async fn packing(
        &self,
        encoding: Encoding,
        (track, sequence): (&Track, u64),
        gzip: bool,
    ) -> Result<Packing, IntakeError> {
        match encoding {
            Encoding::Plain => Ok(Packing::Plain),
            Encoding::Gzip => Ok(Packing::Gzip),
            Encoding::Spool(key) => {
                // Only a key that is gone, or is no spool key, makes the segment worthless; anything else passes.
                let key = self.vault.spool_key(key).await.map_err(|error| match error {
                    clerestory_vault::OpenError::Erased => IntakeError::Spool,
                    other => other.into(),
                })?;
                Ok(Packing::Spool { key, info: spool_info(track, sequence), gzip })
            }
        }
    }
}

/// What a spooled segment is bound to: it opens in its own place only.
fn spool_info(track: &Track, sequence: u64) -> Vec<u8> {
    format!("clerestory spool 1\0{}\0{}\0{sequence}", track.recording, track.id).into_bytes()
}

fn gunzip(packed: &[u8]) -> Result<Vec<u8>, IntakeError> {
    let limit = SEGMENT_BYTES.min(packed.len().saturating_mul(RATIO));
    let mut out = Vec::with_capacity(limit.min(packed.len().saturating_mul(8)));
    let mut reader = flate2::bufread::GzDecoder::new(packed).take(limit as u64 + 1);
    reader.read_to_end(&mut out).map_err(|_| IntakeError::Packing)?;
    if out.len() > limit {
        return Err(IntakeError::TooLarge { limit });
    }
    // Bytes after the one gzip member would be stored nowhere and acknowledged all the same.
    let trailing = reader.into_inner().into_inner();
    if trailing.is_empty() { Ok(out) } else { Err(IntakeError::Packing) }
}
