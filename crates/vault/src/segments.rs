//! Sealed segments: sealed once, stored verbatim, opened for a grant.

use std::ops::Range;
use std::sync::Arc;

use clerestory_access::{Action, Grant, InspectRecording, Object};
use clerestory_model::{Deployment, KeyId, OrganisationId, RecordingId, TrackId};
use clerestory_seal::{
    HEADER_BYTES, Header, Label, Mac, MacKey, ObjectContext, ObjectKind, ObjectOpener, SecretKey,
    StreamError, random, seal_object, sha256,
};
use clerestory_store::segments::{Extent, Segment};
use clerestory_store::tracks::Track;

use crate::error::KeepError;
use crate::intents::Release;
use crate::log::{Held, entry};
use crate::{ObjectPath, OpenError, Provenance, StoreError, Stored, Vault};

/// Segments above this size are objects of their own at once.
const LOG_LIMIT: usize = 1024 * 1024;

/// Which segment: what its seal is bound to, and the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentPlace {
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The recording it is part of.
    pub recording: RecordingId,
    /// The track it is part of.
    pub track: TrackId,
    /// The track's key.
    pub key: KeyId,
    /// Its number in the track.
    pub sequence: u64,
}

impl SegmentPlace {
    /// The place of number `sequence` of `track`.
    #[must_use]
    pub fn of(track: &Track, sequence: u64) -> Self {
        Self {
            organisation: track.organisation,
            recording: track.recording,
            track: track.id,
            key: track.key,
            sequence,
        }
    }

    pub(crate) fn context<'d>(&self, deployment: &'d Deployment) -> ObjectContext<'d> {
        ObjectContext {
            kind: ObjectKind::Segment,
            deployment,
            organisation: self.organisation,
            recording: self.recording,
            track: self.track,
            sequence: self.sequence,
        }
    }
}

/// The key of one segment's place, good for sealing into it.
pub struct SegmentSealer {
    key: Arc<SecretKey>,
    deployment: Deployment,
    place: SegmentPlace,
}

impl SegmentSealer {
    /// Seals `plain`, what is stored of what the client sent; `sent` itself is only marked, for idempotency.
    #[must_use]
    pub fn seal(&self, sent: &[u8], plain: &[u8]) -> SealedSegment {
        let bytes = seal_object(&self.key, &self.place.context(&self.deployment), plain);
        let mut header = [0; HEADER_BYTES];
        if let Some(first) = bytes.first_chunk::<HEADER_BYTES>() {
            header = *first;
        }
        let (sha256, content_mac) = (sha256(&bytes), self.content_mac(sent));
        SealedSegment { place: self.place, header, sha256, content_mac, bytes }
    }

    /// The keyed MAC of what a client sent: equal for the same content under the same track.
    #[must_use]
    pub fn content_mac(&self, sent: &[u8]) -> Mac {
        content_mac(&self.key, sent)
    }
}

/// The keyed MAC by which content that comes again is known.
pub(crate) fn content_mac(key: &SecretKey, sent: &[u8]) -> Mac {
    MacKey::derive(key, Label::ContentMac, &[]).mac(&[sent])
}

/// A segment's ciphertext, ready to be stored.
pub struct SealedSegment {
    place: SegmentPlace,
    bytes: Vec<u8>,
    /// The first 40 bytes.
    pub header: [u8; HEADER_BYTES],
    /// SHA-256 of the ciphertext.
    pub sha256: [u8; 32],
    /// Keyed MAC of what was sent.
    pub content_mac: Mac,
}

impl SealedSegment {
    /// Length of the ciphertext.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// What a row says of its length before it is known where it lies.
    #[must_use]
    pub fn unplaced(&self) -> Extent {
        Extent { object: String::new(), offset: 0, length: self.len() }
    }

    /// A sealed segment is never empty: it has a header and a tag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl Vault {
    /// What seals the segment of this place: it waits for nothing, so that a thread for long work may have it.
    ///
    /// # Errors
    /// [`OpenError::Erased`] when the track's key is destroyed, [`OpenError::Key`] when it cannot be had.
    pub async fn segment_sealer(&self, place: SegmentPlace) -> Result<SegmentSealer, OpenError> {
        Ok(SegmentSealer {
            key: self.secret(place.key).await?,
            deployment: self.keys().deployment().clone(),
            place,
        })
    }

    /// Makes a sealed segment durable and says where it lies. The transaction that writes its row calls
    /// [`Stored::confirm`].
    ///
    /// With it lies what it takes to make its rows again: `provenance`, and what the row will say, but for where it
    /// lies.
    ///
    /// # Errors
    /// [`KeepError`]: nothing may be acknowledged.
    pub async fn store_segment(
        &self,
        sealed: SealedSegment,
        provenance: &Provenance,
        row: &Segment,
    ) -> Result<Stored, KeepError> {
        let key = self.secret(sealed.place.key).await.map_err(OpenError::from)?;
        let entry =
            entry::write(&key, self.keys().deployment(), &sealed.place, provenance, row, &sealed.bytes)?;
        let before = entry.len() as u64 - sealed.len();
        Ok(self.store_entry(&sealed.place, entry).await?.after(before))
    }

