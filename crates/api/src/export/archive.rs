//! A zip file that is sent while it is written: what waits in memory is a few pieces of it.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clerestory_model::Timestamp;
use tokio::sync::mpsc;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::problem::ApiError;

/// What is written is sent when there is this much of it.
const PIECE_BYTES: usize = 64 * 1024;

/// Whoever reads nothing for so long is taken to have gone: others wait for the room.
const STALLED: Duration = Duration::from_secs(60);

/// Why an archive was not written to its end.
#[derive(Debug)]
pub(super) enum Cut {
    /// Nobody reads it any more.
    Left,
    /// It could not be made.
    Failed(String),
    /// A right ended, or something did not answer: what whoever fetches it would be told of that.
    Told(ApiError),
}

impl Cut {
    /// What the server's log says of it.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Left => "whoever fetched it went away",
            Self::Failed(why) => why,
            Self::Told(error) => &error.problem().detail,
        }
    }
}

impl From<ApiError> for Cut {
    fn from(error: ApiError) -> Self {
        Self::Told(error)
    }
}

impl From<zip::result::ZipError> for Cut {
    fn from(error: zip::result::ZipError) -> Self {
        Self::Failed(format!("the archive could not be written: {error}"))
    }
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Self::Failed(format!("the archive could not be written: {error}"))
    }
}

impl From<serde_json::Error> for Cut {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(format!("what is held could not be written down: {error}"))
    }
}

/// Sends a piece to whoever reads the file.
pub(super) async fn send_on(to: &mpsc::Sender<Bytes>, piece: Vec<u8>) -> Result<(), Cut> {
    match tokio::time::timeout(STALLED, to.send(Bytes::from(piece))).await {
        Ok(sent) => sent.map_err(|_| Cut::Left),
        Err(_) => Err(Cut::Failed(format!("nobody read on for {} seconds", STALLED.as_secs()))),
    }
}

/// Where the zip writer writes; emptied after each write.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn take(&self, least: usize) -> Vec<u8> {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() < least { Vec::new() } else { std::mem::take(&mut *written) }
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Zip = ZipWriter<StreamWriter<Written>>;

/// The file on its way.
pub(super) struct Archive {
    zip: Option<Zip>,
    written: Written,
    to: mpsc::Sender<Bytes>,
    options: SimpleFileOptions,
}

impl Archive {
    pub(super) fn new(to: mpsc::Sender<Bytes>, made_at: Timestamp) -> Self {
        let written = Written::default();
        // A track may be of more than 4 GiB, which the head of its file has to say beforehand.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(date(made_at))
            .large_file(true);
        Self { zip: Some(ZipWriter::new_stream(written.clone())), written, to, options }
    }

    fn zip(&mut self) -> Result<&mut Zip, Cut> {
        self.zip.as_mut().ok_or_else(|| Cut::Failed("the archive was given up".to_owned()))
    }

    /// Begins a file; what is appended goes into it.
    pub(super) fn begin(&mut self, name: &str) -> Result<(), Cut> {
        let options = self.options;
        Ok(self.zip()?.start_file(name, options)?)
    }

    /// Packs bytes into the file that was begun, on a thread for long work, and sends what there is.
    pub(super) async fn append(&mut self, bytes: Vec<u8>) -> Result<(), Cut> {
        self.zip()?;
        let Some(mut zip) = self.zip.take() else { return Ok(()) };
        let packed = tokio::task::spawn_blocking(move || zip.write_all(&bytes).map(|()| zip)).await;
        self.zip = Some(packed.map_err(|_| Cut::Failed("a thread failed".to_owned()))??);
        self.send(PIECE_BYTES).await
    }

    /// A whole small file.
    pub(super) async fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), Cut> {
        self.begin(name)?;
        self.append(bytes.to_vec()).await
    }

    /// Appends everything there is to be read.
    pub(super) async fn copy(&mut self, from: &mut (dyn Read + Send)) -> Result<(), Cut> {
        loop {
            let mut bytes = vec![0; PIECE_BYTES];
            let length = from.read(&mut bytes)?;
            if length == 0 {
                return Ok(());
            }
            bytes.truncate(length);
            self.append(bytes).await?;
        }
    }

    async fn send(&mut self, least: usize) -> Result<(), Cut> {
        let piece = self.written.take(least);
        if piece.is_empty() {
            return Ok(());
        }
        send_on(&self.to, piece).await
    }

    /// Writes what closes the archive: without it no reader takes it for whole.
    pub(super) async fn finish(&mut self) -> Result<(), Cut> {
        if let Some(zip) = self.zip.take() {
            zip.finish()?;
        }
        self.send(0).await
    }
}

/// A time as zip files keep it, which they do without a zone and from 1980 on.
fn date(at: Timestamp) -> DateTime {
    let text = at.to_string();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u16>().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let (year, [month, day, hour, minute, second]) =
        (next(), std::array::from_fn(|_| u8::try_from(next()).unwrap_or(0)));
    DateTime::from_date_and_time(year, month, day, hour, minute, second).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_archive_that_nobody_reads_is_given_up() {
        let (to, pieces) = mpsc::channel(1);
        let mut archive = Archive::new(to, Timestamp::from_micros(1_795_000_000_000_000));
        archive.options = archive.options.compression_method(CompressionMethod::Stored);
        archive.begin("much").unwrap();
        archive.append(vec![7; 2 * PIECE_BYTES]).await.unwrap();
        let cut = archive.append(vec![7; 2 * PIECE_BYTES]).await;
        assert!(matches!(cut, Err(Cut::Failed(_))), "{cut:?}");
        drop(pieces);
        assert!(matches!(archive.append(vec![7; 2 * PIECE_BYTES]).await, Err(Cut::Left)));
    }
}
