//! Pictures of people: whatever somebody's camera or drawing program made, as two small squares with nothing else in
//! them.
//!
//! The file is decoded, turned as its metadata says, cut to the square in its middle, made small and encoded anew. No
//! byte of the file is kept: not its metadata, nor what may hang behind it. An animation gives its first frame.

use std::io::Cursor;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
};

use crate::{ConfineError, Confined, Kind, Refusal};

/// Bytes of a file at most.
pub const MOST_BYTES: usize = 5 * 1024 * 1024;
/// Pixels of a picture at most, before one is decoded.
pub const MOST_PIXELS: u64 = 40_000_000;
/// Bytes of each square at most.
pub const MOST_KEPT: usize = 64 * 1024;
/// What both squares are.
pub const CONTENT_TYPE: &str = "image/jpeg";

/// Pixels of the sides of the squares.
const LARGE: u32 = 256;
const SMALL: u32 = 64;
/// Pixels of a side at most.
const MOST_SIDE: u32 = 20_000;
/// Bytes of a decoded picture at most: four to a pixel.
const MOST_DECODED: u64 = 4 * MOST_PIXELS;
/// The best quality comes first; the first that is small enough is taken.
const QUALITIES: [u8; 4] = [88, 75, 50, 20];

const UNREADABLE: Refusal = "unreadable";
const TOO_LARGE: Refusal = "too large";

/// The smallest picture there is.
pub(crate) const ONE_PIXEL: &[u8] =
    b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// A picture, in both sizes.
#[derive(Clone, Debug)]
pub struct Picture {
    /// 256 pixels to a side.
    pub large: Vec<u8>,
    /// 64 pixels to a side.
    pub small: Vec<u8>,
}

/// Why a file gives no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It is no picture, or a broken one, or of another kind.
    #[error("this is not a picture that can be read: PNG, JPEG, WebP or GIF")]
    Unreadable,
    /// It has more bytes or pixels than a picture may have.
    #[error("the picture is too large: 5 MiB and 40 megapixels at most")]
    TooLarge,
    /// Not the file's fault, as far as one can see.
    #[error(transparent)]
    Confined(ConfineError),
}

impl From<ConfineError> for PictureError {
    fn from(error: ConfineError) -> Self {
        match error {
            ConfineError::Refused(why) if why == TOO_LARGE => Self::TooLarge,
            ConfineError::TooLarge(_) | ConfineError::OutOfMemory => Self::TooLarge,
            // A file that breaks whoever reads it is none that can be read.
            ConfineError::Refused(_)
            | ConfineError::TimedOut
            | ConfineError::Forbidden
            | ConfineError::Crashed(_)
            | ConfineError::WrongAnswer => Self::Unreadable,
            other => Self::Confined(other),
        }
    }
}

impl Confined {
    /// The picture in a file.
    ///
    /// # Errors
    /// [`PictureError`].
    pub async fn picture(&self, file: Bytes) -> Result<Picture, PictureError> {
        let answer = self.run(Kind::Picture, file).await?;
        match read(&answer) {
            Some(picture) => Ok(picture),
            None => {
                self.note_broken(&ConfineError::WrongAnswer);
                Err(PictureError::Unreadable)
            }
        }
    }
}

