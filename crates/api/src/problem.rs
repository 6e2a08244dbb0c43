//! Errors as RFC 9457 problems: what happened, what to do, and the request's id.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clerestory_access::{AccessError, Refused};
use clerestory_identity::{ApiKeyError, CredentialError, IdentityError, PeopleError, SignInError, Unfit};
use clerestory_intake::IntakeError;
use clerestory_lifecycle::EraseError;
use clerestory_playback::{PlaybackError, Seconding};
use clerestory_sql::SqlError;
use clerestory_vault::{OpenError, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of an error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `urn:clerestory:problem:` and a name that stays.
    pub(crate) r#type: String,
    /// The kind of problem in a few words.
    pub(crate) title: String,
    /// The status, again.
    pub(crate) status: u16,
    /// What happened.
    pub(crate) detail: String,
    /// What to do next.
    pub(crate) what_to_do: String,
    /// The request's id, to be named when asking for help.
    pub(crate) request_id: String,
    /// The rule that decided, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rule: Option<String>,
    /// The entry of the audit log that tells of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u64>,
    /// What exactly is wrong, by place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) errors: Vec<FieldError>,
}

/// One thing that is wrong with what was sent.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where, as a path.
    pub(crate) path: String,
    /// What.
    pub(crate) message: String,
}

/// An error on its way to the client.
#[derive(Debug)]
pub(crate) struct ApiError {
    problem: Box<Problem>,
    retry_after: Option<Duration>,
}

impl ApiError {
    pub(crate) fn new(
        status: StatusCode,
        slug: &str,
        title: &str,
        detail: impl Into<String>,
        what_to_do: &str,
    ) -> Self {
        Self {
            problem: Box::new(Problem {
                r#type: format!("urn:clerestory:problem:{slug}"),
                title: title.to_owned(),
                status: status.as_u16(),
                detail: detail.into(),
                what_to_do: what_to_do.to_owned(),
                request_id: String::new(),
                rule: None,
                entry: None,
                errors: Vec::new(),
            }),
            retry_after: None,
        }
    }

    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    pub(crate) fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.problem.errors = errors;
        self
    }

    /// The same problem, with what to do in this place.
    pub(crate) fn with_advice(mut self, what_to_do: &str) -> Self {
        what_to_do.clone_into(&mut self.problem.what_to_do);
        self
    }

    fn too_many(retry_after: Duration) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-attempts",
            "Too many attempts",
            format!("The next attempt is taken in {} s.", retry_after.as_secs().max(1)),
            "Wait, then try again.",
        )
        .after(retry_after)
    }

    fn after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    pub(crate) fn not_found() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "Nothing is here",
            "There is nothing under this address, or nothing that you may know of.",
            "Check the address. If somebody sent it to you, ask whether it is within your scope.",
        )
    }

    pub(crate) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not-signed-in",
            "You are not signed in",
            "This needs a running session, and there is none.",
            "Sign in and try again.",
        )
    }

    /// The password in this field is not a good one.
    pub(crate) fn unfit(path: &str, unfit: &Unfit) -> Self {
        let told = |message| FieldError { path: path.to_owned(), message };
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "password-unfit",
            "Choose a better password",
            format!("This one is not taken: {unfit}."),
            "A few uncommon words in a row are easy to remember and hard to guess.",
        )
        .with_errors(unfit.advice().into_iter().map(told).collect())
    }

    /// It is for people.
    pub(crate) fn not_for_keys() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "not-for-keys",
            "This takes no API key",
            "Only people who are signed in do this.",
            "Sign in at the console.",
        )
    }

    /// A key is where everybody on the way can read it.
    pub(crate) fn key_in_address() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "key-in-address",
            "An API key does not belong in an address",
            "Addresses are written into logs and histories on the way. Nothing was done.",
            "Send it as `Authorization: Bearer …`; and rotate this one, as others may have read it.",
        )
    }

    /// The session may do nothing but set up a second factor.
    pub(crate) fn factor_required() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "factor-required",
            "A second factor is asked of you",
            "A password alone is not enough for what you may do here. Until you have set up a second factor, this \
             session does nothing else.",
            "Set it up with an authenticator app; or sign in by a link that an administrator makes for you.",
        )
    }

    pub(crate) fn malformed(path: String, message: String) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "malformed",
            "What was sent cannot be read",
            format!("{path}: {message}"),
            "Correct it as described in the API description at /api/openapi.json and send it again.",
        )
        .with_errors(vec![FieldError { path, message }])
    }

    /// It was deleted, and this caller may restore it.
    pub(crate) fn deleted(until: clerestory_model::Timestamp) -> Self {
        Self::new(
            StatusCode::GONE,
            "deleted",
            "It was deleted",
            format!("It was deleted, and can be restored until {until}."),
            "Restore it from the recycle bin: it comes back as it was.",
        )
    }

    /// Nothing more is taken until there is room.
    pub(crate) fn disk_full() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "disk-full",
            "The server's disk is full",
            "Decisions are still recorded; nothing captured is taken.",
            "Make room on the disk of the data directory. Recorders keep what they have and send it then.",
        )
        .after(Duration::from_secs(30))
    }

    pub(crate) fn unavailable(error: &(dyn std::error::Error + 'static)) -> Self {
        // The one place where a failure of ours is logged: the answer only says that there was one.
        tracing::error!(error = %Chain(error), "a request failed");
        if SqlError::behind(error).is_some_and(SqlError::is_unknown) {
            return Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "outcome-unknown",
                "It is not known whether it was done",
                "The database was lost while it was being written. It was done as a whole, or not at all.",
                "Look whether it was done before you do it again. A recorder sends its segment again: one that was \
                 stored is recognised.",
            )
            .after(Duration::from_secs(2));
        }
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "It cannot be done at the moment",
            "A part of the server that this needs did not answer. Nothing was changed.",
            "Try again in a few seconds. If it stays, give the request id to whoever runs the server.",
        )
        .after(Duration::from_secs(2))
    }
}

