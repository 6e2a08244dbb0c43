//! The way to a custodian: HTTP on a thread of its own, with an end to every call.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::mpsc;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use object_store::client::{
    Certificate, ClientOptions, HttpClient, HttpConnector, HttpErrorKind, HttpRequest, ReqwestConnector,
};
use tokio::runtime::{Handle, Runtime, RuntimeFlavor};
use zeroize::Zeroizing;

use crate::Patience;

/// Answers beyond this are none that a custodian gives.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;

/// What a custodian answered. The body may hold what is secret.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

/// What is asked. Made anew for each attempt, because a signature is of its moment.
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Ask {
    pub(crate) fn request(&self) -> io::Result<HttpRequest> {
        let mut request = http::Request::builder()
            .method(self.method.clone())
            .uri(&self.url)
            .body(self.body.clone().into())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }
}

/// A client and the thread that waits for it.
pub(crate) struct Road {
    client: HttpClient,
    patience: Patience,
    /// Taken only when this is dropped, as a runtime may not be dropped where others run.
    runtime: Option<Runtime>,
}

impl Road {
    /// A road to `address`; `ca_file` (PEM) names who signed its certificate, if that is nobody whom everybody knows.
    /// Plain HTTP is for this machine only.
    pub(crate) fn build(patience: Patience, ca_file: Option<&Path>, address: &str) -> io::Result<Self> {
        let mut options = ClientOptions::new()
            .with_timeout(patience.request)
            .with_connect_timeout(patience.request)
            .with_allow_http(plain_is_allowed(address)?);
        if let Some(path) = ca_file {
            let named = |error: String| io::Error::other(format!("the CA file {}: {error}", path.display()));
            let pem = std::fs::read(path).map_err(|error| named(error.to_string()))?;
            let certificates =
                Certificate::from_pem_bundle(&pem).map_err(|error| named(error.to_string()))?;
            if certificates.is_empty() {
                return Err(named("there is no certificate (PEM) in it".to_owned()));
            }
            for certificate in certificates {
                options = options.with_root_certificate(certificate);
            }
        }
        let client = ReqwestConnector::default().connect(&options);
        let client = client.map_err(|error| io::Error::other(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("custody")
            .enable_all()
            .build()?;
        Ok(Self { client, patience, runtime: Some(runtime) })
    }

    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    pub(crate) fn client(&self) -> HttpClient {
        self.client.clone()
    }

    /// Runs something on the road's thread and waits for it; other tasks of the caller's runtime go on elsewhere.
    pub(crate) fn wait<T: Send + 'static>(
        &self,
        task: impl Future<Output = io::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        let runtime = self.runtime.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let (tell, told) = mpsc::sync_channel(1);
        runtime.spawn(async move {
            // Whoever asked waits; a send that finds nobody has nobody to tell.
            drop(tell.send(task.await));
        });
        let broke_off = |_| io::Error::other("the call broke off");
        let several =
            Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        match several {
            true => tokio::task::block_in_place(|| told.recv().map_err(broke_off)?),
            false => told.recv().map_err(broke_off)?,
        }
    }
}

impl Drop for Road {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Sends one request and reads its whole answer.
pub(crate) async fn send(client: &HttpClient, request: HttpRequest) -> io::Result<Answer> {
    let answer = client.execute(request).await.map_err(unreachable)?;
    let status = answer.status();
    let body = answer.into_body().bytes().await.map_err(unreachable)?;
    if body.len() > LARGEST_ANSWER {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the answer is far too long"));
    }
    Ok(Answer { status, body: Zeroizing::new(body.to_vec()) })
}

fn unreachable(error: object_store::client::HttpError) -> io::Error {
    let kind = match error.kind() {
        HttpErrorKind::Timeout => io::ErrorKind::TimedOut,
        HttpErrorKind::Connect => io::ErrorKind::ConnectionRefused,
        HttpErrorKind::Interrupted | HttpErrorKind::Request => io::ErrorKind::ConnectionReset,
        _ => io::ErrorKind::Other,
    };
    // The causes say why; the innermost is what people know.
    let mut text = match kind {
        io::ErrorKind::TimedOut => "it does not answer in time".to_owned(),
        _ => "it cannot be reached".to_owned(),
    };
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if inner.source().is_none() {
            text = format!("{text}: {inner}");
        }
        cause = inner.source();
    }
    io::Error::new(kind, text)
}

/// Whether another attempt may go better.
pub(crate) fn may_pass(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::TimedOut | Kind::ConnectionRefused | Kind::ConnectionReset)
}

/// Whether plain HTTP is to be used: only to this machine.
fn plain_is_allowed(address: &str) -> io::Result<bool> {
    let Some(rest) = address.strip_prefix("http://") else {
        return match address.starts_with("https://") {
            true => Ok(false),
            false => Err(io::Error::other(format!("{address} is no address: it begins with https://"))),
        };
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
    let here =
        name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match here {
        true => Ok(true),
        false => Err(io::Error::other(format!("http://{host} is on another machine: use https://"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_goes_to_this_machine_only() {
        for allowed in ["http://127.0.0.1:8200", "http://localhost", "http://[::1]:8200/x"] {
            assert!(plain_is_allowed(allowed).unwrap(), "{allowed}");
        }
        assert!(!plain_is_allowed("https://vault.example").unwrap());
        for refused in
            ["http://vault.example", "http://10.0.0.1:8200", "vault.example", "http://127.0.0.1.example"]
        {
            assert!(plain_is_allowed(refused).is_err(), "{refused}");
        }
    }
}
