//! The elements of Matroska (RFC 8794, RFC 9559), of which WebM is a part, as they are written.

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
pub(crate) const TRACKS: u32 = 0x1654_ae6b;
pub(crate) const CLUSTER: u32 = 0x1f43_b675;
/// A length that nobody knows yet: what follows goes on to the end.
const UNKNOWN: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// Nanoseconds of a tick: blocks are counted in sixteen bits, so ticks are milliseconds.
const TICK_NS: u64 = 1_000_000;

/// What stands before the tracks: that it is a stream of this type, which goes on, in milliseconds.
pub(crate) fn begin(out: &mut Elements, doc_type: &[u8]) {
    out.within(EBML, |out| {
        out.number(0x4286, 1).number(0x42f7, 1).number(0x42f2, 4).number(0x42f3, 8);
        out.put(0x4282, doc_type).number(0x4287, 4).number(0x4285, 2);
    });
    out.id(SEGMENT).bytes(&UNKNOWN);
    out.within(INFO, |out| {
        out.number(0x2a_d7b1, TICK_NS).put(0x4d80, b"clerestory").put(0x5741, b"clerestory");
    });
}

/// Elements that are being written.
pub(crate) struct Elements(pub(crate) Vec<u8>);

impl Elements {
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// An id, whose first bits say how long it is.
    pub(crate) fn id(&mut self, id: u32) -> &mut Self {
        let bytes = id.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        self.bytes(bytes.get(zeros..).unwrap_or_default())
    }

    /// A length in eight bytes.
    pub(crate) fn length(&mut self, length: usize) -> &mut Self {
        self.bytes(&(1 << 56 | length as u64).to_be_bytes())
    }

    pub(crate) fn put(&mut self, id: u32, content: &[u8]) -> &mut Self {
        self.put_two(id, content, &[])
    }

    pub(crate) fn put_two(&mut self, id: u32, head: &[u8], content: &[u8]) -> &mut Self {
        self.id(id).length(head.len() + content.len()).bytes(head).bytes(content)
    }

    pub(crate) fn number(&mut self, id: u32, value: u64) -> &mut Self {
        self.put(id, &value.to_be_bytes())
    }

    pub(crate) fn within(&mut self, id: u32, content: impl FnOnce(&mut Self)) {
        self.id(id);
        let at = self.0.len();
        self.length(0);
        content(self);
        let length = 1 << 56 | (self.0.len() - at - 8) as u64;
        if let Some(place) = self.0.get_mut(at..at + 8) {
            place.copy_from_slice(&u64::to_be_bytes(length));
        }
    }
}
