//! The accept loop and its end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::BoxError;
use crate::connection::{self, Shared};
use crate::limits::Limits;
use crate::listener::{Listener, Mode};
use crate::pace::PacedBody;
use crate::peer::Peer;
use crate::slots::{Slot, Slots};
use crate::stats::Stats;
use crate::tls::TlsIdentity;

/// Pause after the system could not hand out a connection (out of file descriptors, mostly):
/// without it the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections still busy at the deadline and cut; 0 after a clean end.
    pub cut: usize,
}

/// One or more listeners that share limits, counters and a service.
#[derive(Debug)]
pub struct Server {
    limits: Limits,
    stats: Arc<Stats>,
    listeners: Vec<Listener>,
}

impl Server {
    /// A server with [`Limits::within_open_files`] applied to `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits: limits.within_open_files(), stats: Arc::default(), listeners: Vec::new() }
    }

    /// Adds a listener.
    #[must_use]
    pub fn listen(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }

    /// Counters, readable while the server runs and after.
    #[must_use]
    pub fn stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// The real addresses, in the order the listeners were added.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(Listener::local_addr).collect()
    }

    /// Serves until `shutdown` is cancelled, then closes the listeners, lets requests in flight
    /// finish for at most [`Limits::drain`], and cuts what is left. Each request carries its
    /// [`Peer`] as an extension and its body as a [`PacedBody`]; `axum::Router` fits as it is.
    ///
    /// Answers that never end by themselves (event streams) should end on `shutdown` too, or
    /// they use the drain up.
    pub async fn serve<S, B>(self, service: S, shutdown: CancellationToken) -> Drained
    where
        S: tower::Service<Request<PacedBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let shared = Shared {
            limits: Arc::new(self.limits),
            stats: Arc::clone(&self.stats),
            drain: shutdown.child_token(),
            cut: CancellationToken::new(),
        };
        let slots = Slots::new(
            shared.limits.connections,
            shared.limits.connections_per_address,
            Arc::clone(&self.stats),
        );
        let connections = TaskTracker::new();
        let accepting = TaskTracker::new();
        for listener in self.listeners {
            if let Mode::Tls(identity) = &listener.mode
                && identity.has_files()
            {
                accepting.spawn(follow_files(
                    identity.clone(),
                    shared.limits.certificate_poll,
                    shutdown.clone(),
                ));
            }
            let acceptor = Acceptor {
                mode: listener.mode,
                slots: Arc::clone(&slots),
                shared: shared.clone(),
                connections: connections.clone(),
            };
            accepting.spawn(acceptor.run(listener.socket, service.clone(), shutdown.clone()));
        }
        drop(service);
        accepting.close();
        shutdown.cancelled().await;
        accepting.wait().await;
        connections.close();
        if timeout(shared.limits.drain, connections.wait()).await.is_ok() {
            return Drained { cut: 0 };
        }
        let cut = connections.len();
        shared.cut.cancel();
        connections.wait().await;
        tracing::warn!(connections = cut, "the drain deadline passed; open connections were cut");
        Drained { cut }
    }
}

/// One listener's loop.
struct Acceptor {
    mode: Mode,
    slots: Arc<Slots>,
    shared: Shared,
    connections: TaskTracker,
}

impl Acceptor {
    async fn run<S, B>(self, socket: TcpListener, service: S, shutdown: CancellationToken)
    where
        S: tower::Service<Request<PacedBody>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, addr)) => {
                    if let Some(slot) = self.admit(addr) {
                        let mode = self.mode.clone();
                        let shared = self.shared.clone();
                        let service = service.clone();
                        self.connections.spawn(open(stream, addr, mode, service, shared, slot));
                    }
                }
                Err(error) if lost_by_peer(&error) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "accepting a connection failed; the next attempt follows shortly");
                    tokio::select! {
                        () = shutdown.cancelled() => return,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
    }

    /// Caps, and behind a proxy: whether it is the proxy that calls.
    fn admit(&self, addr: SocketAddr) -> Option<Slot> {
        let from = addr.ip().to_canonical();
        match &self.mode {
            Mode::PlainLoopback | Mode::Tls(_) => self.slots.take(Some(from)),
            Mode::Proxied(proxy, _) if proxy.addresses.contains(&from) => self.slots.take(None),
            Mode::Proxied(proxy, _) => {
                self.shared.stats.count_refused();
                tracing::debug!(proxy = %proxy.name, "a connection did not come from the named proxy and was closed");
                None
            }
        }
    }
}

/// The peer hung up between the handshake and `accept`; nothing is wrong here (accept(2)).
fn lost_by_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

async fn open<S, B>(stream: TcpStream, addr: SocketAddr, mode: Mode, service: S, shared: Shared, slot: Slot)
where
    S: tower::Service<Request<PacedBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    // Small answers must not wait for an acknowledgement; a socket that refuses the option is
    // about to fail anyway.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "TCP_NODELAY could not be set");
    }
    let client = addr.ip().to_canonical();
    let plain = Peer { addr, client, tls: false, via: None };
    match mode {
        Mode::PlainLoopback => connection::serve(stream, plain, None, service, &shared).await,
        Mode::Proxied(proxy, name) => {
            let peer = Peer { tls: true, via: Some(name), ..plain };
            connection::serve(stream, peer, Some(proxy), service, &shared).await;
        }
        Mode::Tls(identity) => {
            if let Some(stream) = handshake(stream, &identity, &shared).await {
                connection::serve(stream, Peer { tls: true, ..plain }, None, service, &shared).await;
            }
        }
    }
    drop(slot);
}

async fn handshake(
    stream: TcpStream,
    identity: &TlsIdentity,
    shared: &Shared,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    let accept = TlsAcceptor::from(identity.config()).accept(stream);
    let outcome = tokio::select! {
        biased;
        () = shared.drain.cancelled() => return None,
        outcome = timeout(shared.limits.tls_handshake, accept) => outcome,
    };
    match outcome {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            shared.stats.count_handshake_failed();
            tracing::debug!(error = %error, "TLS handshake failed");
            None
        }
        Err(_) => {
            shared.stats.count_timed_out();
            tracing::debug!("TLS handshake took too long");
            None
        }
    }
}

/// Looks at certificate files until the server stops.
async fn follow_files(identity: TlsIdentity, every: Duration, shutdown: CancellationToken) {
    let mut last_complaint = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(every) => {}
        }
        let reading = identity.clone();
        let Ok(outcome) = tokio::task::spawn_blocking(move || reading.reload()).await else {
            return;
        };
        match outcome {
            Ok(false) => last_complaint = None,
            Ok(true) => {
                last_complaint = None;
                tracing::info!(
                    fingerprint = identity.fingerprint(),
                    "the changed certificate is served from now on"
                );
            }
            Err(error) => {
                let complaint = error.to_string();
                if last_complaint.as_ref() != Some(&complaint) {
                    tracing::warn!(error = %complaint, "the changed certificate files cannot be used; the old certificate stays");
                    last_complaint = Some(complaint);
                }
            }
        }
    }
}
