//! What comments, clips, reviews and playlists refuse.

use axum::http::StatusCode;
use clerestory_coaching::CoachingError;

use super::ApiError;

impl From<CoachingError> for ApiError {
    fn from(error: CoachingError) -> Self {
        let detail = error.to_string();
        let does_not_fit = |what_to_do: &str| {
            Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "does-not-fit",
                "This does not fit",
                detail.clone(),
                what_to_do,
            )
        };
        match error {
            // What was deleted is told of to whoever may restore it by the routes that name the recording.
            CoachingError::NotFound | CoachingError::Gone => Self::not_found(),
            CoachingError::Refused(refused) => refused.into(),
            CoachingError::Outside => {
                does_not_fit("Name a time between the beginning and the end of the recording.")
            }
            CoachingError::AnswersNothing => {
                does_not_fit("Look at the comments again: it may have been taken away meanwhile.")
            }
            CoachingError::NoSuchItem => {
                does_not_fit("Leave it out: it was taken away, or is nothing that you may see.")
            }
            CoachingError::NotYours => Self::new(
                StatusCode::FORBIDDEN,
                "not-yours",
                "Somebody else wrote or made this",
                "Only they change it.",
                "Ask them. A comment or a clip is also taken away by whoever may delete the recording.",
            ),
            CoachingError::Held => Self::new(
                StatusCode::CONFLICT,
                "held",
                "A hold keeps this",
                "What was said of a recording under a hold stays as it is.",
                "Say more in a comment of its own, or ask those who keep holds to release it.",
            ),
            CoachingError::TooMany { most } => Self::new(
                StatusCode::CONFLICT,
                "too-many",
                "There are too many",
                format!("At most {most} are kept here."),
                "Take away what is not needed any more.",
            ),
            CoachingError::Open(error) => error.into(),
            other => Self::unavailable(&other),
        }
    }
}
