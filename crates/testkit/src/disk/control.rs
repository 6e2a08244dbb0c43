//! What the recorder is told while the server runs: a page of memory both have.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// Places of the numbers on the page, as `struct control` of `recorder.c` has them.
const ROOM: u64 = 0;
const USED: u64 = 8;
const CLOCK: u64 = 16;
const PAUSE: u64 = 24;
const FAILURES: u64 = 32;
const REFUSED: u64 = 40;

/// The page.
pub struct Control(File);

impl Control {
    pub(super) fn create(path: &Path, used: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        file.set_len(4096)?;
        let control = Self(file);
        control.set(ROOM, -1)?;
        control.set(USED, signed(used))?;
        Ok(control)
    }

    /// From now on `bytes` may lie on the disk in all, or as many as there are.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn set_room(&self, bytes: Option<u64>) -> io::Result<()> {
        self.set(ROOM, bytes.map_or(-1, signed))
    }

    /// Bytes that lie on the disk.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub fn used(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.get(USED)?).unwrap_or(0))
    }

    /// Writes that were refused since the disk was full.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub fn refused(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.get(REFUSED)?).unwrap_or(0))
    }

    /// The wall clock shows this much more than it should, in microseconds.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn set_clock_offset_us(&self, offset: i64) -> io::Result<()> {
        self.set(CLOCK, offset)
    }

    /// How much more the wall clock shows than it should, in microseconds.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub fn clock_offset_us(&self) -> io::Result<i64> {
        self.get(CLOCK)
    }

    /// A flush takes this long.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn set_sync_pause(&self, pause: Duration) -> io::Result<()> {
        self.set(PAUSE, i64::try_from(pause.as_micros()).unwrap_or(i64::MAX))
    }

    /// The next `count` flushes fail with an input/output error, and what they were to make durable never is.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn fail_syncs(&self, count: u64) -> io::Result<()> {
        self.set(FAILURES, signed(count))
    }

    /// Flushes that are still to fail.
    ///
    /// # Errors
    /// When the page cannot be read.
    pub fn syncs_to_fail(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.get(FAILURES)?).unwrap_or(0))
    }

    fn set(&self, at: u64, value: i64) -> io::Result<()> {
        self.0.write_all_at(&value.to_ne_bytes(), at)
    }

    fn get(&self, at: u64) -> io::Result<i64> {
        let mut bytes = [0; 8];
        self.0.read_exact_at(&mut bytes, at)?;
        Ok(i64::from_ne_bytes(bytes))
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
