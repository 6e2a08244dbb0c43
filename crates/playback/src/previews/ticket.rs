//! Tickets of previews: what a list gives with each picture, so that a browser fetches it without an entry of its own.
//!
//! base64url of: which entry it rides on 1 (1 a list's, 2 that of one recording's facts) ‖ be64 entry ‖ be64 expiry in
//! microseconds ‖ HMAC-SHA256 32 of these, recording 16 and session 16. It says who was shown it, and proves nothing else:
//! whether they may see the picture is decided each time.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clerestory_model::{RecordingId, SessionId, Timestamp};
use clerestory_seal::MacKey;

/// How long a picture is fetched by it.
const LIFE: Duration = Duration::from_secs(10 * 60);
const CLAIM_BYTES: usize = 1 + 8 + 8;

/// The entry that a picture rides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RidesOn {
    /// That of a list of recordings.
    List(u64),
    /// That of the facts of the one recording.
    Facts(u64),
}

/// A ticket for the picture of a recording, in a session.
pub(super) fn write(
    mac: &MacKey,
    (recording, session): (RecordingId, SessionId),
    rides_on: RidesOn,
    now: Timestamp,
) -> String {
    let (which, entry) = match rides_on {
        RidesOn::List(entry) => (1, entry),
        RidesOn::Facts(entry) => (2, entry),
    };
    let mut claims = vec![which];
    claims.extend(entry.to_be_bytes());
    claims.extend(now.plus(LIFE).micros().to_be_bytes());
    let sealed = mac.mac(&[&claims, recording.as_bytes(), session.as_bytes()]);
    claims.extend(sealed);
    URL_SAFE_NO_PAD.encode(claims)
}

/// What a ticket rides on, if it is one for this picture, in this session, and not over.
pub(super) fn read(
    mac: &MacKey,
    (recording, session): (RecordingId, SessionId),
    text: &str,
    now: Timestamp,
) -> Option<RidesOn> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (claims, sealed) = bytes.split_at_checked(CLAIM_BYTES)?;
    if !mac.verify(&[claims, recording.as_bytes(), session.as_bytes()], sealed) {
        return None;
    }
    let (which, rest) = claims.split_first()?;
    let (entry, ends) = rest.split_first_chunk::<8>()?;
    let ends = Timestamp::from_micros(i64::from_be_bytes(ends.try_into().ok()?));
    let entry = u64::from_be_bytes(*entry);
    let rides_on = match which {
        1 => RidesOn::List(entry),
        2 => RidesOn::Facts(entry),
        _ => return None,
    };
    (now < ends).then_some(rides_on)
}