    async fn store_entry(&self, place: &SegmentPlace, entry: Vec<u8>) -> Result<Stored, StoreError> {
        if entry.len() <= LOG_LIMIT {
            return self.log.append(entry).await;
        }
        let suffix = u64::from_be_bytes(random::<8>());
        let suffix = format!("{suffix:016x}");
        let SegmentPlace { organisation, recording, track, sequence, .. } = *place;
        let path = ObjectPath::Segment { organisation, recording, track, sequence, suffix: &suffix }.path();
        let length = entry.len() as u64;
        let intent = Arc::new(self.log.intents().reserve(&path, Release::OnDrop).await?);
        // Made before the put: one that failed, or that nobody waits for any more, may have arrived, or arrive yet.
        let stored =
            Stored::new(Extent { object: path.clone(), offset: 0, length }, Held::of(&path, intent, None));
        self.objects.put(&path, entry).await?;
        Ok(stored)
    }

    /// Opens a stored segment.
    ///
    /// # Errors
    /// [`OpenError::NotCovered`], [`OpenError::Segment`] when it was altered or exchanged,
    /// [`OpenError::Unreadable`] when its bytes are missing or cut, [`OpenError::Erased`].
    pub async fn open_segment<A: Action>(
        &self,
        grant: &Grant<A>,
        track: &Track,
        segment: &Segment,
    ) -> Result<Vec<u8>, OpenError> {
        let place = SegmentPlace::of(track, segment.sequence);
        if segment.track != track.id || !grant.covers_segments(place.organisation, place.recording) {
            return Err(OpenError::NotCovered);
        }
        let sequence = segment.sequence;
        let key = self.secret(place.key).await?;
        let bytes = self
            .objects
            .read(&segment.extent)
            .await
            .map_err(|source| OpenError::Unreadable { sequence, source })?;
        let opened = Header::parse(&bytes)
            .and_then(|header| match header.as_bytes() == &segment.header {
                true => Ok(()),
                false => Err(StreamError::UnknownHeader),
            })
            .and_then(|()| ObjectOpener::open_whole(&key, &place.context(self.keys().deployment()), &bytes));
        opened.map_err(|source| OpenError::Segment { sequence, source })
    }

    /// Opens a part of a stored segment: bytes `range` of what was sealed. Only the 64 KiB pieces in which the range
    /// lies are read; header and length are the row's.
    ///
    /// # Errors
    /// As [`Self::open_segment`]; [`OpenError::Segment`] with [`StreamError::OutOfRange`] when the segment is shorter.
    pub async fn open_segment_range<A: Action>(
        &self,
        grant: &Grant<A>,
        track: &Track,
        segment: &Segment,
        range: Range<u64>,
    ) -> Result<Vec<u8>, OpenError> {
        let place = SegmentPlace::of(track, segment.sequence);
        if segment.track != track.id || !grant.covers_segments(place.organisation, place.recording) {
            return Err(OpenError::NotCovered);
        }
        let sequence = segment.sequence;
        let key = self.secret(place.key).await?;
        let damaged = |source| OpenError::Segment { sequence, source };
        let header = Header::parse(&segment.header).map_err(damaged)?;
        let context = place.context(self.keys().deployment());
        let opener = ObjectOpener::new(&key, &context, header, segment.extent.length).map_err(damaged)?;
        let (from, to) = opener.span(range.start, range.end).map_err(damaged)?;
        let read = self.objects.read_range(&segment.extent, from..to).await;
        let sealed = read.map_err(|source| OpenError::Unreadable { sequence, source })?;
        let mut plain = Vec::with_capacity(sealed.len());
        opener.open(range.start, range.end, sealed, &mut plain).map_err(damaged)?;
        Ok(plain)
    }

    /// A stored segment as it lies on disk, still sealed, and what its seal is bound to.
    ///
    /// # Errors
    /// [`OpenError::NotCovered`], [`OpenError::Unreadable`].
    pub async fn raw_segment(
        &self,
        grant: &Grant<InspectRecording>,
        track: &Track,
        segment: &Segment,
    ) -> Result<(Vec<u8>, [u8; 78]), OpenError> {
        let on = grant.on();
        if (on.organisation(), on.recording()) != (track.organisation, Some(track.recording)) {
            return Err(OpenError::NotCovered);
        }
        let sequence = segment.sequence;
        let bytes = self.objects.read(&segment.extent).await;
        let bytes = bytes.map_err(|source| OpenError::Unreadable { sequence, source })?;
        Ok((bytes, SegmentPlace::of(track, sequence).context(self.keys().deployment()).encode()))
    }
}
