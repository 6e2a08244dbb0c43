//! What people write, read once at the edge, and the sealed columns it stands in.

use clerestory_store::{Content, Kind};
use serde::{Deserialize, Serialize};

/// Characters of a comment at most.
const COMMENT_CHARS: usize = 2000;
/// Characters of a title at most.
const TITLE_CHARS: usize = 120;
/// Characters of a note at most.
const NOTE_CHARS: usize = 500;

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Nothing is left of it without the spaces around it.
    #[error("write something")]
    Empty,
    /// It is too long.
    #[error("at most {most} characters are taken")]
    TooLong {
        /// How many are taken.
        most: usize,
    },
    /// It has characters that are not for reading.
    #[error("it has control characters in it")]
    Control,
}

/// The text without the spaces around it. Lines end in one line feed each, where more than one is taken.
fn read(raw: &str, most: usize, lines: bool) -> Result<String, WordsError> {
    let text = raw.trim().replace("\r\n", "\n");
    if text.is_empty() {
        return Err(WordsError::Empty);
    }
    if text.chars().count() > most {
        return Err(WordsError::TooLong { most });
    }
    // The marks that turn the order of what follows would let a text look like another one.
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    match text.chars().any(|c| c.is_control() && !(lines && c == '\n') || turns(c)) {
        true => Err(WordsError::Control),
        false => Ok(text),
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $kind:ident in $table:literal . $column:literal, $most:ident, $lines:literal;)+) => {
        $($(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name(String);

        impl $name {
            /// Reads what somebody wrote.
            ///
            /// # Errors
            /// [`WordsError`].
            pub fn read(raw: &str) -> Result<Self, WordsError> {
                read(raw, $most, $lines).map(Self)
            }

            /// The text.
            #[must_use]
            pub fn into_text(self) -> String {
                self.0
            }
        }

        impl Content for $name {
            const KIND: Kind = Kind::$kind;
            const TABLE: &'static str = $table;
            const COLUMN: &'static str = $column;
        })+
    };
}

words! {
    /// What somebody says of a moment: 1 to 2000 characters, trimmed, in lines.
    CommentText: Comment in "comments"."text", COMMENT_CHARS, true;
    /// What a clip is called: 1 to 120 characters, trimmed, in one line.
    ClipTitle: Comment in "clips"."title", TITLE_CHARS, false;
    /// What is to be looked at in a review: 1 to 500 characters, trimmed, in lines.
    ReviewNote: Comment in "reviews"."note", NOTE_CHARS, true;
    /// What a playlist is called: 1 to 120 characters, trimmed, in one line.
    PlaylistTitle: Playlist in "playlists"."title", TITLE_CHARS, false;
}

#[cfg(test)]
mod tests {
    use super::{ClipTitle, CommentText, WordsError};

    #[test]
    fn a_text_is_trimmed_counted_in_characters_and_free_of_what_is_not_for_reading() {
        assert_eq!(CommentText::read("  a\r\nb ").map(CommentText::into_text), Ok("a\nb".to_owned()));
        assert_eq!(CommentText::read(" \n"), Err(WordsError::Empty));
        assert!(CommentText::read(&"ü".repeat(2000)).is_ok());
        assert_eq!(CommentText::read(&"ü".repeat(2001)), Err(WordsError::TooLong { most: 2000 }));
        for bad in ["a\0b", "a\u{1b}[2J", "a\u{202e}b", "a\rb"] {
            assert_eq!(CommentText::read(bad), Err(WordsError::Control), "{bad:?}");
        }
        assert_eq!(ClipTitle::read("one\ntwo"), Err(WordsError::Control));
    }
}
