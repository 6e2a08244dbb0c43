//! One-time codes by time: RFC 6238 over HMAC-SHA-1, six digits, thirty seconds, as every authenticator app has them.

use clerestory_model::Timestamp;
use clerestory_seal::hmac_sha1;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Microseconds of a step.
const STEP_US: i64 = 30_000_000;
/// Digits of a code.
pub(crate) const DIGITS: usize = 6;
/// Bytes of a secret: as long as what HMAC-SHA-1 gives (RFC 4226 section 4).
pub(crate) const SECRET_BYTES: usize = 20;
/// RFC 4648 section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step that a moment lies in.
fn step_of(at: Timestamp) -> u64 {
    u64::try_from(at.micros().div_euclid(STEP_US)).unwrap_or(0)
}

/// HOTP (RFC 4226 section 5.3) of a step, as its six digits.
fn code_at(secret: &[u8], step: u64) -> [u8; DIGITS] {
    let mac = hmac_sha1(secret, &step.to_be_bytes());
    let offset = usize::from(mac.last().copied().unwrap_or(0) & 0x0f);
    let word = mac.get(offset..offset + 4).unwrap_or(&[0; 4]);
    let truncated = word.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) & 0x7fff_ffff;
    let mut digits = [b'0'; DIGITS];
    let mut rest = truncated % 1_000_000;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    digits
}

/// The step whose code was typed: that of `at`, the one before or the one after, and later than `last`, so that no code
/// is taken twice. How long it takes does not tell how much of the code is right.
pub(crate) fn accepted(secret: &[u8], typed: &[u8], at: Timestamp, last: u64) -> Option<u64> {
    let now = step_of(at);
    let mut found = 0_u64;
    let mut any = Choice::from(0);
    for step in now.saturating_sub(1)..=now + 1 {
        let right = code_at(secret, step).as_slice().ct_eq(typed);
        let fresh = Choice::from(u8::from(step > last));
        found.conditional_assign(&step, right & fresh);
        any |= right & fresh;
    }
    bool::from(any).then_some(found)
}

/// Bytes in base32, without padding: how apps take a secret.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let mut push = |value: u32| {
        let letter = BASE32.get((value & 31) as usize).copied().unwrap_or(b'A');
        out.push(char::from(letter));
    };
    for byte in bytes {
        bits = bits << 8 | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            push(bits >> held);
        }
        bits &= (1 << held) - 1;
    }
    if held > 0 {
        push(bits << (5 - held));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// RFC 6238 appendix B, SHA-1; the last six of its eight digits.
    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(SECRET, step_of(at(seconds))), code.as_bytes(), "{seconds}");
            assert_eq!(accepted(SECRET, code.as_bytes(), at(seconds), 0), Some(step_of(at(seconds))));
        }
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_never_again() {
        let code = code_at(SECRET, 1000);
        for (step, taken) in [(998, false), (999, true), (1000, true), (1001, true), (1002, false)] {
            let found = accepted(SECRET, &code, at(step * 30), 0);
            assert_eq!(found.is_some(), taken, "{step}");
        }
        assert_eq!(accepted(SECRET, &code, at(30_000), 1000), None);
        assert_eq!(accepted(SECRET, &code, at(30_000), 1001), None, "an older one either");
        for wrong in [&b""[..], b"00000", b"0000000", &code[..5]] {
            assert_eq!(accepted(SECRET, wrong, at(30_000), 0), None);
        }
    }

    /// RFC 4648 section 10.
    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(plain.as_bytes()), text);
        }
    }
}
