//! What watching and taking in refuse.

use std::time::Duration;

use axum::http::StatusCode;
use clerestory_intake::IntakeError;
use clerestory_playback::{PlaybackError, Seconding};
use clerestory_vault::{OpenError, StoreError};

use super::{ApiError, Chain, FieldError};

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
                "Neither whoever asks to watch agrees to it, nor whoever let them in from outside.",
                "Ask another Admin or a privacy officer.",
            ),
            PlaybackError::LiveViewOff => Self::new(
                StatusCode::FORBIDDEN,
                "live-view-off",
                "This screen is not watched while it is recorded",
                "The settings of whose screen it is do not let you watch it meanwhile.",
                "Come back when it is over. Who may is said by the setting capture.recording.live_view.",
            ),
            PlaybackError::NotExported => Self::new(
                StatusCode::CONFLICT,
                "nothing-to-export",
                "There is no film in it",
                "Only what a screen showed can be taken along as a film, and this shows none.",
                "Watch it here.",
            ),
            PlaybackError::OnceOver => Self::new(
                StatusCode::CONFLICT,
                "still-going-on",
                "It is still going on",
                "A recording is taken along once it is over, and its recorder has not said yet that this one is.",
                "Come back when it is. One whose recorder says nothing more is over by itself half an hour later.",
            ),
            PlaybackError::WatchedOnly => Self::new(
                StatusCode::FORBIDDEN,
                "no-agreement-to-a-copy",
                "It is watched here, and not taken along",
                "Your organisation wants a second person to agree before anything of others is watched. They agree to a look; \
                 a copy outside would need an agreement of its own, which there is none of yet.",
                "Ask to watch it here. Whoever sets the rules says by view.four_eyes where a second person is wanted.",
            ),
            PlaybackError::NoFfmpeg => Self::new(
                StatusCode::CONFLICT,
                "ffmpeg-missing",
                "The server cannot make films",
                "Films are made by ffmpeg, which is not installed where the server runs.",
                "Whoever runs the server installs ffmpeg 5.1 or later (on Debian: apt-get install ffmpeg), or names it in \
                 CLERESTORY_FFMPEG, and starts the server again.",
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
            PlaybackError::GoesOn(refused) => Self::new(
                StatusCode::FORBIDDEN,
                "still-going-on",
                "It is still going on",
                "You may watch it once it is over. To watch it meanwhile is a right of its own, which you do not have here.",
                "Come back when it is over; a web session is at the latest half an hour after its last sign of life. \
                 An administrator can let managers follow by the setting allow.recording.follow.manager.",
            )
            .refused_by(refused),
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
                "Start again with this token as `resume`; the recording goes on.",
            ),
            IntakeError::Token(_) => Self::new(
                StatusCode::UNAUTHORIZED,
                "token-invalid",
                "This is no ingest token",
                "The token was not made by this installation, or was altered.",
                "Start again, with the site key or as the browser that was enrolled.",
            ),
            IntakeError::CaptureOff => Self::new(
                StatusCode::FORBIDDEN,
                "capture-off",
                "This screen is not recorded",
                "The organisation does not let the screen of this person be recorded.",
                "An administrator can change it by the setting capture.recording.enabled.",
            ),
            IntakeError::NoticeNeeded { version } => Self::new(
                StatusCode::CONFLICT,
                "notice-needed",
                "A notice comes first",
                match version {
                    Some(version) => {
                        format!("The notice in force is version {version}, and the person was not shown it.")
                    }
                    None => "The organisation has named no notice, and without one no screen is recorded."
                        .to_owned(),
                },
                "Show the notice that the policy names, and start again; where it names none, an administrator says which by \
                 the setting capture.notice.version.",
            ),
            IntakeError::TakenBack => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "segment-taken-back",
                "This was taken back",
                "What was captured in this time was taken back or erased. The recording goes on without it.",
                "Drop it, and send the next.",
            ),
            IntakeError::Digest => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "digest-mismatch",
                "What arrived is not what was sent",
                "The SHA-256 of the body is not the one in Content-Digest.",
                "Keep it and send it again.",
            )
            .after(Duration::from_secs(1)),
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
                "There never was this policy",
                detail,
                "Fetch the policy, drop what was captured under the other, and take a keyframe.",
            ),
            IntakeError::TooLarge { .. } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "segment-too-large",
                "The segment is too large",
                detail,
                "Send less at once: a segment holds at most 16 MiB unpacked, one of actions 2 MiB, and at most 100 times its \
                 packed size.",
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
            IntakeError::CapturesMore { what, refused } => Self::new(
                StatusCode::FORBIDDEN,
                "captures-more",
                "More would be captured",
                format!(
                    "You may sign what lets less be captured, and nothing was signed. This lets more be: {}",
                    what.join(" ")
                ),
                "Take back what is named here and sign the rest, or ask an administrator to sign it.",
            )
            .with_errors(
                what.into_iter().map(|message| FieldError { path: "document".to_owned(), message }).collect(),
            )
            .refused_by(refused),
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
