//! What an installation asks of those who sign in: how long sessions last, and of whom a password alone is not enough.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clerestory_model::{OrganisationId, UnknownWord};
use clerestory_store::people::Role;

use crate::Identity;

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

/// What an installation asks of those who sign in.
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

impl Identity {
    /// How long sessions of an organisation last: what the installation says holds for each.
    #[must_use]
    pub fn limits(&self, _organisation: OrganisationId) -> Limits {
        self.rules.limits
    }

    /// Whether a password alone is enough for somebody who has these roles.
    pub(crate) fn second_factor(&self, _organisation: OrganisationId, roles: &[Role]) -> SecondFactor {
        if roles.contains(&Role::Admin) { self.rules.admins } else { self.rules.others }
    }
}
