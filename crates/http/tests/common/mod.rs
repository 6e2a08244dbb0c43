//! A running server and raw clients for the tests of this crate.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Once};
use std::time::Duration;

use bytes::Bytes;
use clerestory_http::{Drained, Limits, Listener, PacedBody, Peer, Server, Stats, TlsIdentity};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::service_fn;

/// Longer than anything here takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Limits no test here reaches, however busy the machine.
pub fn patient() -> Limits {
    Limits { certificate_poll: Duration::from_millis(50), ..Limits::default() }
}

/// Limits that let a test see a timeout without waiting for the real ones.
pub fn brisk() -> Limits {
    Limits {
        header_read: Duration::from_millis(300),
        tls_handshake: Duration::from_millis(300),
        body_silence: Duration::from_millis(300),
        ..Limits::default()
    }
}

pub struct Running {
    pub addr: SocketAddr,
    pub stats: Arc<Stats>,
    pub shutdown: CancellationToken,
    /// Requests to `/wait` answer when a permit is added.
    pub gate: Arc<Semaphore>,
    /// A permit per request to `/wait` that arrived.
    pub waiting: Arc<Semaphore>,
    pub ended: JoinHandle<Drained>,
}

pub async fn plain(limits: Limits) -> Running {
    let listener = Listener::plain_loopback("127.0.0.1:0".parse().unwrap()).await.unwrap();
    start(limits, listener)
}

pub async fn tls(limits: Limits, identity: TlsIdentity) -> Running {
    let listener = Listener::tls("127.0.0.1:0".parse().unwrap(), identity).await.unwrap();
    start(limits, listener)
}

pub fn start(limits: Limits, listener: Listener) -> Running {
    let addr = listener.local_addr();
    let server = Server::new(limits).listen(listener);
    let stats = server.stats();
    let shutdown = CancellationToken::new();
    let gate = Arc::new(Semaphore::new(0));
    let waiting = Arc::new(Semaphore::new(0));
    let (on_gate, on_waiting) = (Arc::clone(&gate), Arc::clone(&waiting));
    let service = service_fn(move |request| answer(request, Arc::clone(&on_gate), Arc::clone(&on_waiting)));
    let ended = tokio::spawn(server.serve(service, shutdown.clone()));
    Running { addr, stats, shutdown, gate, waiting, ended }
}

/// `/wait` answers when let through, `/peer` says who called, `/large` sends 64 MiB, anything
/// else answers with the length of the body, or with 408 and why it could not be read.
async fn answer(
    request: Request<PacedBody>,
    gate: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let text = match request.uri().path() {
        "/wait" => {
            waiting.add_permits(1);
            gate.acquire().await.unwrap().forget();
            "waited".to_owned()
        }
        "/peer" => {
            let peer = request.extensions().get::<Peer>().unwrap().clone();
            format!(
                "{} {} {} {:?}",
                peer.client,
                peer.tls,
                peer.via.as_deref().unwrap_or("-"),
                request.version()
            )
        }
        "/large" => return Ok(Response::new(Full::from(vec![b'x'; 64 << 20]))),
        _ => match request.into_body().collect().await {
            Ok(body) => body.to_bytes().len().to_string(),
            Err(error) => {
                let mut response = Response::new(Full::from(error.to_string()));
                *response.status_mut() = StatusCode::REQUEST_TIMEOUT;
                return Ok(response);
            }
        },
    };
    Ok(Response::new(Full::from(text)))
}

impl Running {
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// Sends `bytes` and returns everything up to the end of the connection.
    pub async fn talk(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        to_end(&mut stream).await
    }

    pub async fn stop(self) -> Drained {
        self.shutdown.cancel();
        within(self.ended).await.unwrap()
    }
}

/// Everything until the other side closes; a reset counts as closing.
pub async fn to_end(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match within(stream.read(&mut buffer)).await {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&all).into_owned(),
            Ok(n) => all.extend_from_slice(&buffer[..n]),
        }
    }
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("should have happened by now")
}

/// Waits until `condition` holds.
pub async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = tokio::time::Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The provider reqwest needs before it can be built.
pub fn install_provider() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    });
}
