//! What an installation asks of those who sign in: how long sessions last, and of whom a password alone is not enough.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clerestory_access::AccessError;
use clerestory_model::{OrganisationId, UnknownWord};
use clerestory_settings::tree::{Span, Value};
use clerestory_sql::Tx;
use clerestory_store::people::Role;

use crate::Identity;
use crate::sessions::SignedInBy;

/// How long sessions last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A session nobody used for this long is over.
    pub idle: Duration,
    /// A session is over this long after it began.
    pub absolute: Duration,
}

impl Limits {
    /// Half an hour without use, twelve hours in all.
    pub const DEFAULT: Self =
        Self { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(12 * 3600) };
    /// Half a day without use, a week in all: where nobody is to be signed out while they look around.
    pub const LONG: Self =
        Self { idle: Duration::from_secs(12 * 3600), absolute: Duration::from_secs(7 * 24 * 3600) };
}

/// Whether a password alone is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondFactor {
    /// It is.
    Off,
    /// It takes a second factor of any kind: a code, or a link that was sent.
    Any,
}

impl SecondFactor {
    /// The word that settings say.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Any => "any",
        }
    }
}

impl FromStr for SecondFactor {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "off" => Ok(Self::Off),
            "any" => Ok(Self::Any),
            other => Err(UnknownWord { kind: "second factor", word: other.to_owned() }),
        }
    }
}

/// What an installation asks of those who sign in, where settings do not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInRules {
    /// How long sessions last.
    pub limits: Limits,
    /// Of administrators.
    pub admins: SecondFactor,
    /// Of everybody else.
    pub others: SecondFactor,
    /// The file of breached passwords, where the deployment has one.
    pub breached: Option<PathBuf>,
}

impl Default for SignInRules {
    fn default() -> Self {
        Self { limits: Limits::DEFAULT, admins: SecondFactor::Any, others: SecondFactor::Off, breached: None }
    }
}

impl SignInRules {
    /// What an installation asks that is for looking around: long sessions, and a password is enough.
    #[must_use]
    pub fn for_trying_out() -> Self {
        Self { limits: Limits::LONG, admins: SecondFactor::Off, ..Self::default() }
    }
}

impl SignInRules {
    /// What settings say of it where nobody said anything of them.
    #[must_use]
    pub fn defaults(&self) -> [(&'static str, Value); 4] {
        let span = |length: Duration| {
            Value::Span(Span::of_seconds(u32::try_from(length.as_secs()).unwrap_or(u32::MAX)))
        };
        [
            (MFA, Value::Word(self.others.word())),
            (MFA_ADMIN, Value::Word(self.admins.word())),
            (IDLE, span(self.limits.idle)),
            (ABSOLUTE, span(self.limits.absolute)),
        ]
    }
}

const MFA: &str = "auth.mfa";
const MFA_ADMIN: &str = "auth.mfa.admin";
const IDLE: &str = "auth.session.idle";
const ABSOLUTE: &str = "auth.session.absolute";

/// What an organisation asks of those who sign in, now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// How long sessions last.
    pub(crate) limits: Limits,
    everybody: SecondFactor,
    admins: SecondFactor,
}

impl Asked {
    /// Whether a session of somebody with these roles may do nothing but set up a second factor.
    pub(crate) fn must_enrol(&self, roles: &[Role], how: SignedInBy) -> bool {
        let admin = roles.contains(&Role::Admin) && self.admins == SecondFactor::Any;
        // Whoever has a link has what it was sent to, or what it was shown on.
        how == SignedInBy::Password && (admin || self.everybody == SecondFactor::Any)
    }
}

impl Identity {
    /// What an organisation asks of those who sign in. The caller holds the lease on keys.
    pub(crate) async fn asked(
        &self,
        tx: &mut Tx,
        organisation: OrganisationId,
    ) -> Result<Asked, AccessError> {
        let names = [IDLE, ABSOLUTE, MFA, MFA_ADMIN];
        let said = self.access.settings().all_at_once(tx, organisation, names).await?;
        let [idle, absolute, everybody, admins] = said;
        let span = |said: Option<Value>, usual: Duration| match said {
            Some(Value::Span(span)) => span.length(),
            _ => usual,
        };
        let factor = |said: Option<Value>| match said {
            Some(Value::Word(word)) if word == SecondFactor::Off.word() => SecondFactor::Off,
            _ => SecondFactor::Any,
        };
        let usual = self.rules.limits;
        let limits = Limits { idle: span(idle, usual.idle), absolute: span(absolute, usual.absolute) };
        Ok(Asked { limits, everybody: factor(everybody), admins: factor(admins) })
    }
}
