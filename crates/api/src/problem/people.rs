//! What people, signing in and keys refuse.

use axum::http::StatusCode;
use clerestory_identity::{
    ApiKeyError, CredentialError, IdentityError, PeopleError, RecorderError, SignInError,
};

use super::{ApiError, sentence};

impl From<IdentityError> for ApiError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Blocked { until } => Self::new(
                StatusCode::FORBIDDEN,
                "blocked",
                "You are kept out for a time",
                format!("An administrator has blocked this access until {until}. It ends by itself."),
                "Wait until then, or ask an administrator of your organisation.",
            ),
            IdentityError::PlaceBlocked { until, .. } => Self::new(
                StatusCode::FORBIDDEN,
                "blocked",
                "This network or browser is kept out for a time",
                format!(
                    "An administrator has blocked the network you come from, or this browser, until {until}. It ends by \
                     itself; what you were doing goes on then."
                ),
                "Wait until then, come from somewhere else, or ask an administrator of your organisation.",
            ),
            error => Self::unavailable(&error),
        }
    }
}

impl From<PeopleError> for ApiError {
    fn from(error: PeopleError) -> Self {
        let detail = sentence(&error.to_string());
        match error {
            PeopleError::Refused(refused) => refused.into(),
            PeopleError::NotFound => Self::not_found(),
            PeopleError::AddressTaken => Self::new(
                StatusCode::CONFLICT,
                "address-taken",
                "This address is known here",
                "Somebody of your organisation has it, is invited by it, or had it and was soft deleted.",
                "Look among your people, also among those who are soft deleted, and restore or invite them again.",
            ),
            PeopleError::LastAdmin => Self::new(
                StatusCode::CONFLICT,
                "last-admin",
                "Nobody else runs this organisation",
                "This is the last administrator who is active and not blocked.",
                "Make somebody else an administrator first.",
            ),
            PeopleError::AboveOwn(_) => Self::new(
                StatusCode::FORBIDDEN,
                "role-above-own",
                "This role may do more than you",
                detail,
                "Somebody who may do as much as this role can give it.",
            ),
            PeopleError::Beyond(_) => Self::new(
                StatusCode::FORBIDDEN,
                "right-beyond-own",
                "A role may do nothing that its maker may not",
                detail,
                "Leave it out, or let it reach less far.",
            ),
            PeopleError::BeyondLoan(_) => Self::new(
                StatusCode::FORBIDDEN,
                "right-beyond-own",
                "A grant lends nothing that its maker may not do",
                detail,
                "Leave it out.",
            ),
            PeopleError::BuiltIn(_) => Self::new(
                StatusCode::CONFLICT,
                "built-in-role",
                "Every organisation has this role",
                detail,
                "Make a role of your own, and change that.",
            ),
            PeopleError::TooManyRoles(_) => Self::new(
                StatusCode::CONFLICT,
                "too-many-roles",
                "There are too many roles",
                detail,
                "Remove a role that nobody has any more.",
            ),
            PeopleError::Circle { chain } => {
                let chain: Vec<String> = chain.iter().map(ToString::to_string).collect();
                Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "line-in-a-circle",
                    "Somebody would report to themselves",
                    format!("The line would be {}.", chain.join(" → ")),
                    "Choose another manager, or change the line of somebody in between first.",
                )
            }
            PeopleError::State(_) => Self::new(
                StatusCode::CONFLICT,
                "not-in-this-state",
                "It cannot be done with this person now",
                detail,
                "Look at what they are now, and do what fits.",
            ),
            PeopleError::NotEmpty(_) => Self::new(
                StatusCode::CONFLICT,
                "not-empty",
                "It is not empty",
                detail,
                "Move or remove what is in it first.",
            ),
            PeopleError::Unknown(_)
            | PeopleError::Misplaced(_)
            | PeopleError::NoRights
            | PeopleError::Loan(_)
            | PeopleError::TooManyBlocks(_)
            | PeopleError::BlockTime { .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "does-not-fit",
                "This does not fit",
                detail,
                "Correct it and send it again; nothing was changed.",
            ),
            PeopleError::OwnPlace(_) => Self::new(
                StatusCode::CONFLICT,
                "own-place",
                "You are there yourself",
                format!("{detail} You would keep yourself out."),
                "Block it from another network, with another browser; or ask another administrator to.",
            ),
            PeopleError::Inner(error) => error.into(),
        }
    }
}

