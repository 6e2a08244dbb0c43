//! The key of what derives from one recording alone, so that it dies with any part of it.

use clerestory_keys::{KeyError, NewKey, Purpose};
use clerestory_model::{KeyId, RetentionClass, Source};
use clerestory_sql::Tx;
use clerestory_store::organisations;
use clerestory_store::recordings::Recording;

use crate::Vault;

impl Vault {
    /// The key of what derives from this recording alone: its summary, and what people say of it. Made with the first of
    /// it, under the subject's; whoever gets one that the recording does not name yet writes it there, and holds the
    /// recording's row until then.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn summary_key(&self, tx: &mut Tx, recording: &Recording) -> Result<KeyId, KeyError> {
        if let Some(key) = recording.summary_key {
            return Ok(key);
        }
        let new = NewKey {
            organisation: recording.organisation,
            class: longest_class(recording.source),
            purpose: Purpose::Summary,
            parent: organisations::subject_key(tx, recording.subject).await?,
            at: recording.last_segment_at,
        };
        self.keys.make(tx, new).await
    }
}

/// The class of what a source's recordings are kept by longest, which is what derives from them is kept by.
const fn longest_class(source: Source) -> RetentionClass {
    match source {
        Source::Web => RetentionClass::Replay,
        Source::Screen => RetentionClass::ActionLog,
        Source::Desktop => RetentionClass::ActivityRaw,
        Source::Live => RetentionClass::EventVod,
    }
}
