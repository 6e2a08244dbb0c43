//! Pictures of what the monitors show, in strips: a whole screen in the form the server sends it takes more memory than this
//! program is to have.

use x11rb::connection::Connection;
use x11rb::errors::ReplyError;
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::protocol::xproto::{ConnectionExt, ImageFormat, ImageOrder, Window};

/// Rows that are fetched at once.
const STRIP: u16 = 64;
/// No picture is wider or higher: what is larger is made smaller by whole pixels.
const LARGEST: u16 = 1920;
/// Monitors that are looked at.
const MOST_MONITORS: usize = 8;

/// A monitor, in pixels of the whole screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitor {
    /// From the left.
    pub x: i16,
    /// From the top.
    pub y: i16,
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
}

/// A picture: rows of red, green and blue from the top.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Three bytes for each.
    pub rgb: Vec<u8>,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The server draws in a way that is not read here.
    #[error("the X server has {0} bits a pixel, and 32 are needed")]
    Form(u8),
    /// It gave less than was asked for.
    #[error("the X server gave half a picture")]
    Half,
    /// It refused, or is gone.
    #[error("the X server: {0}")]
    Server(#[from] ReplyError),
    /// It is gone.
    #[error("the X server went away: {0}")]
    Gone(#[from] x11rb::errors::ConnectionError),
}

/// All monitors that show something.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn monitors(connection: &impl Connection, root: Window) -> Result<Vec<Monitor>, PictureError> {
    let found = connection.randr_get_monitors(root, true)?.reply()?.monitors;
    let all = found.iter().map(|one| Monitor { x: one.x, y: one.y, width: one.width, height: one.height });
    Ok(all.filter(|one| one.width > 0 && one.height > 0).take(MOST_MONITORS).collect())
}

/// What a monitor shows.
///
/// # Errors
/// [`PictureError`].
pub(crate) fn take(
    connection: &impl Connection,
    root: Window,
    monitor: Monitor,
) -> Result<Picture, PictureError> {
    let setup = connection.setup();
    let depth = connection.get_geometry(root)?.reply()?.depth;
    let form = setup.pixmap_formats.iter().find(|form| form.depth == depth);
    let bits = form.map_or(0, |form| form.bits_per_pixel);
    if bits != 32 {
        return Err(PictureError::Form(bits));
    }
    let is_big = setup.image_byte_order == ImageOrder::MSB_FIRST;
    let by = monitor.width.max(monitor.height).div_ceil(LARGEST).max(1);
    let mut shrunk = Shrunk::new(monitor, by);
    let mut row = 0;
    while row < monitor.height {
        // As many whole rows of what comes out as fit.
        let rows = (STRIP / by * by).max(by).min(monitor.height - row);
        let top = monitor.y.saturating_add_unsigned(row);
        let strip = connection
            .get_image(ImageFormat::Z_PIXMAP, root, monitor.x, top, monitor.width, rows, !0)?
            .reply()?;
        if strip.data.len() < usize::from(monitor.width) * usize::from(rows) * 4 {
            return Err(PictureError::Half);
        }
        shrunk.add(&strip.data, rows, is_big);
        row += rows;
    }
    Ok(shrunk.done())
}

/// A picture that is made smaller while it comes: each pixel is the mean of a square of them.
struct Shrunk {
    by: usize,
    /// Pixels across of what comes.
    from_width: usize,
    width: usize,
    rgb: Vec<u8>,
}

impl Shrunk {
    fn new(Monitor { width, height, .. }: Monitor, by: u16) -> Self {
        let out = usize::from(width / by);
        let rgb = Vec::with_capacity(out * usize::from(height / by) * 3);
        Self { by: by.into(), from_width: width.into(), width: out, rgb }
    }

    fn add(&mut self, strip: &[u8], rows: u16, is_big: bool) {
        for rows in strip.chunks_exact(self.from_width * 4 * self.by).take(usize::from(rows) / self.by) {
            for across in 0..self.width {
                let mut sums = [0_u32; 3];
                for row in rows.chunks_exact(self.from_width * 4) {
                    let pixels = row.chunks_exact(4).skip(across * self.by).take(self.by);
                    for pixel in pixels {
                        let &[a, b, c, d] = pixel else { continue };
                        let [red, green, blue] = if is_big { [b, c, d] } else { [c, b, a] };
                        for (sum, part) in sums.iter_mut().zip([red, green, blue]) {
                            *sum += u32::from(part);
                        }
                    }
                }
                let count = (self.by * self.by) as u32;
                self.rgb.extend(sums.map(|sum| (sum / count) as u8));
            }
        }
    }

    fn done(self) -> Picture {
        let height = self.rgb.len() / (self.width * 3).max(1);
        Picture { width: self.width as u32, height: height as u32, rgb: self.rgb }
    }
}

impl Picture {
    /// Makes it unreadable: squares of so many pixels have one colour each, of which nothing leads back to what was there.
    pub fn coarsen(&mut self, square: u32) {
        let (width, square) = (self.width as usize, square.max(1) as usize);
        for top in (0..self.height as usize).step_by(square) {
            for left in (0..width).step_by(square) {
                let rows = top..(top + square).min(self.height as usize);
                let across = left..(left + square).min(width);
                let mut sums = [0_u64; 3];
                for at in
                    rows.clone().flat_map(|row| across.clone().map(move |column| (row * width + column) * 3))
                {
                    let pixel = self.rgb.get(at..at + 3).unwrap_or_default();
                    sums.iter_mut().zip(pixel).for_each(|(sum, part)| *sum += u64::from(*part));
                }
                let count = (rows.len() * across.len()).max(1) as u64;
                let mean = sums.map(|sum| (sum / count) as u8);
                for at in rows.flat_map(|row| across.clone().map(move |column| (row * width + column) * 3)) {
                    if let Some(pixel) = self.rgb.get_mut(at..at + 3) {
                        pixel.copy_from_slice(&mean);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_too_large_is_made_smaller_by_whole_pixels() {
        let monitor = Monitor { x: 0, y: 0, width: 4, height: 4 };
        let mut shrunk = Shrunk::new(monitor, 2);
        // Blue, green, red, nothing.
        let rows: Vec<u8> = (0..16).flat_map(|at: u8| [at, 10 * at, 100, 255]).collect();
        shrunk.add(&rows, 4, false);
        let picture = shrunk.done();
        assert_eq!((picture.width, picture.height), (2, 2));
        // The mean of 0, 1, 4 and 5.
        assert_eq!(picture.rgb[..3], [100, 25, 2]);
        assert_eq!(picture.rgb.len(), 12);
    }

    #[test]
    fn what_is_coarse_has_one_colour_a_square() {
        let rgb: Vec<u8> = (0..5 * 3).flat_map(|at: u8| [at, 0, 255]).collect();
        let mut picture = Picture { width: 5, height: 3, rgb };
        picture.coarsen(2);
        let pixel = |row: usize, column: usize| &picture.rgb[(row * 5 + column) * 3..][..3];
        assert_eq!(pixel(0, 0), [3, 0, 255]);
        assert_eq!(pixel(0, 0), pixel(1, 1));
        assert_eq!(pixel(2, 4), [14, 0, 255], "what is left at an edge is a square of its own");
    }
}
