//! What stands between a server and its bucket, failing as it is told.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Failure>;

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks before the request arrives.
    Drop,
    /// The request is done; the connection breaks before the answer.
    LoseAnswer,
    /// Nothing ever comes back, and the request does not arrive.
    Stall,
    /// The request does not arrive, and this status is answered.
    Answer(u16),
    /// The request does not arrive, and success is answered.
    Lie,
    /// The request is done, and this status is answered nevertheless.
    AnswerAfter(u16),
    /// The request is done; half of the answer's body comes back, and then the connection breaks.
    CutBody,
    /// The request is done; half of the answer's body comes back, as if that were all.
    ShortBody,
    /// The request is done; the answer's body comes back with one bit of it turned over.
    Garble,
}

struct Rule {
    method: Method,
    part: String,
    fault: Fault,
    left: usize,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    /// So many more requests that change something arrive, and then none of any kind.
    changes_left: Option<usize>,
    cut: bool,
    seen: Vec<(Method, String)>,
    ranges: Vec<String>,
}

/// A proxy on loopback that passes everything on but what it was told to fail.
pub struct Faults {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Faults {
    /// Starts it in front of `upstream`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State::default()));
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().expect("a client");
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (client, state) = (client.clone(), Arc::clone(&shared));
                let service = hyper::service::service_fn(move |request| {
                    answer(request, upstream, client.clone(), Arc::clone(&state))
                });
                tokio::spawn(async move {
                    // Breaking off is what it is for.
                    drop(
                        Builder::new(TokioExecutor::new())
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self { address, state, task }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next `times` requests of `method` whose path and query contain `part` fail like this.
    pub fn next(&self, times: usize, method: Method, part: &str, fault: Fault) {
        let rule = Rule { method, part: part.to_owned(), fault, left: times };
        self.lock().rules.push(rule);
    }

    /// So many more requests that change something arrive. After them every connection breaks, whatever is asked.
    pub fn cut_after(&self, changes: usize) {
        self.lock().changes_left = Some(changes);
    }

    /// Whether [`Self::cut_after`] has broken a connection.
    #[must_use]
    pub fn has_cut(&self) -> bool {
        self.lock().cut
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.rules.clear();
        (state.changes_left, state.cut) = (None, false);
    }

    /// How many requests of `method` came whose path and query contain `part`, failed ones included.
    #[must_use]
    pub fn seen(&self, method: &Method, part: &str) -> usize {
        self.lock().seen.iter().filter(|(seen, path)| seen == method && path.contains(part)).count()
    }

    /// The ranges of bytes that were asked for, in order.
    #[must_use]
    pub fn ranges(&self) -> Vec<String> {
        self.lock().ranges.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn fault_of(state: &Mutex<State>, request: &Request<Incoming>, path: &str) -> Option<Fault> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let method = request.method();
    let range = request.headers().get("range").and_then(|range| range.to_str().ok());
    state.ranges.extend(range.map(str::to_owned));
    state.seen.push((method.clone(), path.to_owned()));
    if let Some(left) = state.changes_left {
        if left == 0 {
            state.cut = true;
            return Some(Fault::Drop);
        }
        let changes = !matches!(*method, Method::GET | Method::HEAD);
        state.changes_left = Some(left - usize::from(changes));
    }
    let rule = state
        .rules
        .iter_mut()
        .find(|rule| rule.left > 0 && rule.method == *method && path.contains(&rule.part))?;
    rule.left -= 1;
    Some(rule.fault)
}

async fn answer(
    request: Request<Incoming>,
    upstream: SocketAddr,
    client: reqwest::Client,
    state: Arc<Mutex<State>>,
) -> Result<Response<Body>, Failure> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let fault = fault_of(&state, &request, &path);
    match fault {
        Some(Fault::Drop) => return Err("dropped".into()),
        Some(Fault::Stall) => std::future::pending().await,
        Some(Fault::Answer(status)) => return Ok(plain(status)),
        Some(Fault::Lie) => {
            // The whole body is taken, as by a store that means it.
            drop(request.into_body().collect().await?);
            let mut response = plain(200);
            response.headers_mut().insert("etag", "\"00000000000000000000000000000000\"".parse()?);
            return Ok(response);
        }
        Some(
            Fault::LoseAnswer | Fault::CutBody | Fault::ShortBody | Fault::AnswerAfter(_) | Fault::Garble,
        )
        | None => {}
    };
    let (parts, body) = request.into_parts();
    // The host stays the one that was signed.
    let passed = client
        .request(parts.method, format!("http://{upstream}{path}"))
        .headers(parts.headers)
        .body(body.collect().await?.to_bytes())
        .send()
        .await?;
    let (status, headers) = (passed.status(), passed.headers().clone());
    let whole = passed.bytes().await?;
    if fault == Some(Fault::LoseAnswer) {
        return Err("the answer is lost".into());
    }
    if let Some(Fault::AnswerAfter(status)) = fault {
        return Ok(plain(status));
    }
    let body = if fault == Some(Fault::ShortBody) {
        whole_body(whole.slice(..whole.len() / 2))
    } else if fault == Some(Fault::Garble) {
        let mut garbled = whole.to_vec();
        let middle = garbled.len() / 2;
        garbled.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
        whole_body(garbled.into())
    } else if fault == Some(Fault::CutBody) {
        let half = whole.slice(..whole.len() / 2);
        let frames = futures_util::stream::iter([Ok(Frame::data(half)), Err(Failure::from("cut"))]);
        StreamBody::new(frames).boxed_unsync()
    } else {
        whole_body(whole)
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.headers_mut().remove("transfer-encoding");
    if fault == Some(Fault::ShortBody) {
        response.headers_mut().remove("content-length");
    }
    Ok(response)
}

fn plain(status: u16) -> Response<Body> {
    let mut response = Response::new(whole_body(Bytes::new()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response
}

fn whole_body(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}
