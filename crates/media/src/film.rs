//! Films that were encoded one after another, as one: fragmented MP4 (ISO/IEC 14496-12), whose fragments stand behind one
//! head. What comes in was made by a program that read hostile bytes: of boxes only those that such a film needs go on.

use std::collections::BTreeMap;

/// Bytes at most of a box that is looked at: what says how a film, or some seconds of it, is made up. Pictures and sound
/// themselves are looked at by nobody here, and pass as they come.
const MOST: usize = 1024 * 1024;
/// What stands before the content of a box: its length and its name.
const HEAD: usize = 8;

/// Why what came in is no film, or does not go on in this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFilm {
    /// It is not the kind of file that it should be.
    #[error("what was made is no film of fragments")]
    Malformed,
    /// Its head says something else than that of the first.
    #[error("what was made does not go on in what was made before")]
    Otherwise,
}

/// A film that is put together.
#[derive(Debug, Default)]
pub struct Joined {
    /// What has come of a box, up to where it is known that it passes.
    held: Vec<u8>,
    /// What is still to come of a box that passes, and whether it goes on.
    passing: Option<(usize, bool)>,
    /// The head of the first film, and of each of its tracks the ticks of a second.
    head: Option<Vec<u8>>,
    ticks: BTreeMap<u32, u64>,
    /// When the film begins that comes in now.
    begins_us: u64,
    fragments: u32,
}

impl Joined {
    /// The next film begins at this time of the whole.
    ///
    /// # Errors
    /// [`NoFilm::Malformed`] when the one before had no end.
    pub fn begin(&mut self, at_us: u64) -> Result<(), NoFilm> {
        self.begins_us = at_us;
        (self.held.is_empty() && self.passing.is_none()).then_some(()).ok_or(NoFilm::Malformed)
    }

    /// Takes bytes as they come, and gives those that can go on.
    ///
    /// # Errors
    /// [`NoFilm`].
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<Vec<u8>, NoFilm> {
        let mut out = Vec::new();
        while !bytes.is_empty() {
            if let Some((left, goes_on)) = self.passing {
                let (some, rest) = bytes.split_at(left.min(bytes.len()));
                if goes_on {
                    out.extend_from_slice(some);
                }
                bytes = rest;
                self.passing = (left > some.len()).then_some((left - some.len(), goes_on));
                continue;
            }
            // Its head first, which says how long it is.
            let wanted = self.length()?.unwrap_or(HEAD);
            let (some, rest) = bytes.split_at((wanted - self.held.len()).min(bytes.len()));
            self.held.extend_from_slice(some);
            bytes = rest;
            if let Some(length) = self.length()? {
                self.met(length, &mut out)?;
            }
        }
        Ok(out)
    }

    /// Bytes of the box that comes in, once its head has come.
    fn length(&self) -> Result<Option<usize>, NoFilm> {
        let Some(length) = self.held.first_chunk::<4>().filter(|_| self.held.len() >= HEAD) else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        let passes = self.passes().is_some();
        (length >= HEAD && (passes || length <= MOST)).then_some(Some(length)).ok_or(NoFilm::Malformed)
    }

    /// Whether the box that comes in passes as it comes, and then whether it goes on. Where fragments lie is told at the end
    /// of each film: they lie elsewhere by now, and nobody needs it.
    fn passes(&self) -> Option<bool> {
        match self.held.get(4..HEAD) {
            Some(b"mdat") if self.head.is_some() => Some(true),
            Some(b"mfra") => Some(false),
            _ => None,
        }
    }

    /// The head of a box of this length has come, or the whole box.
    fn met(&mut self, length: usize, out: &mut Vec<u8>) -> Result<(), NoFilm> {
        if let Some(goes_on) = self.passes() {
            let head = std::mem::take(&mut self.held);
            if goes_on {
                out.extend_from_slice(&head);
            }
            self.passing = (length > HEAD).then_some((length - HEAD, goes_on));
        } else if self.held.len() == length {
            let whole = std::mem::take(&mut self.held);
            self.whole(whole, out)?;
        }
        Ok(())
    }

