//! One connection, from its first byte to its last.

use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::activity::{Activity, Overdue};
use crate::io::WatchedIo;
use crate::limits::Limits;
use crate::pace::PacedBody;
use crate::peer::{Peer, forwarded_client};
use crate::stats::Stats;
use crate::{BoxError, listener::BehindProxy};

/// How long a polite close of an idle connection may take before the socket is dropped.
const GOODBYE: Duration = Duration::from_secs(2);

/// What all connections of a server share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Arc<Limits>,
    pub(crate) stats: Arc<Stats>,
    /// Cancelled when connections should end politely.
    pub(crate) drain: CancellationToken,
    /// Cancelled when they must end now.
    pub(crate) cut: CancellationToken,
}

/// Serves requests until the connection ends, is overdue, drained or cut.
pub(crate) async fn serve<T, S, B>(
    stream: T,
    peer: Peer,
    proxy: Option<Arc<BehindProxy>>,
    service: S,
    shared: &Shared,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: tower::Service<Request<PacedBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let activity = Arc::new(Activity::new());
    let limits = &shared.limits;
    let io = WatchedIo::new(stream, Arc::clone(&activity), Arc::clone(&shared.stats), limits.write_stall);
    let service =
        PeerService { inner: service, peer, proxy, activity: Arc::clone(&activity), shared: shared.clone() };
    let builder = builder(limits);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(io), service));
    // Set once the connection was asked to end: when it is dropped even if it does not.
    let mut last_call = None;
    let mut draining = false;
    loop {
        let deadline = if draining { None } else { activity.deadline(limits) };
        let wake = last_call.or(deadline.map(|(at, _)| at));
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(error = %error, "connection ended early");
                }
                return;
            }
            () = shared.cut.cancelled() => return,
            () = shared.drain.cancelled(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
            () = activity.changed(), if !draining => {}
            () = sleep_until(wake), if wake.is_some() => {
                match deadline {
                    Some((_, Overdue::Head)) => {
                        shared.stats.count_timed_out();
                        tracing::debug!(first = !activity.first_request_seen(), "request head took too long");
                        return;
                    }
                    Some((_, Overdue::Idle)) => {
                        draining = true;
                        last_call = Some(tokio::time::Instant::now() + GOODBYE);
                        connection.as_mut().graceful_shutdown();
                    }
                    // A request may have slipped in while the goodbye was under way.
                    None if activity.busy() => last_call = Some(tokio::time::Instant::now() + GOODBYE),
                    None => return,
                }
            }
        }
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // hyper starts this clock when a connection goes idle, not at the first byte of a head;
        // the head timeout proper is Activity's. This one is a second fence behind it.
        .header_read_timeout(limits.idle + limits.header_read)
        .max_buf_size(limits.header_bytes())
        .max_headers(limits.headers)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_pending_accept_reset_streams(limits.h2_pending_resets)
        .max_local_error_reset_streams(limits.h2_local_resets)
        .max_header_list_size(u32::try_from(limits.header_bytes()).unwrap_or(u32::MAX))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .keep_alive_interval(limits.h2_ping)
        .keep_alive_timeout(limits.h2_ping);
    builder
}

/// The caller's service with what belongs to the connection added to each request.
struct PeerService<S> {
    inner: S,
    peer: Peer,
    proxy: Option<Arc<BehindProxy>>,
    activity: Arc<Activity>,
    shared: Shared,
}

impl<S> PeerService<S> {
    fn peer_of(&self, request: &Request<Incoming>) -> Peer {
        let mut peer = self.peer.clone();
        if let Some(proxy) = &self.proxy {
            let from: IpAddr = peer.addr.ip().to_canonical();
            peer.client = forwarded_client(request.headers(), from, &proxy.addresses);
        }
        peer
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for PeerService<S>
where
    S: tower::Service<Request<PacedBody>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
{
    type Response = Response<CountedBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        self.shared.stats.count_request();
        let in_flight = InFlight::new(&self.activity, request.version() == Version::HTTP_2);
        let peer = self.peer_of(&request);
        request.extensions_mut().insert(peer);
        let stats = Arc::clone(&self.shared.stats);
        let request = request.map(|body| PacedBody::new(body, &self.shared.limits, stats));
        let answer = self.inner.clone().oneshot(request);
        Box::pin(async move {
            Ok(answer.await?.map(|inner| CountedBody { inner: Box::pin(inner), _in_flight: in_flight }))
        })
    }
}

/// Held while a request is worked on, to the last byte of its answer.
struct InFlight(Arc<Activity>);

impl InFlight {
    fn new(activity: &Arc<Activity>, multiplexed: bool) -> Self {
        activity.request_began(multiplexed);
        Self(Arc::clone(activity))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}

/// An answer's body; the request is in flight as long as it lives.
pub(crate) struct CountedBody<B> {
    inner: Pin<Box<B>>,
    _in_flight: InFlight,
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.inner.as_mut().poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
