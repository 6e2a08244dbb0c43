//! Sockets to accept on, and the rule where plain HTTP may exist.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::tls::TlsIdentity;

/// Why a listener was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Plain HTTP was asked for on an address others can reach.
    #[error(
        "plain HTTP is served on loopback only, and {0} is not a loopback address: \
         give certificate files, or name the proxy that ends TLS in front of this address"
    )]
    PlainNeedsLoopback(SocketAddr),
    /// A [`BehindProxy`] statement without an address to believe.
    #[error("the proxy statement for {0} names no address the proxy connects from: add at least one")]
    ProxyWithoutAddress(SocketAddr),
    /// The operating system refused the address.
    #[error("listening on {addr}")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The operator's explicit statement that a proxy ends TLS in front of a plain listener.
///
/// It is also a rule: connections from other addresses are closed, and only these addresses'
/// `X-Forwarded-For` is believed.
#[derive(Clone, Debug)]
pub struct BehindProxy {
    /// What the operator calls the proxy; shown in health and logs.
    pub name: String,
    /// The addresses the proxy connects from.
    pub addresses: Vec<IpAddr>,
}

#[derive(Clone, Debug)]
pub(crate) enum Mode {
    PlainLoopback,
    Proxied(Arc<BehindProxy>, Arc<str>),
    Tls(TlsIdentity),
}

/// A bound socket and how it is served.
#[derive(Debug)]
pub struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) mode: Mode,
    addr: SocketAddr,
}

impl Listener {
    /// Plain HTTP for this machine only. Port 0 takes a free one, see [`Listener::local_addr`].
    ///
    /// # Errors
    /// [`ListenError::PlainNeedsLoopback`] for any other address; [`ListenError::Bind`].
    pub async fn plain_loopback(addr: SocketAddr) -> Result<Self, ListenError> {
        if !addr.ip().to_canonical().is_loopback() {
            return Err(ListenError::PlainNeedsLoopback(addr));
        }
        Self::bind(addr, Mode::PlainLoopback).await
    }

    /// Plain HTTP for a named proxy only.
    ///
    /// # Errors
    /// [`ListenError::ProxyWithoutAddress`], [`ListenError::Bind`].
    pub async fn plain_behind_proxy(addr: SocketAddr, mut proxy: BehindProxy) -> Result<Self, ListenError> {
        if proxy.addresses.is_empty() {
            return Err(ListenError::ProxyWithoutAddress(addr));
        }
        for address in &mut proxy.addresses {
            *address = address.to_canonical();
        }
        let name = Arc::from(proxy.name.as_str());
        Self::bind(addr, Mode::Proxied(Arc::new(proxy), name)).await
    }

    /// HTTPS: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.
    ///
    /// # Errors
    /// [`ListenError::Bind`].
    pub async fn tls(addr: SocketAddr, identity: TlsIdentity) -> Result<Self, ListenError> {
        Self::bind(addr, Mode::Tls(identity)).await
    }

    async fn bind(addr: SocketAddr, mode: Mode) -> Result<Self, ListenError> {
        let socket = TcpListener::bind(addr).await.map_err(|source| ListenError::Bind { addr, source })?;
        let addr = socket.local_addr().map_err(|source| ListenError::Bind { addr, source })?;
        Ok(Self { socket, mode, addr })
    }

    /// The real address, also after asking for port 0.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Whether visitors of this listener use TLS, ended here or by the named proxy.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        !matches!(self.mode, Mode::PlainLoopback)
    }
}
