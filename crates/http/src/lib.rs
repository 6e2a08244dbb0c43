//! Accept loop, TLS, timeouts, limits, drain. No domain.
//!
//! `axum::serve` installs no timer, so hyper's header timeout is silently off there. This crate
//! is the loop we serve with instead: every wait for a peer has an end, every peer has a cap, and
//! stopping finishes what was begun.
//!
//! ```no_run
//! # async fn run(router: impl tower::Service<
//! #     http::Request<clerestory_http::PacedBody>,
//! #     Response = http::Response<http_body_util::Full<bytes::Bytes>>,
//! #     Error = std::convert::Infallible,
//! #     Future: Send,
//! # > + Clone + Send + 'static) -> Result<(), Box<dyn std::error::Error>> {
//! use clerestory_http::{Limits, Listener, Server};
//! use tokio_util::sync::CancellationToken;
//!
//! let shutdown = CancellationToken::new();
//! let first = Listener::plain_loopback("127.0.0.1:0".parse()?).await?;
//! let port = first.local_addr().port();
//! let second = Listener::plain_loopback(format!("[::1]:{port}").parse()?).await?;
//! let server = Server::new(Limits::default()).listen(first).listen(second);
//! let stats = server.stats();
//! let drained = server.serve(router, shutdown).await;
//! assert_eq!(drained.cut, 0, "{} connections were open", stats.open());
//! # Ok(())
//! # }
//! ```
//!
//! Order of defence, from the socket up: caps per address and in total ([`Limits`]), TLS
//! handshake timeout, header timeout and size, HTTP/2 stream and reset limits, body pace
//! ([`PacedBody`]), stalled writes, idle connections. Deciding who may call what is not here.

mod activity;
mod connection;
mod io;
mod limits;
mod listener;
mod pace;
mod peer;
mod server;
mod slots;
mod stats;
mod tls;

pub use limits::Limits;
pub use listener::{BehindProxy, ListenError, Listener};
pub use pace::{BodyError, PacedBody};
pub use peer::Peer;
pub use server::{Drained, Server};
pub use stats::Stats;
pub use tls::{TlsError, TlsIdentity};

/// Any error, as tower and hyper pass them on.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