/// An error and its causes in one line.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(inner) = cause {
            write!(f, ": {inner}")?;
            cause = inner.source();
        }
        Ok(())
    }
}

impl IntoResponse for ApiError {
    /// The body is written by the guard, which knows the request's id.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs().max(1);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response.extensions_mut().insert(*self.problem);
        response
    }
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Hidden | Refused::Stopped(_) => Self::not_found(),
            Refused::Forbidden { rule, entry } => {
                let mut error = Self::new(
                    StatusCode::FORBIDDEN,
                    "refused",
                    "You may not do this",
                    format!("The rule “{rule}” does not allow it."),
                    "An administrator of your organisation can change who may do what.",
                );
                error.problem.rule = Some(rule);
                error.problem.entry = Some(entry);
                error
            }
            Refused::StepUp { rule, entry } => {
                let mut error = Self::new(
                    StatusCode::FORBIDDEN,
                    "step-up-required",
                    "Prove once more that it is you",
                    "This may only be done by somebody who has proven who they are within the last five minutes.",
                    "Give your password again, and repeat what you did.",
                );
                error.problem.rule = Some(rule);
                error.problem.entry = Some(entry);
                error
            }
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        Self::unavailable(&error)
    }
}

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
            error => Self::unavailable(&error),
        }
    }
}

/// What an error says, as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
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
            | PeopleError::BlockTime { .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "does-not-fit",
                "This does not fit",
                detail,
                "Correct it and send it again; nothing was changed.",
            ),
            PeopleError::Inner(error) => error.into(),
        }
    }
}