/// An answer is two squares, each behind its length, and each what it says it is.
fn read(answer: &[u8]) -> Option<Picture> {
    let one = |bytes: &mut &[u8]| {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (square, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        *bytes = rest;
        let fits = square.len() <= MOST_KEPT && square.starts_with(&[0xff, 0xd8, 0xff]);
        fits.then(|| square.to_vec())
    };
    let mut rest = answer;
    let (large, small) = (one(&mut rest)?, one(&mut rest)?);
    let squares = is_plain(&large, LARGE) && is_plain(&small, SMALL);
    (squares && rest.is_empty()).then_some(Picture { large, small })
}

/// Whether this is a JPEG of such a square as the encoder here writes them, by its markers (ITU-T T.81, annex B): tables, one
/// frame of that size, one scan, its end, and nothing else. What decoded it may have been taken over.
fn is_plain(jpeg: &[u8], side: u32) -> bool {
    let Some(mut rest) = jpeg.strip_prefix(&[0xff, 0xd8]) else { return false };
    let mut frames = 0;
    while let Some((&[0xff, marker, high, low], after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((content, after)) = length.checked_sub(2).and_then(|length| after.split_at_checked(length))
        else {
            return false;
        };
        match marker {
            0xe0 if content.starts_with(b"JFIF\0") && content.len() == 14 => {}
            0xdb | 0xc4 => {}
            0xc0 => {
                let side = u16::try_from(side).unwrap_or_default().to_be_bytes();
                let head = [8, side[0], side[1], side[0], side[1], 3];
                if !content.starts_with(&head) {
                    return false;
                }
                frames += 1;
            }
            // The scan, to the end: within it 0xff stands before zero alone.
            0xda => {
                let Some(scan) = after.strip_suffix(&[0xff, 0xd9]) else { return false };
                let stuffed = scan.split(|byte| *byte == 0xff).skip(1).all(|after| after.first() == Some(&0));
                return frames == 1 && stuffed;
            }
            _ => return false,
        }
        rest = after;
    }
    false
}

/// The work itself.
pub(crate) fn work(file: &[u8]) -> Result<Vec<u8>, Refusal> {
    let large = square(decode(file)?);
    let mut answer = Vec::new();
    for square in [&large, &small(&large)] {
        let square = encode(square)?;
        answer.extend(u32::try_from(square.len()).map_err(|_| TOO_LARGE)?.to_be_bytes());
        answer.extend(square);
    }
    Ok(answer)
}

fn decode(file: &[u8]) -> Result<(DynamicImage, Orientation), Refusal> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|_| UNREADABLE)?;
    let kinds = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif];
    if !reader.format().is_some_and(|format| kinds.contains(&format)) {
        return Err(UNREADABLE);
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    limits.max_alloc = Some(MOST_DECODED);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS || decoder.total_bytes() > MOST_DECODED {
        return Err(TOO_LARGE);
    }
    if width == 0 || height == 0 {
        return Err(UNREADABLE);
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(refusal)?, orientation))
}

fn refusal(error: ImageError) -> Refusal {
    match error {
        ImageError::Limits(_) => TOO_LARGE,
        _ => UNREADABLE,
    }
}

/// The square in the middle, small, upright, and on white where it was transparent.
fn square((image, orientation): (DynamicImage, Orientation)) -> RgbImage {
    let (width, height) = image.dimensions();
    let side = width.min(height);
    let mut square = image.crop_imm((width - side) / 2, (height - side) / 2, side, side);
    drop(image);
    // Averages first, for what is very large: the better filter would take its time over it.
    if side > 4 * LARGE {
        square = square.thumbnail_exact(4 * LARGE, 4 * LARGE);
    }
    square = square.resize_exact(LARGE, LARGE, FilterType::CatmullRom);
    square.apply_orientation(orientation);
    let mut flat = RgbImage::new(LARGE, LARGE);
    for (to, from) in flat.pixels_mut().zip(square.to_rgba8().pixels()) {
        let [red, green, blue, alpha] = from.0.map(u32::from);
        let over_white = |colour: u32| ((colour * alpha + 255 * (255 - alpha)) / 255) as u8;
        to.0 = [red, green, blue].map(over_white);
    }
    flat
}

fn small(large: &RgbImage) -> RgbImage {
    image::imageops::resize(large, SMALL, SMALL, FilterType::Triangle)
}

fn encode(square: &RgbImage) -> Result<Vec<u8>, Refusal> {
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(square).map_err(|_| UNREADABLE)?;
        if bytes.len() <= MOST_KEPT {
            return Ok(bytes);
        }
    }
    Err(TOO_LARGE)
}
