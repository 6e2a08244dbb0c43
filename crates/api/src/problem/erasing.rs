//! What deleting, erasing, holds and requests refuse.

use axum::http::StatusCode;
use clerestory_lifecycle::EraseError;

use super::{ApiError, sentence};

impl From<EraseError> for ApiError {
    fn from(error: EraseError) -> Self {
        let detail = error.to_string();
        match error {
            EraseError::Refused(refused) => refused.into(),
            EraseError::Nothing => Self::not_found(),
            EraseError::Held(_) => Self::new(
                StatusCode::CONFLICT,
                "held",
                "A hold keeps it",
                detail,
                "Lift the hold, then ask again. Nothing was erased.",
            ),
            EraseError::Gone => Self::new(
                StatusCode::GONE,
                "erased",
                "It was erased",
                detail,
                "The audit log tells who erased it and when.",
            ),
            EraseError::Deleted => Self::new(
                StatusCode::CONFLICT,
                "deleted",
                "It was deleted",
                detail,
                "Ask whoever administers Clerestory to erase it now. Nothing of it is shown to anybody meanwhile.",
            ),
            EraseError::NotDeleted => Self::new(
                StatusCode::CONFLICT,
                "not-deleted",
                "It was not deleted",
                detail,
                "Nothing is to be restored.",
            ),
            EraseError::HoldStands => Self::new(
                StatusCode::CONFLICT,
                "held",
                "A hold keeps it",
                detail,
                "Two people release a hold. Nothing was erased.",
            ),
            EraseError::Begun => Self::new(
                StatusCode::CONFLICT,
                "erasing",
                "It is being erased",
                detail,
                "The erasure's own page tells who asked for it and how far it is.",
            ),
            EraseError::SecondPerson => Self::new(
                StatusCode::CONFLICT,
                "second-person-required",
                "Somebody else has to confirm it",
                detail,
                "Ask another person who may decide about holds.",
            ),
            EraseError::NotProposed => Self::new(
                StatusCode::CONFLICT,
                "not-proposed",
                "There is nothing to decide",
                detail,
                "Look at the hold again: somebody decided meanwhile.",
            ),
            EraseError::MoreThanShown { .. } => Self::new(
                StatusCode::CONFLICT,
                "more-due-than-shown",
                "More is due by now",
                detail,
                "Look again at what waits, and confirm that number if it is meant.",
            ),
            EraseError::Decided => Self::new(
                StatusCode::CONFLICT,
                "decided",
                "It was decided already",
                sentence(&detail),
                "Look at the request again. Nothing was changed.",
            ),
            EraseError::Extended => Self::new(
                StatusCode::CONFLICT,
                "extended",
                "It was extended already",
                sentence(&detail),
                "Answer it until it is due. Nothing was changed.",
            ),
            EraseError::NotAvailable => Self::new(
                StatusCode::CONFLICT,
                "not-available",
                "It cannot be had now",
                "It can be had for seven days after it was decided.",
                "Wait until it is decided; or ask again, if the seven days are over.",
            ),
            EraseError::TheirsAlone => Self::new(
                StatusCode::FORBIDDEN,
                "theirs-alone",
                "It is for somebody else alone",
                sentence(&detail),
                "They find it in their My data. Nothing was handed out.",
            ),
            EraseError::NeedsTwo => Self::new(
                StatusCode::CONFLICT,
                "second-person-required",
                "Two people erase this",
                sentence(&detail),
                "Propose it with a reason; somebody else who may erase it agrees. Nothing was erased.",
            ),
            EraseError::OneSuffices => Self::new(
                StatusCode::CONFLICT,
                "one-suffices",
                "One person erases this",
                sentence(&detail),
                "Erase it: nobody else has to agree.",
            ),
            EraseError::AskedByOneself | EraseError::AboutOneself => Self::new(
                StatusCode::CONFLICT,
                "second-person-required",
                "Somebody else has to decide",
                sentence(&detail),
                "Ask another person who may erase it. Nothing was erased.",
            ),
            EraseError::AskedByOther => Self::new(
                StatusCode::CONFLICT,
                "not-yours",
                "It is somebody else's",
                sentence(&detail),
                "Refuse it, if it is not to be done.",
            ),
            EraseError::Over => Self::new(
                StatusCode::CONFLICT,
                "not-proposed",
                "There is nothing to decide",
                sentence(&detail),
                "Look at what is proposed again. Nothing was changed.",
            ),
            EraseError::MoreThanAgreed { .. } => Self::new(
                StatusCode::CONFLICT,
                "more-than-shown",
                "There is more of it by now",
                sentence(&detail),
                "Look again at what would go, and agree to that if it is meant.",
            ),
            EraseError::LastAdmin => Self::new(
                StatusCode::CONFLICT,
                "last-admin",
                "The last administrator stays",
                detail,
                "Nothing was erased.",
            ),
            EraseError::BadRange => Self::malformed("to_us".to_owned(), detail),
            other => Self::unavailable(&other),
        }
    }
}
