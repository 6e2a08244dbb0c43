//! Which passwords are good enough: long, hard to guess for whoever knows the person, and in no list of breached ones. No
//! rules about letters and digits (NIST SP 800-63B section 3.1.1.2).

use clerestory_seal::sha1;
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use crate::{Identity, IdentityError, Password, PasswordError, breached};

/// The least a password must score: safely unguessable offline against a slow hash.
const ENOUGH: Score = Score::Three;
/// Letters of a hint below which it says nothing: every password has some of them.
const HINT_LETTERS: usize = 3;
/// Letters and digits that must be left of a password without what is known of the person.
const LEFT: usize = 8;

/// Why a new password is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is too short or too long.
    #[error("{0}")]
    Length(PasswordError),
    /// It would be guessed.
    #[error("it would be guessed too soon")]
    Guessable {
        /// Why, and what would be better, in sentences.
        advice: Vec<String>,
    },
    /// It is in the list of breached passwords.
    #[error("it is in a list of passwords that were stolen elsewhere")]
    Breached,
}

impl Unfit {
    /// What to tell whoever typed it, in sentences.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        match self {
            Self::Length(PasswordError::TooLong) => vec!["Take at most 256 characters.".to_owned()],
            Self::Length(_) => vec!["Take at least 10 characters.".to_owned()],
            Self::Guessable { advice } => advice.clone(),
            Self::Breached => {
                vec!["Somebody's password was this one, and it was stolen. Choose another.".to_owned()]
            }
        }
    }
}

impl Identity {
    /// Judges a password somebody wants to have. `hints` are what is known of them: their name, their address, their
    /// organisation.
    ///
    /// # Errors
    /// [`IdentityError::Breached`] when the list cannot be searched: no password is taken then.
    pub async fn fit_password(
        &self,
        text: Zeroizing<String>,
        hints: Vec<String>,
    ) -> Result<Result<Password, Unfit>, IdentityError> {
        let list = self.rules.breached.clone();
        let judged = tokio::task::spawn_blocking(move || {
            if let Err(unfit) = judge(&text, &hints) {
                return Ok(Err(unfit));
            }
            if let Some(list) = list
                && breached::contains(&list, sha1(text.as_bytes()))?
            {
                return Ok(Err(Unfit::Breached));
            }
            Ok(text.parse().map_err(Unfit::Length))
        });
        judged.await.map_err(|_| IdentityError::Password(PasswordError::Hasher))?
    }

    /// Sees that the list of breached passwords can be used, where there is one.
    ///
    /// # Errors
    /// [`IdentityError::Breached`].
    pub fn check_breached(&self) -> Result<(), IdentityError> {
        Ok(self.rules.breached.as_deref().map_or(Ok(()), breached::check)?)
    }
}

/// Length, how many guesses it would take, and how much of it is the person's own.
fn judge(text: &str, hints: &[String]) -> Result<(), Unfit> {
    text.parse::<Password>().map_err(Unfit::Length)?;
    let known: Vec<String> = hints
        .iter()
        .flat_map(|hint| hint.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| word.chars().count() >= HINT_LETTERS)
        .map(str::to_lowercase)
        .chain(["clerestory".to_owned()])
        .collect();
    let words: Vec<&str> = known.iter().map(String::as_str).collect();
    let estimate = zxcvbn(text, &words);
    if estimate.score() < ENOUGH {
        let feedback = estimate.feedback();
        let warning = feedback.and_then(|feedback| feedback.warning()).map(|warning| warning.to_string());
        let better =
            feedback.into_iter().flat_map(|feedback| feedback.suggestions()).map(ToString::to_string);
        return Err(Unfit::Guessable { advice: warning.into_iter().chain(better).collect() });
    }
    // Two names in a row are many guesses, but not for whoever knows both.
    let whole = text.to_lowercase();
    let left = words.iter().fold(whole.clone(), |left, word| left.replace(word, " "));
    if left != whole && left.chars().filter(|c| c.is_alphanumeric()).count() < LEFT {
        let advice =
            "Leave out your name, your address and your organisation: whoever knows you tries those first.";
        return Err(Unfit::Guessable { advice: vec![advice.to_owned()] });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(), Unfit> {
        judge(
            text,
            &["Tobias Rask".to_owned(), "tobias@fernwick.example".to_owned(), "Fernwick Goods".to_owned()],
        )
    }

    #[test]
    fn what_everybody_guesses_is_refused_with_advice() {
        for guessed in ["password123", "qwertyuiop", "1234567890", "aaaaaaaaaaaa", "letmein12345"] {
            let Err(Unfit::Guessable { advice }) = of(guessed) else { panic!("{guessed} is taken") };
            assert!(advice.iter().all(|sentence| sentence.ends_with('.')), "{advice:?}");
        }
        assert_eq!(of("k7#pQ"), Err(Unfit::Length(PasswordError::TooShort)));
    }

    #[test]
    fn what_is_known_of_the_person_counts_for_nothing() {
        for known in ["fernwick1 goods", "tobias@fernwick.example", "Rask Tobias Rask", "Fernwick-Fernwick"] {
            assert!(matches!(of(known), Err(Unfit::Guessable { .. })), "{known}");
            assert_eq!(judge(known, &[]), Ok(()), "{known}");
        }
        assert_eq!(of("the tobias lanterns of old"), Ok(()), "there is enough besides");
    }

    /// No rules about letters and digits: a few words do.
    #[test]
    fn long_phrases_are_taken() {
        for taken in ["high windows, all lit", "seven plain lanterns", "correcthorsebatterystaple"] {
            assert_eq!(of(taken), Ok(()), "{taken}");
        }
    }
}
