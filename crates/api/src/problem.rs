//! Errors as RFC 9457 problems: what happened, what to do, and the request's id.

mod coaching;
mod erasing;
mod people;
mod recordings;

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use clerestory_access::{AccessError, Refused};
use clerestory_identity::Unfit;
use clerestory_model::Timestamp;
use clerestory_sql::SqlError;
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

    /// The same problem with the rule that refused it and the entry that tells of it; where the refusal hides what it is
    /// about, the refusal alone.
    pub(crate) fn refused_by(mut self, refused: Refused) -> Self {
        let refusal = Self::from(refused);
        if refusal.problem.status != StatusCode::FORBIDDEN.as_u16() {
            return refusal;
        }
        self.problem.rule = refusal.problem.rule;
        self.problem.entry = refusal.problem.entry;
        self
    }

    pub(crate) fn no_mail() -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "no-mail",
            "This installation sends no mail",
            "Nobody can be sent a link, whatever their address.",
            "Ask an administrator of your organisation, or whoever runs the server, for a link to sign in by.",
        )
    }

    /// A recorder tries again what is not taken for the moment; it looks once a minute, should the block end sooner.
    pub(crate) fn not_taken_from_there(left: Duration) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "network-blocked",
            "Nothing is taken from this network for a time",
            "An administrator has blocked the network this comes from. It ends by itself.",
            "Keep what was captured and send it again; or come from somewhere else.",
        )
        .after(left.min(Duration::from_secs(60)))
    }

    /// Nothing new is recorded for an organisation that is closing: what a recorder still has it throws away.
    pub(crate) fn closing(closes_at: Timestamp) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "organisation-closing",
            "The organisation is closing",
            format!("Nothing new is recorded any more. Everything it has is erased at {closes_at}."),
            "Take with you what is yours. Whoever may erase the organisation can still keep it.",
        )
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

    pub(crate) fn after(mut self, wait: Duration) -> Self {
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

/// What an error says, as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
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
