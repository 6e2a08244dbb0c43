//! Single pictures of what recorders send, decoded by `ffmpeg` as films are, as small JPEGs.
//!
//! What comes back of the decoder are bare pixels of a size that was asked for: nothing of them is parsed. They are encoded
//! here.

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageError};
use tokio::sync::mpsc;

use crate::film::{COMMON, DECODERS, Work, words};
use crate::{ConfineError, Confined};

/// At work at once at most: they are made beside everything else, and nobody waits for them.
pub(crate) const AT_ONCE: usize = 1;
/// They are small, and looked at in passing.
const QUALITY: u8 = 72;

/// Pictures that are made of a Matroska stream of pictures, one of each that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frames {
    /// Pixels of a row. Pictures of another shape are made to fit, with black around them.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// How many come in, each a place to begin at.
    pub count: usize,
}

impl Frames {
    /// What they are.
    pub const CONTENT_TYPE: &'static str = "image/jpeg";

    /// Bytes of one of them as the decoder gives it: red, green and blue.
    const fn bytes_each(self) -> usize {
        self.width as usize * self.height as usize * 3
    }

    fn arguments(self) -> Vec<String> {
        let Self { width, height, .. } = self;
        let fit = format!(
            "scale={width}:{height}:force_original_aspect_ratio=decrease:flags=area,\
             pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,format=rgb24"
        );
        // One that cannot be decoded ends it: the ones behind it would stand in its place.
        words(&[
            COMMON.to_owned(),
            format!(
                "-xerror -err_detect explode -protocol_whitelist pipe -codec_whitelist {DECODERS} -threads 1"
            ),
            format!("-f matroska -i pipe:0 -map 0:v:0 -vf {fit} -fps_mode passthrough"),
            "-c:v rawvideo -f rawvideo pipe:1".to_owned(),
        ])
    }

    /// A picture of these pixels.
    fn encoded(self, pixels: &[u8]) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
        encoder.encode(pixels, self.width, self.height, ExtendedColorType::Rgb8)?;
        Ok(bytes)
    }
}

impl Confined {
    /// Decodes pictures of a Matroska stream, in the order in which they come; each is a JPEG then.
    ///
    /// # Errors
    /// [`ConfineError`]; [`ConfineError::WrongAnswer`] where it makes more or fewer than came in.
    pub async fn frames(&self, frames: Frames, stream: Bytes) -> Result<Vec<Vec<u8>>, ConfineError> {
        let done = self.decoded(frames, stream).await;
        // One that says by how it ends that it cannot decode this was not broken by it.
        done.inspect_err(|error| match error {
            ConfineError::Crashed(status) if status.code().is_some() => {}
            error => self.note_broken(error),
        })
    }

    async fn decoded(&self, frames: Frames, stream: Bytes) -> Result<Vec<Vec<u8>>, ConfineError> {
        let (give, pieces) = mpsc::channel(1);
        let (to, mut made) = mpsc::channel::<Bytes>(1);
        let wanted = frames.bytes_each() * frames.count;
        let feed = async move { drop(give.send(stream).await) };
        let take = async move {
            let mut all = Vec::new();
            while let Some(piece) = made.recv().await {
                all.extend_from_slice(&piece);
                if all.len() > wanted {
                    break;
                }
            }
            all
        };
        let (done, (), all) =
            tokio::join!(self.foreign(Work::Frames, frames.arguments(), pieces, to), feed, take);
        done?;
        if all.len() != wanted || wanted == 0 {
            return Err(ConfineError::WrongAnswer);
        }
        let encode = move || {
            let all = all.chunks(frames.bytes_each()).map(|pixels| frames.encoded(pixels));
            all.collect::<Result<Vec<_>, _>>()
        };
        let encoded = tokio::task::spawn_blocking(encode).await.map_err(std::io::Error::other)?;
        encoded.map_err(|_| ConfineError::WrongAnswer)
    }
}
