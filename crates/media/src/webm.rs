//! WebM (RFC 8794, RFC 9559) of one track of VP8, which MP4 does not carry in browsers: header, track and one cluster.

use crate::elements::{CLUSTER, Elements, TRACKS, begin};
use crate::segment::{Media, Shape};
use crate::{PlayerFile, Standing, durations};

const TRACK: u64 = 1;

pub(crate) fn write(media: &Media<'_>, standing: Standing) -> PlayerFile {
    let mut out = Elements(Vec::with_capacity(media.data().len() + 512 + 8 * media.chunks().len()));
    begin(&mut out, b"webm");
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