impl ApiError {
    /// What whoever comes by a link that works once is told: nothing of a password, which they never gave.
    pub(crate) fn of_link(error: SignInError, what_to_do: &str) -> Self {
        match error {
            SignInError::Refused => Self::new(
                StatusCode::UNAUTHORIZED,
                "sign-in-refused",
                "This link does not work",
                "It was used, its time is over, a newer one took its place, or it is not whole.",
                what_to_do,
            ),
            other => other.into(),
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused => Self::new(
                StatusCode::UNAUTHORIZED,
                "sign-in-refused",
                "You are not signed in",
                "The address and the password do not belong together.",
                "Check both and try again, or set a new password by a mailed link.",
            ),
            SignInError::Code => Self::new(
                StatusCode::UNAUTHORIZED,
                "code-refused",
                "The code is not taken",
                "It is not the code of this moment, it was used before, or signing in took too long.",
                "Wait for the next code and try that, or use a recovery code. After a few wrong ones, begin again.",
            ),
            SignInError::TooMany { retry_after } => Self::too_many(retry_after),
            SignInError::Unavailable(error) => error.into(),
        }
    }
}

impl From<CredentialError> for ApiError {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Refused(refused) => refused.into(),
            CredentialError::Wrong => Self::new(
                StatusCode::FORBIDDEN,
                "proof-refused",
                "That is not it",
                "The password or code is not the right one, or the code was used before.",
                "Try again. If you have forgotten your password, ask an administrator for a sign-in link.",
            ),
            CredentialError::ProofNeeded => Self::new(
                StatusCode::FORBIDDEN,
                "step-up-required",
                "Prove who you are once more",
                "This takes the old password, or a proof of who you are that is no older than five minutes.",
                "Give your password, or a code of your second factor, and do it again.",
            ),
            CredentialError::TooMany { retry_after } => Self::too_many(retry_after),
            CredentialError::NoFactor => Self::new(
                StatusCode::CONFLICT,
                "no-factor",
                "No second factor is set up",
                "There is nothing to do this with.",
                "Set one up first.",
            ),
            CredentialError::FactorExists => Self::new(
                StatusCode::CONFLICT,
                "factor-exists",
                "A second factor is set up already",
                "An account has one authenticator app.",
                "Remove it first, then set up the other.",
            ),
            CredentialError::Unfit(unfit) => Self::unfit("new", &unfit),
            CredentialError::Unavailable(error) => error.into(),
        }
    }
}

impl From<ApiKeyError> for ApiError {
    fn from(error: ApiKeyError) -> Self {
        let detail = error.to_string();
        match error {
            ApiKeyError::Refused(refused) => refused.into(),
            ApiKeyError::NotFound => Self::not_found(),
            ApiKeyError::Scope(_) => Self::malformed("scopes".to_owned(), detail),
            ApiKeyError::Name => Self::malformed("name".to_owned(), detail),
            ApiKeyError::Lasts => Self::malformed("days".to_owned(), detail),
            ApiKeyError::TooMany => Self::new(
                StatusCode::CONFLICT,
                "too-many-keys",
                "There are enough keys",
                detail,
                "End a key that nobody uses.",
            ),
            ApiKeyError::Unavailable(error) => error.into(),
        }
    }
}

impl From<RecorderError> for ApiError {
    fn from(error: RecorderError) -> Self {
        let detail = error.to_string();
        match error {
            RecorderError::Refused(refused) => refused.into(),
            RecorderError::Code => Self::new(
                StatusCode::FORBIDDEN,
                "code-refused",
                "This code cannot be used",
                "It was used, has run out, or is none: a code works once, for ten minutes.",
                "Ask for another one in the console.",
            ),
            RecorderError::Label => Self::malformed("label".to_owned(), detail),
            RecorderError::TooMany => Self::new(
                StatusCode::CONFLICT,
                "too-many-recorders",
                "There are enough",
                detail,
                "End a recorder that is not used.",
            ),
            RecorderError::Unavailable(error) => error.into(),
        }
    }
}
