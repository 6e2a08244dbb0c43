//! Files that people, or enemies, give as their picture.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::io::Cursor;

use flate2::{Compress, Compression, FlushCompress};
use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

pub(crate) const HTML: &[u8] = b"<!doctype html><script>alert(document.cookie)</script>";
pub(crate) const SVG: &[u8] =
    b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script><rect width=\"9\" height=\"9\"/></svg>";

/// Whether one is within the other.
pub(crate) fn of(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

pub(crate) fn decoded(jpeg: &[u8]) -> RgbImage {
    image::load_from_memory_with_format(jpeg, ImageFormat::Jpeg).unwrap().to_rgb8()
}

/// Red above, blue below.
fn flag(width: u32, height: u32) -> DynamicImage {
    let colour = |y: u32| if y < height / 2 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) };
    RgbImage::from_fn(width, height, |_, y| colour(y)).into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    encoded(&flag(width, height), ImageFormat::Png)
}

/// The same picture in every kind that is taken, of two shapes.
pub(crate) fn of_every_kind() -> Vec<(&'static str, Vec<u8>)> {
    let sixteen = DynamicImage::from(flag(48, 32).to_rgba16());
    vec![
        ("PNG", png(300, 200)),
        ("PNG of 16 bits", encoded(&sixteen, ImageFormat::Png)),
        ("JPEG", encoded(&flag(120, 700), ImageFormat::Jpeg)),
        ("WebP", encoded(&flag(64, 64), ImageFormat::WebP)),
        ("GIF", encoded(&flag(90, 60), ImageFormat::Gif)),
    ]
}

/// A camera's: lying on its side, with the place where it was taken.
pub(crate) fn turned_with_a_place() -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08".to_vec();
    // Two entries: turned by a quarter, and a text where the maker of the camera would stand.
    exif.extend_from_slice(
        b"\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\x01\x0f\0\x02\0\0\0\x10\0\0\0\x26\0\0\0\0",
    );
    exif.extend_from_slice(b"CANARY GPS 52.5\0");
    let mut file = encoded(&flag(128, 128), ImageFormat::Jpeg);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    file.splice(2..2, [&[0xff, 0xe1], length.as_slice(), &exif].concat());
    file
}

pub(crate) fn animated() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = GifEncoder::new(&mut file);
    for colour in [[255, 0, 0, 255], [0, 0, 255, 255]] {
        encoder.encode_frame(Frame::new(RgbaImage::from_pixel(20, 20, Rgba(colour)))).unwrap();
    }
    drop(encoder);
    file
}

pub(crate) fn transparent() -> Vec<u8> {
    encoded(&RgbaImage::from_pixel(30, 30, Rgba([0, 0, 0, 0])).into(), ImageFormat::Png)
}

pub(crate) fn one_pixel() -> Vec<u8> {
    encoded(&RgbImage::from_pixel(1, 1, Rgb([255, 0, 0])).into(), ImageFormat::Png)
}

/// What packs worst.
pub(crate) fn noise() -> Vec<u8> {
    let mut seed = 1_u32;
    let mut draw = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    encoded(&RgbImage::from_fn(256, 256, |_, _| Rgb([draw(), draw(), draw()])).into(), ImageFormat::Png)
}

/// Four inks, as printers' programs make it: sixteen pixels squared of nothing but their middle.
pub(crate) fn cmyk() -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xee\0\x0eAdobe\0\x64\0\0\0\0\0".to_vec();
    file.extend_from_slice(b"\xff\xdb\0\x43\0");
    file.extend_from_slice(&[1; 64]);
    file.extend_from_slice(b"\xff\xc0\0\x14\x08\0\x10\0\x10\x04\x01\x11\0\x02\x11\0\x03\x11\0\x04\x11\0");
    // One code in each table: no difference, and the end of the block.
    for table in [0x00, 0x10] {
        file.extend_from_slice(&[0xff, 0xc4, 0, 0x14, table, 1]);
        file.extend_from_slice(&[0; 15]);
        file.push(0);
    }
    file.extend_from_slice(b"\xff\xda\0\x0e\x04\x01\0\x02\0\x03\0\x04\0\0\x3f\0");
    file.extend_from_slice(&[0; 4]);
    file.extend_from_slice(b"\xff\xd9");
    file
}

pub(crate) fn bitmap() -> Vec<u8> {
    [b"BM".as_slice(), &[0x46, 0, 0, 0, 0, 0, 0, 0, 0x36, 0, 0, 0, 0x28, 0, 0, 0], &[1; 64]].concat()
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [kind.as_slice(), data].concat();
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [length.as_slice(), &named, &checksum(&named)].concat()
}

/// Where the first chunk after the head begins.
const AFTER_HEAD: usize = 33;

/// A PNG with one chunk more.
pub(crate) fn png_with(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut file = png(16, 16);
    file.splice(AFTER_HEAD..AFTER_HEAD, chunk(kind, data));
    file
}

/// So many MiB of zeros, packed: one of them, again and again.
pub(crate) fn packed_zeros(mebibytes: u32) -> Vec<u8> {
    const MEBIBYTE: u32 = 1024 * 1024;
    let mut packer = Compress::new(Compression::best(), false);
    let mut one = Vec::with_capacity(64 * 1024);
    packer.compress_vec(&vec![0; MEBIBYTE as usize], &mut one, FlushCompress::Full).unwrap();
    let mut packed = b"\x78\x9c".to_vec();
    for _ in 0..mebibytes {
        packed.extend_from_slice(&one);
    }
    // The last block, which is empty, and the sum of that many zeros.
    packed.extend_from_slice(&[3, 0]);
    packed.extend_from_slice(&(((mebibytes * MEBIBYTE) % 65_521) << 16 | 1).to_be_bytes());
    packed
}

/// A PNG whose head says that it is this large; what follows would unpack to a good deal of it.
pub(crate) fn png_that_claims(width: u32, height: u32) -> Vec<u8> {
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend_from_slice(&[8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(b"IHDR", &head));
    file.extend(chunk(b"IDAT", &packed_zeros(64)));
    file.extend(chunk(b"IEND", b""));
    file
}

pub(crate) fn gif_that_claims(width: u16, height: u16) -> Vec<u8> {
    let mut file = encoded(&flag(4, 4), ImageFormat::Gif);
    file.splice(6..10, [width.to_le_bytes(), height.to_le_bytes()].concat());
    file
}
