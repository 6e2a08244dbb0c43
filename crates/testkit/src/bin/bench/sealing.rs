//! Sealed writing and reading in memory, against a plain copy and the bare cipher.

use std::time::{Duration, Instant};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use clerestory_model::{Deployment, OrganisationId, RecordingId, Timestamp, TrackId};
use clerestory_seal::{
    HEADER_BYTES, Header, ObjectContext, ObjectKind, ObjectOpener, SecretKey, seal_object,
};
use clerestory_testkit::load::Random;
use serde_json::{Value, json};

use crate::table::{self, mb_per_s};

const OBJECTS: u64 = 256;
const OBJECT_BYTES: usize = 1 << 20;
const ROUNDS: usize = 3;
const NONCE_BYTES: usize = 12;

/// MB/s of each, and what share of the plain copy and of the bare cipher sealing reaches.
pub(crate) fn measure() -> Result<Value, String> {
    let mut random = Random::new(1);
    let plain: Vec<u8> = (0..OBJECT_BYTES / 8).flat_map(|_| random.next().to_le_bytes()).collect();
    let copy = best(|_| Ok(plain.clone()))?;
    let cipher = UnboundKey::new(&AES_256_GCM, &[7; 32]).map(LessSafeKey::new);
    let cipher = cipher.map_err(|_| "the bare cipher takes no key")?;
    let bare_write = best(|number| bare_seal(&cipher, number, &plain))?;
    let bare_sealed = bare_seal(&cipher, 0, &plain)?;
    let bare_read = best(|_| {
        let mut bytes = bare_sealed.clone();
        let opened = cipher.open_in_place(nonce(0), Aad::empty(), &mut bytes);
        opened.map(|plain| plain.len()).map_err(|_| "the bare cipher does not open".to_owned())?;
        Ok(bytes)
    })?;
    let (key, deployment) =
        (SecretKey::generate(), Deployment { environment: [8; 16], region: "eu-1".to_owned() });
    let write = best(|number| Ok(seal_object(&key, &context(&deployment, number), &plain)))?;
    let sealed = seal_object(&key, &context(&deployment, 0), &plain);
    let fresh_read =
        best(|_| open(&key, &context(&deployment, 0), &sealed, Vec::with_capacity(OBJECT_BYTES)))?;
    let mut kept = Vec::with_capacity(OBJECT_BYTES);
    let read = best(|_| {
        kept = open(&key, &context(&deployment, 0), &sealed, std::mem::take(&mut kept))?;
        Ok(Vec::new())
    })?;
    let rows = [
        ("plain copy", copy, copy),
        ("AES-256-GCM of aws-lc-rs, write", bare_write, bare_write),
        ("sealed, write", write, bare_write),
        ("AES-256-GCM of aws-lc-rs, read", bare_read, bare_read),
        ("sealed, read into a buffer that is kept", read, bare_read),
        ("sealed, read into a new buffer each time", fresh_read, bare_read),
    ];
    let shown = rows.map(|(name, speed, bare)| {
        let share =
            if name.starts_with("sealed") { format!("{:.0} %", 100.0 * speed / bare) } else { String::new() };
        vec![name.to_owned(), format!("{speed:.0}"), format!("{:.0} %", 100.0 * speed / copy), share]
    });
    table::print(&["", "MB/s", "of copy", "of AES-GCM"], &shown);
    Ok(json!({ "copy_mb_per_s": copy, "aes_write_mb_per_s": bare_write, "aes_read_mb_per_s": bare_read,
        "sealed_write_mb_per_s": write, "sealed_read_mb_per_s": read,
        "sealed_read_new_buffer_mb_per_s": fresh_read }))
}

fn best(mut work: impl FnMut(u64) -> Result<Vec<u8>, String>) -> Result<f64, String> {
    let mut shortest = Duration::MAX;
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for number in 0..OBJECTS {
            std::hint::black_box(work(number)?);
        }
        shortest = shortest.min(began.elapsed());
    }
    Ok(mb_per_s(OBJECTS * OBJECT_BYTES as u64, shortest))
}

/// A nonce from a number: these objects are thrown away.
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_BYTES];
    for (place, byte) in bytes.iter_mut().zip(number.to_be_bytes()) {
        *place = byte;
    }
    Nonce::assume_unique_for_key(bytes)
}

fn bare_seal(cipher: &LessSafeKey, number: u64, plain: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
    bytes.extend_from_slice(plain);
    let sealed = cipher.seal_in_place_append_tag(nonce(number), Aad::empty(), &mut bytes);
    sealed.map_err(|_| "the bare cipher does not seal")?;
    Ok(bytes)
}

/// As a stored object is read: its bytes are the reader's own, and the header is known.
fn open(
    key: &SecretKey,
    context: &ObjectContext<'_>,
    sealed: &[u8],
    mut out: Vec<u8>,
) -> Result<Vec<u8>, String> {
    let told = |error: clerestory_seal::StreamError| error.to_string();
    let opener = ObjectOpener::new(key, context, Header::parse(sealed).map_err(told)?, sealed.len() as u64);
    let opener = opener.map_err(told)?;
    let body = sealed.get(HEADER_BYTES..).unwrap_or_default().to_vec();
    out.clear();
    opener.open(0, opener.plain_bytes(), body, &mut out).map_err(told)?;
    Ok(out)
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
