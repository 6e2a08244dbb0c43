//! A disk that loses what was not flushed.
//!
//! The real server runs with a recorder preloaded (`recorder.c`), which notes every change to the files below one
//! directory in the order they happen, and every flush. From that record [`Disk::at`] rebuilds what the disk held at
//! any moment, and [`Model::lose`] what a loss of power at that moment leaves: bytes that were not flushed are gone or
//! torn at the borders of sectors, and a file whose directory was not flushed is gone, at its old name, or back.
//! Decision 0017 says what this can show and what it cannot.

mod control;
mod model;
mod trace;

pub use control::Control;
pub use model::{Loss, Model, Survivors};

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Child;

use trace::Trace;

/// A directory whose changes are recorded.
pub struct Disk {
    root: PathBuf,
    record: PathBuf,
    page: PathBuf,
    control: Control,
    base: Model,
    deaf_to: Option<String>,
}

/// `kill -9` of a process that writes to `record`, and waits until it is gone: never between a change and its record.
pub fn kill(child: &mut Child, record: &Path) {
    // The recorder's lock. A record that is gone has nothing to lose, and a process that is gone is as good.
    let held = File::open(record).and_then(|record| record.lock().map(|()| record));
    drop(child.kill());
    drop(child.wait());
    drop(held);
}

impl Disk {
    /// Begins to record what happens below `root`; what lies there now counts as durable. The record and the control
    /// page lie in `beside`, which must not be below `root`.
    ///
    /// # Errors
    /// When the files cannot be made, or `root` not read.
    pub fn begin(root: &Path, beside: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let (record, page) = (beside.join("disk.record"), beside.join("disk.control"));
        OpenOptions::new().write(true).create(true).truncate(true).open(&record)?;
        let base = Model::of(&root)?;
        let control = Control::create(&page, base.bytes())?;
        Ok(Self { root, record, page, control, base, deaf_to: None })
    }

    /// A disk that only says that it has flushed what has a path that ends with `end`. A server on such a disk is a server
    /// that forgot to flush it: the crash tests must find it out.
    pub fn be_deaf_to(&mut self, end: &str) {
        self.deaf_to = Some(end.to_owned());
    }

    /// What a process needs in its environment so that its changes are recorded.
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("LD_PRELOAD", env!("CLERESTORY_RECORDER").to_owned()),
            ("CLERESTORY_DISK_ROOT", self.root.display().to_string()),
            ("CLERESTORY_DISK_TRACE", self.record.display().to_string()),
            ("CLERESTORY_DISK_CONTROL", self.page.display().to_string()),
        ]
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &Path {
        &self.record
    }

    /// Its size, its flushes and its clock.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// This moment: whatever the process has done and told before it lies before it in the record.
    ///
    /// # Errors
    /// When the record is gone.
    pub fn now(&self) -> io::Result<u64> {
        Ok(std::fs::metadata(&self.record)?.len())
    }

    /// The moments right before and right after every flush from the moment `from` on.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn flushes(&self, from: u64) -> io::Result<Vec<u64>> {
        let trace = Trace::read(&self.record)?;
        let flushes = trace.records().filter(|record| record.is_flush() && record.begins >= from);
        Ok(flushes.flat_map(|record| [record.begins, record.ends]).collect())
    }

    /// The moments right after a file or a directory was made, moved or removed.
    ///
    /// # Errors
    /// When the record cannot be read.
    pub fn moves(&self) -> io::Result<Vec<u64>> {
        let trace = Trace::read(&self.record)?;
        Ok(trace.records().filter(trace::Record::is_move).map(|record| record.ends).collect())
    }

    /// The disk as it was at the moment `at`.
    ///
    /// # Errors
    /// When the record cannot be read, or tells of something this harness does not understand.
    pub fn at(&self, at: u64) -> io::Result<Model> {
        let trace = Trace::read(&self.record)?;
        let mut model = self.base.clone();
        for record in trace.records().take_while(|record| record.ends <= at) {
            if !self.deaf_to.as_ref().is_some_and(|end| model.flushes(&record, end)) {
                model.apply(&self.root, &record)?;
            }
        }
        Ok(model)
    }
}
