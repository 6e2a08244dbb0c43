//! What a sealed thing is, as bytes that are bound into its seal. One encoding, never changed in place.

use clerestory_model::{Deployment, OrganisationId, RecordingId, TrackId};

/// The sort of a sealed object. Numbers are bound into seals and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// One segment of a track.
    Segment = 1,
    /// The manifest of a track part.
    Manifest = 2,
    /// What an entry of the ingest log says of its segment.
    Note = 3,
}

/// What an object is: `clst1` ‖ kind ‖ environment ‖ organisation ‖ object ‖ track ‖ be64 sequence, 78 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectContext<'a> {
    /// What sort of object.
    pub kind: ObjectKind,
    /// The installation it belongs to.
    pub deployment: &'a Deployment,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The recording it is part of.
    pub recording: RecordingId,
    /// The track it is part of.
    pub track: TrackId,
    /// Its number in the track.
    pub sequence: u64,
}

impl ObjectContext<'_> {
    /// The associated data of the stream: exactly 78 bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; 78] {
        let mut out = [0; 78];
        let mut at = 0;
        for part in [
            b"clst1".as_slice(),
            &[self.kind as u8],
            &self.deployment.environment,
            self.organisation.as_bytes(),
            self.recording.as_bytes(),
            self.track.as_bytes(),
            &self.sequence.to_be_bytes(),
        ] {
            if let Some(place) = out.get_mut(at..at + part.len()) {
                place.copy_from_slice(part);
            }
            at += part.len();
        }
        out
    }
}

/// What a value is: `clsv1` ‖ environment ‖ organisation ‖ row ‖ be64 version ‖ len8 table ‖ len8 column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueContext<'a> {
    /// The installation it belongs to.
    pub deployment: &'a Deployment,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The table it stands in.
    pub table: &'static str,
    /// The column it stands in.
    pub column: &'static str,
    /// The row it stands in.
    pub row: [u8; 16],
    /// The version of the row, so that an older value put back does not open.
    pub version: u64,
}

impl ValueContext<'_> {
    /// The associated data of the value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.table.len() + self.column.len());
        out.extend_from_slice(b"clsv1");
        out.extend_from_slice(&self.deployment.environment);
        out.extend_from_slice(self.organisation.as_bytes());
        out.extend_from_slice(&self.row);
        out.extend_from_slice(&self.version.to_be_bytes());
        for name in [self.table, self.column] {
            out.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(name.as_bytes());
        }
        out
    }
}