    fn whole(&mut self, mut whole: Vec<u8>, out: &mut Vec<u8>) -> Result<(), NoFilm> {
        match whole.get(4..HEAD) {
            Some(b"ftyp") if self.head.is_none() => out.extend(whole),
            Some(b"moov") => match &self.head {
                None => {
                    self.ticks = ticks(&whole).ok_or(NoFilm::Malformed)?;
                    out.extend_from_slice(&whole);
                    self.head = Some(whole);
                }
                Some(head) if *head != whole => return Err(NoFilm::Otherwise),
                Some(_) => {}
            },
            Some(b"moof") => {
                self.fragments += 1;
                self.number(&mut whole).ok_or(NoFilm::Malformed)?;
                out.extend(whole);
            }
            Some(b"ftyp") => {}
            _ => return Err(NoFilm::Malformed),
        }
        Ok(())
    }

    /// Gives a fragment its number, and its time in the whole.
    fn number(&self, moof: &mut [u8]) -> Option<()> {
        let mut changes: Vec<(usize, Vec<u8>)> = Vec::new();
        for (name, from, to) in boxes(moof, HEAD, moof.len())? {
            match &name {
                b"mfhd" => changes.push((from + 4, self.fragments.to_be_bytes().to_vec())),
                b"traf" => {
                    let within = boxes(moof, from, to)?;
                    let of = |wanted: &[u8; 4]| within.iter().find(|(name, ..)| name == wanted);
                    let (_, track, _) = of(b"tfhd")?;
                    let ticks = u128::from(*self.ticks.get(&number(moof, track + 4)?)?);
                    let shift = u64::try_from(u128::from(self.begins_us) * ticks / 1_000_000).ok()?;
                    let (_, time, _) = of(b"tfdt")?;
                    // Version 1 has the time in 64 bits (8.8.12).
                    (*moof.get(*time)? == 1).then_some(())?;
                    let at = u64::from_be_bytes(moof.get(time + 4..time + 12)?.try_into().ok()?);
                    changes.push((time + 4, at.checked_add(shift)?.to_be_bytes().to_vec()));
                }
                _ => {}
            }
        }
        for (at, bytes) in changes {
            moof.get_mut(at..at + bytes.len())?.copy_from_slice(&bytes);
        }
        Some(())
    }
}

/// The boxes between two places: their names, and where their contents begin and end.
fn boxes(bytes: &[u8], mut at: usize, to: usize) -> Option<Vec<([u8; 4], usize, usize)>> {
    let mut found = Vec::new();
    while at < to {
        let length = number(bytes, at)? as usize;
        let name = bytes.get(at + 4..at + HEAD)?.try_into().ok()?;
        (length >= HEAD && length <= to - at).then_some(())?;
        found.push((name, at + HEAD, at + length));
        at += length;
    }
    Some(found)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The ticks of a second of each track (8.3.2, 8.4.2).
fn ticks(moov: &[u8]) -> Option<BTreeMap<u32, u64>> {
    let mut ticks = BTreeMap::new();
    for (name, from, to) in boxes(moov, HEAD, moov.len())? {
        if name != *b"trak" {
            continue;
        }
        let within = boxes(moov, from, to)?;
        let of = |wanted: &[u8; 4]| within.iter().find(|(name, ..)| name == wanted);
        // Version 1 has its times in 64 bits.
        let long = |at: usize| moov.get(at).map(|version| if *version == 1 { 16 } else { 8 });
        let (_, track, _) = *of(b"tkhd")?;
        let (_, media, end) = *of(b"mdia")?;
        let media = boxes(moov, media, end)?;
        let (_, head, _) = *media.iter().find(|(name, ..)| name == b"mdhd")?;
        ticks.insert(
            number(moov, track + 4 + long(track)?)?,
            u64::from(number(moov, head + 4 + long(head)?)?),
        );
    }
    Some(ticks)
}
