//! Hearing that a key went down without hearing which.
//!
//! The X server says with every key which one it was. These bytes are overwritten in the buffer they were read into, before
//! any decoder sees them, so that they reach no structure, no queue and no freed piece of memory. When a key went down is
//! overwritten with them: the rhythm of keys tells of words, too.
//!
//! Formats: X Window System Protocol, version 11, appendix B; XInput 2.2, `XI2proto`.

/// Where a packet ends that says nothing else.
const SHORT: u64 = 32;
/// What is known of a packet before the first byte that is overwritten.
const HEAD: usize = 12;
/// The server's time and the code, of events of the core protocol and of XInput alike: in the former the code is byte 1.
const OF_XINPUT: std::ops::Range<u64> = 12..20;

const ERROR: u8 = 0;
const REPLY: u8 = 1;
const KEY_PRESS: u8 = 2;
const KEY_RELEASE: u8 = 3;
const KEYMAP_NOTIFY: u8 = 11;
const GENERIC_EVENT: u8 = 35;
/// An event that a client sent has this bit.
const SENT: u8 = 0x80;
/// Of XInput: `KeyPress`, `KeyRelease`, `RawKeyPress`, `RawKeyRelease`. Whatever extension says so is not believed.
const KEYS_OF_XINPUT: [u16; 4] = [2, 3, 13, 14];

/// What goes by, packet by packet, in pieces as they come.
#[derive(Debug, Default)]
pub(crate) struct Deaf {
    head: [u8; HEAD],
    /// Bytes of this packet that went by.
    at: u64,
    /// Whether the server's answer to the connection itself is over.
    is_set_up: bool,
}

impl Deaf {
    /// Overwrites what says which key, in the next bytes that came.
    pub(crate) fn pass(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let known = self.at as usize;
            let taken = if known < HEAD {
                // One by one, until it is known what this is.
                self.keep(known, rest);
                self.silence(rest, self.at, 1);
                // Not here either.
                self.keep(known, rest);
                self.at += 1;
                1
            } else {
                let left = self.length().saturating_sub(self.at);
                let taken = left.min(rest.len() as u64);
                self.silence(rest, self.at, taken);
                self.at += taken;
                taken as usize
            };
            rest = rest.split_at_mut(taken).1;
            if self.at >= HEAD as u64 && self.at >= self.length() {
                self.is_set_up = true;
                self.at = 0;
            }
        }
    }

    fn keep(&mut self, at: usize, bytes: &[u8]) {
        if let (Some(kept), Some(byte)) = (self.head.get_mut(at), bytes.first()) {
            *kept = *byte;
        }
    }

    /// Of the `count` bytes at the front of `bytes`, which stand at `from` in this packet, those that say which key.
    fn silence(&self, bytes: &mut [u8], from: u64, count: u64) {
        for (byte, at) in bytes.iter_mut().zip(from..from + count) {
            if self.is_telling(at) {
                *byte = 0;
            }
        }
    }

    fn is_telling(&self, at: u64) -> bool {
        if !self.is_set_up {
            return false;
        }
        match self.head[0] & !SENT {
            // The code, and the time.
            KEY_PRESS | KEY_RELEASE => at == 1 || (4..8).contains(&at),
            // Which keys are down, as bits.
            KEYMAP_NOTIFY => at > 0,
            GENERIC_EVENT => {
                let kind = u16::from_ne_bytes([self.head[8], self.head[9]]);
                OF_XINPUT.contains(&at) && KEYS_OF_XINPUT.contains(&kind)
            }
            _ => false,
        }
    }

    /// Bytes of this packet, once its head is known.
    fn length(&self) -> u64 {
        let [kind, _, _, _, a, b, c, d, ..] = self.head;
        if !self.is_set_up {
            return 8 + 4 * u64::from(u16::from_ne_bytes([self.head[6], self.head[7]]));
        }
        match kind {
            ERROR => SHORT,
            REPLY => SHORT + 4 * u64::from(u32::from_ne_bytes([a, b, c, d])),
            kind if kind & !SENT == GENERIC_EVENT => SHORT + 4 * u64::from(u32::from_ne_bytes([a, b, c, d])),
            _ => SHORT,
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    const CODE: u8 = 0x5a;

    fn set_up(words: u16) -> Vec<u8> {
        let mut bytes = vec![1, 0, 11, 0, 0, 0];
        bytes.extend(words.to_ne_bytes());
        bytes.resize(8 + 4 * usize::from(words), CODE);
        bytes
    }

    /// A packet all of whose bytes are the code, but for what says what it is.
    fn packet(kind: u8, words: u32, xinput: u16) -> Vec<u8> {
        let mut bytes = vec![CODE; 32 + 4 * words as usize];
        bytes[0] = kind;
        if [REPLY, GENERIC_EVENT].contains(&kind) {
            bytes[4..8].copy_from_slice(&words.to_ne_bytes());
            bytes[8..10].copy_from_slice(&xinput.to_ne_bytes());
        }
        bytes
    }

    fn passed(stream: &[u8], piece: usize) -> Vec<u8> {
        let (mut deaf, mut out) = (Deaf::default(), stream.to_vec());
        out.chunks_mut(piece).for_each(|piece| deaf.pass(piece));
        out
    }

    #[test]
    fn only_what_says_which_key_is_overwritten_whatever_the_pieces() {
        let packets = [
            packet(GENERIC_EVENT, 3, 13),
            packet(REPLY, 500, 13),
            packet(KEY_PRESS, 0, 0),
            packet(ERROR, 0, 0),
            packet(GENERIC_EVENT, 2, 15),
            packet(KEYMAP_NOTIFY, 0, 0),
            packet(GENERIC_EVENT, 0, 14),
            packet(KEY_RELEASE | SENT, 0, 0),
        ];
        let mut stream = set_up(40);
        let begins = stream.len();
        packets.iter().for_each(|packet| stream.extend(packet));
        let mut expected = stream.clone();
        let mut at = begins;
        for (number, packet) in packets.iter().enumerate() {
            let silent: Vec<usize> = match number {
                0 | 6 => (12..20).collect(),
                2 | 7 => vec![1, 4, 5, 6, 7],
                5 => (1..32).collect(),
                _ => vec![],
            };
            silent.into_iter().for_each(|byte| expected[at + byte] = 0);
            at += packet.len();
        }
        for piece in [1, 2, 3, 7, 12, 31, 32, 33, 100, 4096] {
            assert!(passed(&stream, piece) == expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_server_that_has_nothing_to_say_at_first_is_understood() {
        let mut stream = set_up(1);
        stream.extend(packet(GENERIC_EVENT, 0, 13));
        let passed = passed(&stream, 5);
        assert_eq!(passed[12 + 12..12 + 20], [0; 8]);
        assert_eq!(passed[12 + 20], CODE);
    }
}