impl From<SqlError> for ApiError {
    fn from(error: SqlError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<clerestory_keys::KeyError> for ApiError {
    fn from(error: clerestory_keys::KeyError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<clerestory_audit::AuditError> for ApiError {
    fn from(error: clerestory_audit::AuditError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<clerestory_audit::ledger::LedgerError> for ApiError {
    fn from(error: clerestory_audit::ledger::LedgerError) -> Self {
        Self::unavailable(&error)
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused => Self::new(
                StatusCode::UNAUTHORIZED,
                "sign-in-refused",
                "You are not signed in",
                "The address and the password do not belong together, or the link is used up.",
                "Check both and try again, or ask an administrator for a new sign-in link.",
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

impl From<OpenError> for ApiError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Erased => Self::new(
                StatusCode::GONE,
                "erased",
                "It was erased",
                "Its key was destroyed: nothing can open it again.",
                "The audit log tells who erased it and when.",
            ),
            OpenError::Segment { sequence, .. }
            | OpenError::Unreadable { sequence, source: StoreError::Missing | StoreError::Truncated } => {
                tracing::error!(sequence, error = %Chain(&error), "a stored segment is damaged");
                Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "segment-damaged",
                    "A segment is damaged",
                    format!("Segment {sequence} is not what was stored, so it is not shown."),
                    "The rest of the recording still plays. Tell whoever runs the server: the disk may be failing.",
                )
            }
            other => Self::unavailable(&other),
        }
    }
}

impl From<PlaybackError> for ApiError {
    fn from(error: PlaybackError) -> Self {
        match error {
            PlaybackError::NotFound => Self::not_found(),
            PlaybackError::Gone => Self::new(
                StatusCode::GONE,
                "erased",
                "It was erased",
                "It was deleted or erased, or is about to be: nobody watches it any more.",
                "The audit log tells who erased it and when.",
            ),
            PlaybackError::PlayEnded => Self::new(
                StatusCode::FORBIDDEN,
                "play-ended",
                "This watching has ended",
                "It was ended, or nothing was watched in it for a quarter of an hour.",
                "Begin watching again.",
            ),
            PlaybackError::ReasonRequired => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "reason-required",
                "Say why you want to watch this",
                "Your organisation asks for a reason before a recording is watched. It is kept in the audit log.",
                "Send it again with a reason.",
            )
            .with_errors(vec![FieldError { path: "reason".to_owned(), message: "it is asked for".to_owned() }]),
            PlaybackError::SecondNeeded(seconding) => Self::new(
                StatusCode::FORBIDDEN,
                match seconding {
                    Seconding::NotAsked => "second-person-needed",
                    Seconding::Waits => "second-person-waited-for",
                    Seconding::Refused => "second-person-refused",
                },
                "A second person is to agree first",
                match seconding {
                    Seconding::NotAsked => {
                        "Your organisation wants somebody else to agree before this is watched."
                    }
                    Seconding::Waits => "You have asked, and nobody has answered yet.",
                    Seconding::Refused => "You have asked, and somebody did not agree.",
                },
                match seconding {
                    Seconding::NotAsked => "Ask, and say why. Admins and privacy officers are shown it.",
                    Seconding::Waits => "Ask an Admin or a privacy officer to look at it.",
                    Seconding::Refused => "Talk to them, or ask again and say more.",
                },
            ),
            PlaybackError::Answered => Self::new(
                StatusCode::CONFLICT,
                "answered",
                "This is not asked any more",
                "It was answered meanwhile, or its time is over.",
                "Look at the list again.",
            ),
            PlaybackError::OwnView => Self::new(
                StatusCode::FORBIDDEN,
                "own-view",
                "Somebody else answers this",
                "Whoever asks to watch does not agree to it themselves.",
                "Ask another Admin or a privacy officer.",
            ),
            PlaybackError::WhyMissing => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "reason-required",
                "Say why you want to watch this",
                "Whoever is to agree reads it, and it is kept in the audit log.",
                "Send it again with a reason.",
            )
            .with_errors(vec![FieldError { path: "reason".to_owned(), message: "it is asked for".to_owned() }]),
            PlaybackError::Refused(refused) => refused.into(),
            PlaybackError::Open(error) => error.into(),
            PlaybackError::BadRange => {
                Self::malformed("from_us".to_owned(), PlaybackError::BadRange.to_string())
            }
            PlaybackError::Damaged { sequence } => {
                Self::from(OpenError::Unreadable { sequence, source: StoreError::Truncated })
            }
            other => Self::unavailable(&other),
        }
    }
}

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

impl From<IntakeError> for ApiError {
    fn from(error: IntakeError) -> Self {
        let detail = error.to_string();
        match error {
            IntakeError::UnknownSite => Self::new(
                StatusCode::NOT_FOUND,
                "unknown-site-key",
                "No site has this key",
                "The site key is not one of this installation, or it was replaced.",
                "Copy the snippet from the site's set-up page again.",
            ),
            IntakeError::UnknownPerson => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "does-not-fit",
                "This does not fit",
                "The person it is said to be about is not of this organisation.",
                "Name somebody of your people, or leave `about` out. Nothing was imported.",
            ),
            IntakeError::OriginNotAllowed
            | IntakeError::Token(clerestory_intake::TokenProblem::OtherOrigin) => Self::new(
                StatusCode::FORBIDDEN,
                "origin-not-allowed",
                "This origin may not send",
                "The page's origin is not among those listed for the site.",
                "Add the origin on the site's set-up page, exactly as the browser shows it.",
            ),
            IntakeError::Token(clerestory_intake::TokenProblem::Expired) => Self::new(
                StatusCode::UNAUTHORIZED,
                "token-expired",
                "The ingest token has run out",
                "Ingest tokens work for a quarter of an hour.",
                "Start again with this token as `resume`; the visit goes on.",
            ),
            IntakeError::Token(_) => Self::new(
                StatusCode::UNAUTHORIZED,
                "token-invalid",
                "This is no ingest token",
                "The token was not made by this installation, or was altered.",
                "Start again with the site key.",
            ),
            IntakeError::TooMany => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many at once",
                "More came than is taken from one recorder or site.",
                "Keep it and send it again after the time in Retry-After.",
            )
            .after(Duration::from_secs(1)),
            IntakeError::TooSlow => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "too-slow",
                "The segment did not arrive whole",
                "It broke off, or came too slowly: it may take half a minute, and a second for every 64 KiB.",
                "Keep it and send it again over a better connection.",
            )
            .after(Duration::from_secs(1)),
            IntakeError::Closed => Self::new(
                StatusCode::GONE,
                "recording-closed",
                "The recording is closed",
                "It takes no more segments.",
                "Start a new one.",
            ),
            IntakeError::SequenceTaken { stored, .. } => Self::new(
                StatusCode::CONFLICT,
                "sequence-taken",
                "Another segment has this number",
                format!("{detail}; the SHA-256 of what is stored is {stored}."),
                "Take the next free number, and a keyframe.",
            ),
            IntakeError::PolicyOutdated { .. } => Self::new(
                StatusCode::CONFLICT,
                "policy-outdated",
                "The site never had this policy",
                detail,
                "Fetch the policy, drop what was captured under the other, and take a keyframe.",
            ),
            IntakeError::TooLarge { .. } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "segment-too-large",
                "The segment is too large",
                detail,
                "Send less at once: a segment holds at most 16 MiB unpacked, and at most 100 times its packed size.",
            ),
            IntakeError::Packing | IntakeError::Spool => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "segment-malformed",
                "The segment cannot be unpacked",
                detail,
                "Drop it and take a keyframe: sending it again would fail again.",
            ),
            IntakeError::Malformed(fault) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "segment-malformed",
                "The segment is malformed",
                format!("{}: {}", fault.path, fault.reason),
                "Drop it and take a keyframe: sending it again would fail again.",
            )
            .with_errors(vec![FieldError { path: fault.path, message: fault.reason.to_owned() }]),
            IntakeError::Policy(errors) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "policy-invalid",
                "The policy is not valid",
                format!("{} things are wrong with it.", errors.0.len()),
                "Correct each of them; nothing was signed.",
            )
            .with_errors(
                errors.0.into_iter().map(|one| FieldError { path: one.path, message: one.message }).collect(),
            ),
            IntakeError::PolicyChanged { current } => Self::new(
                StatusCode::CONFLICT,
                "policy-changed",
                "Somebody signed another version meanwhile",
                format!("Version {current} is live now."),
                "Look at it, then sign yours on top of it.",
            ),
            IntakeError::SiteChanged => Self::new(
                StatusCode::CONFLICT,
                "site-changed",
                "Somebody changed the site meanwhile",
                detail,
                "Reload the page and make your change again.",
            ),
            IntakeError::Refused(refused) => refused.into(),
            IntakeError::Store(StoreError::Full) => Self::disk_full(),
            other => Self::unavailable(&other),
        }
    }
}
