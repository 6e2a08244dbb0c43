//! The mail server: where it is, how it is reached, and handing a mail to it.

use std::str::FromStr;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use zeroize::Zeroizing;

use crate::Mail;

/// How long the server may take for each of its words.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    /// TLS from the first byte.
    Tls,
    /// TLS after a word of SMTP; without it nothing is sent.
    StartTls,
    /// In clear: on this machine only.
    Loopback,
}

/// Where a mail server is: `smtps://USER@HOST:PORT`, `smtp+starttls://USER@HOST:PORT`, or `smtp://127.0.0.1:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostAddress {
    road: Road,
    user: Option<String>,
    host: String,
    port: u16,
}

/// Why mail cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// The address of the server is none.
    #[error(
        "`{0}` is no mail server: write smtps://USER@HOST:465, smtp+starttls://USER@HOST:587, or smtp://127.0.0.1:25 \
         for one on this machine"
    )]
    Address(String),
    /// The address of a sender or receiver is none.
    #[error("an address of the mail is none")]
    Mailbox(#[from] lettre::address::AddressError),
    /// The mail cannot be written out.
    #[error("the mail cannot be written out")]
    Message(#[from] lettre::error::Error),
    /// The server did not take it.
    #[error("the mail server did not take it")]
    Server(#[from] lettre::transport::smtp::Error),
}

impl FromStr for PostAddress {
    type Err = PostError;

    fn from_str(text: &str) -> Result<Self, PostError> {
        let wrong = || PostError::Address(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        let (road, usual) = match scheme {
            "smtps" => (Road::Tls, 465),
            "smtp+starttls" => (Road::StartTls, 587),
            "smtp" => (Road::Loopback, 25),
            _ => return Err(wrong()),
        };
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, rest),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().map_err(|_| wrong())?),
            None => (place, usual),
        };
        let near = matches!(host, "127.0.0.1" | "localhost");
        let sane = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
        // A password stands in a file or in the environment, never in an address that others can list.
        let secret = user.as_ref().is_some_and(|user| user.contains(':'));
        if !sane || secret || road == Road::Loopback && !near {
            return Err(wrong());
        }
        Ok(Self { road, user, host: host.to_owned(), port })
    }
}

/// A mail server, and who writes.
pub struct Post {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Post {
    /// The server at this address, for mail from `from` (`Clerestory <clerestory@example.org>`).
    ///
    /// # Errors
    /// [`PostError`] when the sender's address is none or TLS cannot be set up.
    pub fn new(
        address: &PostAddress,
        password: Option<Zeroizing<String>>,
        from: &str,
    ) -> Result<Self, PostError> {
        let host = address.host.as_str();
        let mut builder = match address.road {
            Road::Tls => AsyncSmtpTransport::<Tokio1Executor>::relay(host)?,
            Road::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host)?,
            Road::Loopback => AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host),
        };
        if let (Some(user), Some(password)) = (&address.user, password) {
            builder = builder.credentials(Credentials::new(user.clone(), password.to_string()));
        }
        let transport = builder.port(address.port).timeout(Some(PATIENCE)).build();
        Ok(Self { transport, from: from.parse()? })
    }

    /// Hands a mail to the server.
    ///
    /// # Errors
    /// [`PostError`].
    pub async fn send(&self, mail: &Mail) -> Result<(), PostError> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, mail.to.parse()?))
            .subject(mail.subject.as_str())
            .header(ContentType::TEXT_PLAIN)
            .body(mail.text.clone())?;
        self.transport.send(message).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_how_the_server_is_reached() {
        let tls: PostAddress = "smtps://me@mail.example".parse().unwrap();
        assert_eq!((tls.road, tls.user.as_deref(), tls.port), (Road::Tls, Some("me"), 465));
        let later: PostAddress = "smtp+starttls://me@org@mail.example:2525".parse().unwrap();
        assert_eq!((later.road, later.user.as_deref(), later.port), (Road::StartTls, Some("me@org"), 2525));
        let near: PostAddress = "smtp://127.0.0.1:1025".parse().unwrap();
        assert_eq!((near.road, near.host.as_str(), near.port), (Road::Loopback, "127.0.0.1", 1025));
    }

    /// Over a network nothing goes in clear, and no password is written where others can read it.
    #[test]
    fn what_would_give_something_away_is_refused() {
        let refused = [
            "smtp://mail.example",
            "smtps://me:secret@mail.example",
            "mail.example",
            "smtps://",
            "smtps://a b",
        ];
        for text in refused {
            assert!(matches!(text.parse::<PostAddress>(), Err(PostError::Address(_))), "{text}");
        }
    }
}
