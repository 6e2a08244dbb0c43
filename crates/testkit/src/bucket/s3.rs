//! S3 in this process: `s3s` over a temporary directory, on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::thread::JoinHandle;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{BUCKET, KEY_ID, SECRET};

/// A server with one bucket that is gone when it is dropped. It checks signatures and keeps no versions.
///
/// It has a thread of its own: it answers also while a test blocks its runtime.
pub struct LocalS3 {
    directory: TempDir,
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalS3 {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        std::fs::create_dir(directory.path().join(BUCKET)).expect("a bucket");
        let (end, ended) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let root = directory.path().to_owned();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
                tell.send(listener.local_addr().expect("an address")).expect("somebody waits for it");
                tokio::select! {
                    () = serve(listener, &root) => {}
                    _ = ended => {}
                }
            });
        });
        let address = told.recv().expect("the server tells its address");
        Self { directory, address, end: Some(end), thread: Some(thread) }
    }

    /// Where it keeps its objects.
    #[must_use]
    pub fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file that an object lies in.
    #[must_use]
    pub fn file(&self, prefix: &str, object: &str) -> std::path::PathBuf {
        self.directory.path().join(BUCKET).join(prefix).join(object)
    }
}

impl Drop for LocalS3 {
    fn drop(&mut self) {
        // The thread may have ended by itself; then there is nobody to tell.
        let _gone = self.end.take().map(|end| end.send(()));
        drop(self.thread.take().map(JoinHandle::join));
    }
}

async fn serve(listener: TcpListener, root: &Path) {
    let mut service = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).expect("a file system"));
    service.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
    let service = service.build();
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            // A client that goes away is its own affair.
            drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
        });
    }
}
