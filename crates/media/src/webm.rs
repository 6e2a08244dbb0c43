//! WebM (RFC 8794, RFC 9559) of one track of VP8, which MP4 does not carry in browsers: header, track and one cluster.

use crate::segment::{Media, Shape};
use crate::{PlayerFile, Standing, durations};

const EBML: u32 = 0x1a45_dfa3;
const SEGMENT: u32 = 0x1853_8067;
const INFO: u32 = 0x1549_a966;
const TRACKS: u32 = 0x1654_ae6b;
const CLUSTER: u32 = 0x1f43_b675;
/// A length that nobody knows yet: what follows goes on to the end.
const UNKNOWN: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/// Nanoseconds of a tick: WebM counts blocks in sixteen bits, so ticks are milliseconds.
const TICK_NS: u64 = 1_000_000;
const TRACK: u64 = 1;

pub(crate) fn write(media: &Media<'_>, standing: Standing) -> PlayerFile {
    let mut out = Elements(Vec::with_capacity(media.data().len() + 512 + 8 * media.chunks().len()));
    out.within(EBML, |out| {
        out.number(0x4286, 1).number(0x42f7, 1).number(0x42f2, 4).number(0x42f3, 8);
        out.put(0x4282, b"webm").number(0x4287, 4).number(0x4285, 2);
    });
    out.id(SEGMENT).bytes(&UNKNOWN);
    out.within(INFO, |out| {
        out.number(0x2a_d7b1, TICK_NS).put(0x4d80, b"clerestory").put(0x5741, b"clerestory");
    });
    out.within(TRACKS, |out| out.within(0xae, |out| track(out, media.shape())));
    let fragment_at = out.0.len();
    out.within(CLUSTER, |out| cluster(out, media, standing));
    PlayerFile { content_type: "video/webm; codecs=\"vp8\"".to_owned(), bytes: out.0, fragment_at }
}

fn track(out: &mut Elements, shape: &Shape) {
    // No lacing; 1 is video.
    out.number(0xd7, TRACK).number(0x73c5, TRACK).number(0x9c, 0).number(0x83, 1).put(0x86, b"V_VP8");
    if let Shape::Picture(picture) = shape {
        out.within(0xe0, |out| {
            out.number(0xb0, u64::from(picture.width)).number(0xba, u64::from(picture.height));
        });
    }
}

fn cluster(out: &mut Elements, media: &Media<'_>, standing: Standing) {
    let start_ms = standing.start_us / 1000;
    out.number(0xe7, start_ms);
    let (mut at_us, mut data) = (standing.start_us, media.data());
    let durations = durations(media, standing);
    let last = durations.len().saturating_sub(1);
    for (number, (chunk, duration_us)) in media.chunks().iter().zip(durations).enumerate() {
        let length = usize::try_from(chunk.length).unwrap_or(usize::MAX);
        let Some((bytes, rest)) = data.split_at_checked(length) else { return };
        data = rest;
        let tick = i16::try_from((at_us / 1000).saturating_sub(start_ms)).unwrap_or(i16::MAX);
        at_us = at_us.saturating_add(u64::from(duration_us));
        let [high, low] = tick.to_be_bytes();
        if number < last {
            let flags = if chunk.key { 0x80 } else { 0 };
            out.put_two(0xa3, &[0x81, high, low, flags], bytes);
            continue;
        }
        // Only a group says how long its block lasts.
        out.within(0xa0, |out| {
            out.put_two(0xa1, &[0x81, high, low, 0], bytes);
            out.number(0x9b, u64::from(duration_us).div_ceil(1000));
            if !chunk.key {
                // It hangs on the one before, whenever that was.
                out.put(0xfb, &[0xff]);
            }
        });
    }
}

/// Elements that are being written.
struct Elements(Vec<u8>);

impl Elements {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// An id, whose first bits say how long it is.
    fn id(&mut self, id: u32) -> &mut Self {
        let bytes = id.to_be_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        self.bytes(bytes.get(zeros..).unwrap_or_default())
    }

    /// A length in eight bytes.
    fn length(&mut self, length: usize) -> &mut Self {
        self.bytes(&(1 << 56 | length as u64).to_be_bytes())
    }

    fn put(&mut self, id: u32, content: &[u8]) -> &mut Self {
        self.put_two(id, content, &[])
    }

    fn put_two(&mut self, id: u32, head: &[u8], content: &[u8]) -> &mut Self {
        self.id(id).length(head.len() + content.len()).bytes(head).bytes(content)
    }

    fn number(&mut self, id: u32, value: u64) -> &mut Self {
        self.put(id, &value.to_be_bytes())
    }

    fn within(&mut self, id: u32, content: impl FnOnce(&mut Self)) {
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
