//! Who is at the other end.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderMap;

/// The other end of a request's connection; an extension of every request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The socket at the other end: the visitor, or the named proxy in front of us.
    pub addr: SocketAddr,
    /// The visitor's address. Differs from `addr` only behind a named proxy, whose
    /// `X-Forwarded-For` is believed from the right up to the first address that is not a proxy.
    pub client: IpAddr,
    /// Whether the visitor's own hop is TLS: ended here, or by the named proxy as stated.
    pub tls: bool,
    /// The proxy's name, when one stands in front.
    pub via: Option<Arc<str>>,
}

/// The address the trusted `proxies` saw: entries of `X-Forwarded-For` are read from the right,
/// since each hop appends and everything further left was written by whoever called. Without a
/// readable entry it is the proxy itself.
pub(crate) fn forwarded_client(headers: &HeaderMap, peer: IpAddr, proxies: &[IpAddr]) -> IpAddr {
    let mut client = peer;
    for value in headers.get_all("x-forwarded-for").iter().rev() {
        let Ok(text) = value.to_str() else {
            return client;
        };
        for entry in text.rsplit(',') {
            let Ok(address) = entry.trim().parse::<IpAddr>() else {
                return client;
            };
            client = address.to_canonical();
            if !proxies.contains(&client) {
                return client;
            }
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(lines: &[&'static str]) -> String {
        let proxies = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        forwarded_client(&headers, proxies[0], &proxies).to_string()
    }

    #[test]
    fn only_what_the_proxy_itself_appended_is_believed() {
        assert_eq!(client(&["203.0.113.9"]), "203.0.113.9");
        assert_eq!(client(&["1.1.1.1, 203.0.113.9"]), "203.0.113.9", "the left part is the caller's claim");
        assert_eq!(client(&["1.1.1.1", "203.0.113.9, 10.0.0.2"]), "203.0.113.9");
        assert_eq!(client(&["::ffff:203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn an_unreadable_entry_ends_the_belief() {
        assert_eq!(client(&[]), "10.0.0.1");
        assert_eq!(client(&["203.0.113.9, unknown"]), "10.0.0.1");
        assert_eq!(client(&["203.0.113.9, nonsense, 10.0.0.2"]), "10.0.0.2");
    }
}
