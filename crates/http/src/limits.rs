//! Numbers that bound what a peer may take.

use std::time::Duration;

/// What one server grants its peers. [`Limits::default`] suits a public site on one machine;
/// every field says its default.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Open connections in all; further ones are closed at once. Default 4096, lowered by
    /// [`Limits::within_open_files`] to half of what the process may open.
    pub connections: usize,
    /// Open connections of one address (IPv6: of one /64). Default 256. Connections from a proxy
    /// named in [`BehindProxy`](crate::BehindProxy) count towards the total only.
    pub connections_per_address: usize,
    /// From the TCP connection to the finished TLS handshake. Default 10 s.
    pub tls_handshake: Duration,
    /// From the first byte of a request head (for the first request: from the connection) to its
    /// last. Default 10 s.
    pub header_read: Duration,
    /// How long a connection without a request may stay. Default 75 s.
    pub idle: Duration,
    /// Bytes of a request head: request line and header fields. Answered with 431. Default
    /// 32 KiB, at least 8 KiB (hyper's floor, enforced when serving).
    pub header_bytes: usize,
    /// Header fields of a request. Answered with 431 on HTTP/1. Default 100.
    pub headers: usize,
    /// How long a request body may bring nothing while it is being waited for. Default 15 s.
    pub body_silence: Duration,
    /// Bytes a request body must bring in each [`Limits::body_window`] spent waiting for it.
    /// Default 16 KiB.
    pub body_window_bytes: u64,
    /// See [`Limits::body_window_bytes`]. Default 30 s; together about 550 bytes per second.
    pub body_window: Duration,
    /// How long a peer may take nothing of an answer that is ready to be sent. Default 30 s.
    pub write_stall: Duration,
    /// HTTP/2: requests at once on a connection. Default 128.
    pub h2_streams: u32,
    /// HTTP/2: streams reset by the peer that wait for being noticed (rapid reset,
    /// CVE-2023-44487). Default 32.
    pub h2_pending_resets: usize,
    /// HTTP/2: resets this side may be provoked into on one connection. Default 256.
    pub h2_local_resets: usize,
    /// HTTP/2: ping interval, and how long an answer to the ping may take. Default 20 s each.
    pub h2_ping: Duration,
    /// After the shutdown signal: how long requests in flight may take. Default 15 s.
    pub drain: Duration,
    /// How often certificate files are looked at for a change. Default 10 s.
    pub certificate_poll: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 256,
            tls_handshake: Duration::from_secs(10),
            header_read: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            header_bytes: 32 * 1024,
            headers: 100,
            body_silence: Duration::from_secs(15),
            body_window_bytes: 16 * 1024,
            body_window: Duration::from_secs(30),
            write_stall: Duration::from_secs(30),
            h2_streams: 128,
            h2_pending_resets: 32,
            h2_local_resets: 256,
            h2_ping: Duration::from_secs(20),
            drain: Duration::from_secs(15),
            certificate_poll: Duration::from_secs(10),
        }
    }
}

impl Limits {
    /// hyper panics below this buffer size.
    const SMALLEST_HEADER_BYTES: usize = 8192;

    /// Lowers [`Limits::connections`] to half the process's soft limit of open files, so that a
    /// crowd of idle connections cannot keep the database from opening its own. Where the limit
    /// cannot be read (not Linux) nothing changes.
    #[must_use]
    pub fn within_open_files(mut self) -> Self {
        let Ok(text) = std::fs::read_to_string("/proc/self/limits") else {
            return self;
        };
        if let Some(open_files) = soft_open_files(&text) {
            let most = (open_files / 2).max(16);
            if most < self.connections {
                tracing::info!(
                    connections = most,
                    open_files,
                    "connections limited by the open-files limit of this process"
                );
                self.connections = most;
            }
        }
        self
    }

    pub(crate) fn header_bytes(&self) -> usize {
        self.header_bytes.max(Self::SMALLEST_HEADER_BYTES)
    }
}

/// The soft limit in the line `Max open files  <soft>  <hard>  files` of proc(5) `limits`.
fn soft_open_files(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max open files            1024                 524288               files\n";
        assert_eq!(soft_open_files(text), Some(1024));
        assert_eq!(
            soft_open_files("Max open files            unlimited            unlimited            files"),
            None
        );
        assert_eq!(soft_open_files(""), None);
    }
}
