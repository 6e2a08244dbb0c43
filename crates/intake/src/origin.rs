//! Origins: scheme, host and port, in the one spelling browsers send (RFC 6454 section 6.1).

use std::fmt;
use std::str::FromStr;

/// An origin that may send: `https://host[:port]`, or `http://` on a loopback host, as capture runs in secure
/// contexts only. Lower case, no path, no default port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

/// Why a text is no origin that may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It is not `scheme://host[:port]`.
    #[error(
        "an origin is written scheme://host, with :port where it is not the scheme's own, and nothing after it"
    )]
    Shape,
    /// It is plain HTTP on a host that is not this machine.
    #[error("capture runs in secure contexts only: use https, or http on localhost")]
    Insecure,
}

impl Origin {
    /// The text as browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Origin {
    type Err = OriginError;
    fn from_str(text: &str) -> Result<Self, OriginError> {
        let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let (scheme, rest) = text.split_once("://").ok_or(OriginError::Shape)?;
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !rest.ends_with(']') => {
                (host, Some(port.parse::<u16>().map_err(|_| OriginError::Shape)?))
            }
            _ => (rest, None),
        };
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
        if host.is_empty() || host.len() > 253 || !host.chars().all(named) {
            return Err(OriginError::Shape);
        }
        let default_port = match scheme {
            "https" => 443,
            "http" if loopback(host) => 80,
            "http" => return Err(OriginError::Insecure),
            _ => return Err(OriginError::Shape),
        };
        Ok(Self(match port.filter(|port| *port != default_port) {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }))
    }
}

/// Hosts that browsers treat as secure contexts over plain HTTP.
fn loopback(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost") || host == "127.0.0.1" || host == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        let parsed = |text: &str| text.parse::<Origin>().map(|origin| origin.0);
        assert_eq!(parsed("HTTPS://Shop.Example:443/").as_deref(), Ok("https://shop.example"));
        assert_eq!(parsed("http://shop.localhost:8700").as_deref(), Ok("http://shop.localhost:8700"));
        assert_eq!(parsed("http://[::1]:8700").as_deref(), Ok("http://[::1]:8700"));
        assert_eq!(parsed("http://shop.example"), Err(OriginError::Insecure));
        for wrong in
            ["shop.example", "https://shop.example/path", "null", "https://", "ftp://x", "https://a:b"]
        {
            assert_eq!(parsed(wrong), Err(OriginError::Shape), "{wrong}");
        }
    }
}
