//! Sealed segments: sealed once, stored verbatim, opened for a grant.

use clerestory_access::{Action, Grant, InspectRecording, Object};
use clerestory_model::{KeyId, OrganisationId, RecordingId, TrackId};
use clerestory_seal::{
    HEADER_BYTES, Header, Label, Mac, MacKey, ObjectContext, ObjectKind, ObjectOpener, StreamError, random,
    seal_object, sha256,
};
use clerestory_store::segments::{Extent, Segment};
use clerestory_store::tracks::Track;

use crate::{ObjectPath, OpenError, StoreError, Vault};

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

    /// A sealed segment is never empty: it has a header and a tag.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

impl Vault {
    /// Seals a segment. `sent` is what the client sent, for idempotency; `plain` is what is stored of it.
    ///
    /// # Errors
    /// [`OpenError::Erased`] when the track's key is destroyed, [`OpenError::Key`] when it cannot be had.
    pub async fn seal_segment(
        &self,
        place: SegmentPlace,
        sent: &[u8],
        plain: &[u8],
    ) -> Result<SealedSegment, OpenError> {
        let key = self.secret(place.key).await?;
        let bytes = seal_object(&key, &self.segment_context(&place), plain);
        let mut header = [0; HEADER_BYTES];
        if let Some(first) = bytes.first_chunk::<HEADER_BYTES>() {
            header = *first;
        }
        Ok(SealedSegment {
            place,
            header,
            sha256: sha256(&bytes),
            content_mac: content_mac(&key, sent),
            bytes,
        })
    }

    /// The keyed MAC of what a client sent: equal for the same content under the same track.
    ///
    /// # Errors
    /// As [`Self::seal_segment`].
    pub async fn content_mac(&self, place: SegmentPlace, sent: &[u8]) -> Result<Mac, OpenError> {
        Ok(content_mac(&*self.secret(place.key).await?, sent))
    }

    /// Makes a sealed segment durable and says where it lies.
    ///
    /// # Errors
    /// [`StoreError`]: nothing may be acknowledged.
    pub async fn store_segment(&self, sealed: SealedSegment) -> Result<Extent, StoreError> {
        if sealed.bytes.len() <= LOG_LIMIT {
            return self.log.append(sealed.bytes).await;
        }
        let suffix = u64::from_be_bytes(random::<8>());
        let suffix = format!("{suffix:016x}");
        let SegmentPlace { organisation, recording, track, sequence, .. } = sealed.place;
        let path = ObjectPath::Segment { organisation, recording, track, sequence, suffix: &suffix }.path();
        let length = sealed.len();
        self.objects.put(&path, sealed.bytes).await?;
        Ok(Extent { object: path, offset: 0, length })
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
            .and_then(|()| ObjectOpener::open_whole(&key, &self.segment_context(&place), &bytes));
        opened.map_err(|source| OpenError::Segment { sequence, source })
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
        Ok((bytes, self.segment_context(&SegmentPlace::of(track, sequence)).encode()))
    }

    fn segment_context(&self, place: &SegmentPlace) -> ObjectContext<'_> {
        ObjectContext {
            kind: ObjectKind::Segment,
            deployment: self.keys().deployment(),
            organisation: place.organisation,
            recording: place.recording,
            track: place.track,
            sequence: place.sequence,
        }
    }
}

fn content_mac(key: &clerestory_seal::SecretKey, sent: &[u8]) -> Mac {
    MacKey::derive(key, Label::ContentMac, &[]).mac(&[sent])
}
