//! The four kinds of value that both engines know, and rows of them.

use clerestory_model as model;

use crate::SqlError;

/// A value on its way into or out of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A 64-bit integer: times in microseconds, counts, states, booleans as 0 and 1.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes: ids, hashes, sealed values.
    Blob(Vec<u8>),
}

impl Value {
    /// What it is, for an error.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Int(_) => "a number",
            Self::Text(_) => "a text",
            Self::Blob(_) => "bytes",
        }
    }
}

macro_rules! into_value {
    ($($from:ty => |$value:ident| $into:expr;)+) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self { $into }
        })+
    };
}

into_value! {
    i64 => |value| Self::Int(value);
    u32 => |value| Self::Int(i64::from(value));
    // Counts and lengths stay far below 2^63; one that does not is stored as the largest there is.
    u64 => |value| Self::Int(i64::try_from(value).unwrap_or(i64::MAX));
    bool => |value| Self::Int(i64::from(value));
    &str => |value| Self::Text(value.to_owned());
    String => |value| Self::Text(value);
    Vec<u8> => |value| Self::Blob(value);
    &[u8] => |value| Self::Blob(value.to_vec());
    [u8; 16] => |value| Self::Blob(value.to_vec());
    [u8; 32] => |value| Self::Blob(value.to_vec());
    &[u8; 16] => |value| Self::Blob(value.to_vec());
    model::Timestamp => |value| Self::Int(value.micros());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// What a column can be read as.
pub trait FromValue: Sized {
    /// The value as this type, or `None` when it does not fit.
    fn from_value(value: &Value) -> Option<Self>;
}

impl FromValue for Value {
    fn from_value(value: &Value) -> Option<Self> {
        Some(value.clone())
    }
}
impl FromValue for i64 {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Int(number) = value { Some(*number) } else { None }
    }
}
impl FromValue for u64 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}
impl FromValue for u32 {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value)?.try_into().ok()
    }
}
impl FromValue for bool {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }
}
impl FromValue for String {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Text(text) = value { Some(text.clone()) } else { None }
    }
}
impl FromValue for Vec<u8> {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Blob(bytes) = value { Some(bytes.clone()) } else { None }
    }
}
impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Blob(bytes) = value { bytes.as_slice().try_into().ok() } else { None }
    }
}
impl FromValue for model::Timestamp {
    fn from_value(value: &Value) -> Option<Self> {
        i64::from_value(value).map(Self::from_micros)
    }
}
impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

macro_rules! id_values {
    ($($id:ident),+) => {
        $(impl From<model::$id> for Value {
            fn from(id: model::$id) -> Self { Self::Blob(id.as_bytes().to_vec()) }
        }
        impl FromValue for model::$id {
            fn from_value(value: &Value) -> Option<Self> {
                <[u8; 16]>::from_value(value).map(Self::from_bytes)
            }
        })+
    };
}
id_values!(
    HoldId,
    ProposalId,
    OrganisationId,
    ProjectId,
    PersonId,
    SubjectId,
    SiteId,
    RecordingId,
    TrackId,
    WriterId,
    KeyId,
    ApiKeyId,
    RecorderId,
    PlayId,
    SessionId,
    ErasureId,
    GrantId,
    DomainId,
    TeamId,
    BlockId,
    RoleId,
    SupportGrantId,
    ViewId,
    MailId,
    RequestId,
    CommentId,
    ClipId,
    PlaylistId
);

macro_rules! word_values {
    ($($word:ident),+) => {
        $(impl From<model::$word> for Value {
            fn from(word: model::$word) -> Self { Self::Int(word.number()) }
        }
        impl FromValue for model::$word {
            fn from_value(value: &Value) -> Option<Self> {
                Self::from_number(i64::from_value(value)?).ok()
            }
        })+
    };
}
word_values!(Source, TrackKind, RecordingState, RetentionClass, GapReason);

/// One row of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub(crate) Vec<Value>);

impl Row {
    /// The value of the column at `position`, counted from 0 in the order of the select list.
    ///
    /// # Errors
    /// [`SqlError::Inconsistent`] when it is not there or is something else.
    pub fn get<T: FromValue>(&self, position: usize) -> Result<T, SqlError> {
        self.0
            .get(position)
            .and_then(T::from_value)
            .ok_or_else(|| SqlError::Inconsistent { table: "row", column: position.to_string() })
    }
}
