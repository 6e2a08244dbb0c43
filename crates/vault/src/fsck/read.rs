//! Looking at one object: is it as long as its rows say, and are its bytes those that were stored.

use clerestory_access::{CheckObjects, Grant};
use clerestory_seal::sha256;
use clerestory_store::parts::Part;
use clerestory_store::segments::{Extent, Segment};

use super::named::Naming;
use super::{Depth, Fault, FsckError};
use crate::error::chain;
use crate::{Listed, ManifestError, OpenError, StoreError, Vault};

/// Something that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) fault: Fault,
    /// The numbers of the segments; none where it is the object's manifest or length alone.
    pub(super) segments: Vec<u64>,
    pub(super) detail: String,
}

/// What a look at an object told.
#[derive(Default)]
pub(super) struct Look {
    pub(super) wrong: Vec<Wrong>,
    pub(super) bytes_read: u64,
}

impl Look {
    fn say(&mut self, fault: Fault, segments: Vec<u64>, detail: impl Into<String>) {
        self.wrong.push(Wrong { fault, segments, detail: detail.into() });
    }
}

impl Vault {
    /// Compares an object with what rows say of it. With leave to open manifests, a part's is compared too.
    pub(super) async fn look(
        &self,
        object: &str,
        naming: &Naming,
        depth: Depth,
        grant: Option<&Grant<CheckObjects>>,
    ) -> Result<Look, FsckError> {
        let mut look = Look::default();
        let Some(length) = self.objects().length(object).await? else {
            look.say(Fault::Missing, numbers_of(&naming.segments), "");
            return Ok(look);
        };
        let (whole, cut): (Vec<&Segment>, Vec<&Segment>) =
            naming.segments.iter().partition(|segment| end_of(segment) <= length);
        let fault = if object.starts_with("log/") { Fault::BeyondEnd } else { Fault::Truncated };
        let has = format!("it has {length} bytes");
        let short = naming.part.as_ref().filter(|part| length < part.object_bytes);
        if let Some(part) = short {
            let detail = format!("{has} of {}, and its manifest is cut off", part.object_bytes);
            look.say(fault, cut.iter().map(|segment| segment.sequence).collect(), detail);
        } else if !cut.is_empty() {
            look.say(fault, cut.iter().map(|segment| segment.sequence).collect(), has.clone());
        }
        let long = naming.part.as_ref().filter(|part| length > part.object_bytes);
        if let Some(part) = long {
            let detail = format!("{has} and should have {}", part.object_bytes);
            look.say(Fault::Altered, Vec::new(), detail);
        }
        if depth == Depth::Deep {
            self.read_segments(object, length, &whole, naming.part.is_some(), &mut look).await?;
            if let (Some(part), None, None, Some(grant)) = (&naming.part, short, long, grant) {
                self.read_end(part, grant, &mut look).await?;
            }
        }
        Ok(look)
    }

    /// Whether the bytes of a segment are those that were stored.
    pub(super) async fn is_whole(&self, segment: &Segment) -> Result<bool, FsckError> {
        let read = readable(self.objects().read(&segment.extent).await)?;
        Ok(read.is_ok_and(|bytes| sha256(&bytes) == segment.sha256 && bytes.starts_with(&segment.header)))
    }

    async fn read_segments(
        &self,
        object: &str,
        length: u64,
        segments: &[&Segment],
        together: bool,
        look: &mut Look,
    ) -> Result<(), FsckError> {
        // Somebody may have made the object larger than memory.
        let length = length.min(segments.iter().map(|segment| end_of(segment)).max().unwrap_or(0));
        let extent = Extent { object: object.to_owned(), offset: 0, length };
        let whole = match together {
            true => Some(readable(self.objects().read(&extent).await)?),
            false => None,
        };
        let (mut altered, mut unreadable, mut why) = (Vec::new(), Vec::new(), String::new());
        for segment in segments {
            let at = &segment.extent;
            let own;
            let bytes = match &whole {
                Some(Ok(whole)) => {
                    let from = usize::try_from(at.offset).unwrap_or(usize::MAX);
                    let to = usize::try_from(at.offset.saturating_add(at.length)).unwrap_or(usize::MAX);
                    Ok(whole.get(from..to).unwrap_or_default())
                }
                Some(Err(why)) => Err(why.clone()),
                None => match readable(self.objects().read(at).await)? {
                    Ok(bytes) => {
                        own = bytes;
                        Ok(own.as_slice())
                    }
                    Err(why) => Err(why),
                },
            };
            match bytes {
                Ok(bytes) => {
                    look.bytes_read += bytes.len() as u64;
                    if sha256(bytes) != segment.sha256 || !bytes.starts_with(&segment.header) {
                        altered.push(segment.sequence);
                    }
                }
                Err(said) => {
                    unreadable.push(segment.sequence);
                    why = said;
                }
            }
        }
        if !altered.is_empty() {
            look.say(Fault::Altered, altered, "");
        }
        if !unreadable.is_empty() {
            look.say(Fault::Unreadable, unreadable, why);
        }
        Ok(())
    }

    /// Compares a part's manifest with its row.
    async fn read_end(
        &self,
        part: &Part,
        grant: &Grant<CheckObjects>,
        look: &mut Look,
    ) -> Result<(), FsckError> {
        let listed = Listed { object: part.object.clone(), bytes: part.object_bytes };
        let manifest = match self.read_manifest(grant, &listed).await {
            Ok(manifest) => manifest,
            Err(ManifestError::Store(error)) => {
                if let Err(why) = readable(Err(error))? {
                    look.say(Fault::Unreadable, Vec::new(), why);
                }
                return Ok(());
            }
            Err(ManifestError::Open(OpenError::Erased)) => {
                look.say(Fault::Unreadable, Vec::new(), "its key is not in the registry");
                return Ok(());
            }
            Err(ManifestError::Open(error)) => return Err(error.into()),
            Err(error) => {
                look.say(Fault::Altered, Vec::new(), chain(&error));
                return Ok(());
            }
        };
        look.bytes_read += part.manifest_bytes;
        // A repair takes lost segments out of the row; a part itself is never written again.
        let told = manifest.part;
        let known = part.segments.iter().all(|segment| told.segments.contains(segment));
        if !known
            || (told.track, told.number, told.fence, told.key)
                != (part.track, part.number, part.fence, part.key)
        {
            look.say(Fault::Altered, Vec::new(), "its manifest says something else than its row");
        }
        Ok(())
    }
}

/// What was read; or why one object cannot be, where others may well be.
fn readable(read: Result<Vec<u8>, StoreError>) -> Result<Result<Vec<u8>, String>, StoreError> {
    match read {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(error) if error.passes() || matches!(error, StoreError::Denied(_)) => Err(error),
        Err(error) => Ok(Err(chain(&error))),
    }
}

/// Where a segment ends in its object.
fn end_of(segment: &Segment) -> u64 {
    segment.extent.offset.saturating_add(segment.extent.length)
}

fn numbers_of(segments: &[Segment]) -> Vec<u64> {
    segments.iter().map(|segment| segment.sequence).collect()
}
