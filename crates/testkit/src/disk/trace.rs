//! The record that `recorder.c` writes.

use std::io;
use std::path::Path;

/// Length, kind, two numbers, length of the first bytes.
const HEAD: usize = 4 + 1 + 8 + 8 + 4;

pub(super) struct Trace(Vec<u8>);

/// What happened.
pub(super) enum What<'t> {
    Create {
        inode: u64,
        path: &'t str,
    },
    MakeDirectory {
        inode: u64,
        path: &'t str,
    },
    Write {
        inode: u64,
        offset: u64,
        bytes: &'t [u8],
    },
    Truncate {
        inode: u64,
        length: u64,
    },
    /// What was recorded before the moment `covers` is durable, or never will be.
    Flush {
        inode: u64,
        covers: u64,
        failed: bool,
    },
    Rename {
        from: &'t str,
        to: &'t str,
    },
    Link {
        from: &'t str,
        to: &'t str,
    },
    Unlink {
        path: &'t str,
    },
    /// The recorder met something it cannot record.
    Unknown {
        what: &'t str,
    },
}

pub(super) struct Record<'t> {
    /// Where it begins in the record, and where it ends: moments.
    pub(super) begins: u64,
    pub(super) ends: u64,
    pub(super) what: What<'t>,
}

impl Record<'_> {
    pub(super) fn is_flush(&self) -> bool {
        matches!(self.what, What::Flush { failed: false, .. })
    }

    pub(super) fn is_move(&self) -> bool {
        use What::{Create, Link, MakeDirectory, Rename, Unlink};
        matches!(
            self.what,
            Create { .. } | MakeDirectory { .. } | Rename { .. } | Link { .. } | Unlink { .. }
        )
    }
}

impl Trace {
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        std::fs::read(path).map(Self)
    }

    /// Every whole record: a process that was killed may have left half of one.
    pub(super) fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let record = parse(&self.0, at)?;
            at = usize::try_from(record.ends).ok()?;
            Some(record)
        })
    }
}

fn parse(bytes: &[u8], at: usize) -> Option<Record<'_>> {
    let head = bytes.get(at..at + HEAD)?;
    let number = |from: usize| Some(u64::from_ne_bytes(*head.get(from..)?.first_chunk()?));
    let length = u32::from_ne_bytes(*head.first_chunk()?) as usize;
    let (a, b) = (number(5)?, number(13)?);
    let split = u32::from_ne_bytes(*head.get(21..)?.first_chunk()?) as usize;
    let body = bytes.get(at + HEAD..at + 4 + length)?;
    let (first, second) = body.split_at_checked(split)?;
    let text = |bytes| std::str::from_utf8(bytes).ok();
    let what = match head.get(4)? {
        1 => What::Create { inode: a, path: text(first)? },
        2 => What::MakeDirectory { inode: a, path: text(first)? },
        3 => What::Write { inode: a, offset: b, bytes: first },
        4 => What::Truncate { inode: a, length: b },
        kind @ (5 | 6) => What::Flush { inode: a, covers: b, failed: *kind == 6 },
        7 => What::Rename { from: text(first)?, to: text(second)? },
        8 => What::Link { from: text(first)?, to: text(second)? },
        9 | 10 => What::Unlink { path: text(first)? },
        _ => What::Unknown { what: text(first)? },
    };
    let begins = at as u64;
    Some(Record { begins, ends: begins + 4 + length as u64, what })
}
