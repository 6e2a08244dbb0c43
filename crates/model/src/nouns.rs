//! The closed sets of words: where a recording comes from, what its tracks are, how far its life has gone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text or number names none of the set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a known {kind}")]
pub struct UnknownWord {
    /// The set that was asked.
    pub kind: &'static str,
    /// What it was asked for.
    pub word: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $kind:literal, { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $word:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant = $number,)+
        }

        impl $name {
            /// Every one of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that is shown and spoken over the API.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The number that is stored and bound into seals; never reused.
            #[must_use]
            pub const fn number(self) -> i64 {
                self as i64
            }

            /// The one with this stored number.
            ///
            /// # Errors
            /// [`UnknownWord`] for a number that no version has written.
            pub fn from_number(number: i64) -> Result<Self, UnknownWord> {
                match number {
                    $($number => Ok(Self::$variant),)+
                    other => Err(UnknownWord { kind: $kind, word: other.to_string() }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;
            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(UnknownWord { kind: $kind, word: other.to_owned() }),
                }
            }
        }
    };
}

words!(
    /// What captured a recording.
    Source, "source", {
        /// The capture script on a site.
        Web = 1, "web";
        /// The browser extension.
        Screen = 2, "screen";
        /// The desktop agent.
        Desktop = 3, "desktop";
        /// An encoder or the studio.
        Live = 4, "live";
    }
);

words!(
    /// What a track holds.
    TrackKind, "track kind", {
        /// rrweb events.
        Dom = 1, "dom";
        /// Console lines.
        Console = 2, "console";
        /// Requests and answers, without bodies by default.
        Network = 3, "network";
        /// What the person did.
        Actions = 4, "actions";
        /// Moving pictures.
        Video = 5, "video";
        /// Sound.
        Audio = 6, "audio";
        /// Windows and idle times of a desktop.
        Activity = 7, "activity";
        /// Still pictures of a desktop.
        Screenshots = 8, "screenshots";
        /// Spoken words as text.
        Captions = 9, "captions";
        /// Slides of an event.
        Slides = 10, "slides";
        /// Chat of an event.
        Chat = 11, "chat";
    }
);

words!(
    /// How far the life of a track or a recording has gone. `held` stands beside these.
    RecordingState, "state", {
        /// Segments still come.
        Capturing = 1, "capturing";
        /// Complete.
        Active = 2, "active";
        /// Hidden, can be restored.
        SoftDeleted = 3, "soft_deleted";
        /// Waiting to be erased.
        PurgeQueued = 4, "purge_queued";
        /// Its key is destroyed.
        Shredded = 5, "shredded";
        /// Its bytes are proven gone.
        Verified = 6, "verified";
    }
);

words!(
    /// What decides how long a track is kept.
    RetentionClass, "retention class", {
        /// Tracks of web sessions.
        Replay = 1, "replay";
        /// Picture and sound of screens.
        Recording = 2, "recording";
        /// Actions beside a screen recording.
        ActionLog = 3, "actionlog";
        /// Desktop activity.
        ActivityRaw = 4, "activity.raw";
        /// Desktop screenshots.
        Screenshot = 5, "screenshot";
        /// Everything of a live event.
        EventVod = 6, "event.vod";
        /// Keys that are not about captured data: organisations, people, audit months, indexes.
        Standing = 7, "standing";
    }
);

words!(
    /// Why nothing was captured, or is there no more, for a while.
    GapReason, "gap reason", {
        /// A number never arrived.
        Missing = 1, "missing";
        /// The page is excluded by an address rule.
        UrlDenied = 2, "url_denied";
        /// The person paused the capture.
        Paused = 3, "paused";
        /// The page was hidden.
        Hidden = 4, "hidden";
        /// The recorder's policy was too old or could not be verified.
        PolicyStale = 5, "policy_stale";
        /// The client's spool was full.
        Quota = 6, "quota";
        /// The capture was stopped and what was unsent was discarded.
        Stopped = 7, "stopped";
        /// It was erased.
        Erased = 8, "erased";
        /// A segment was larger than is taken.
        Oversized = 9, "oversized";
        /// A segment could not be read.
        Damaged = 10, "damaged";
        /// It was stored, and its bytes are lost: found by a check of the store.
        Lost = 11, "lost";
        /// The person took it back, soon after it was captured.
        Discarded = 12, "discarded";
    }
);

/// Which installation a sealed thing belongs to: bound into every seal, so that a copy of one
/// environment opens nothing in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Random sixteen bytes drawn by `init`.
    pub environment: [u8; 16],
    /// The region cell all organisations of this deployment live in, for example `eu-1`.
    pub region: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_and_number_leads_back() {
        for class in RetentionClass::ALL {
            assert_eq!(class.word().parse(), Ok(*class));
            assert_eq!(RetentionClass::from_number(class.number()), Ok(*class));
        }
        assert!("forever".parse::<RetentionClass>().is_err());
        assert!(GapReason::from_number(0).is_err());
    }
}
