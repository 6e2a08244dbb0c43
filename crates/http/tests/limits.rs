//! Slow, greedy and idle peers on plain HTTP.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail where it stands")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use clerestory_http::{BehindProxy, Limits, ListenError, Listener};
use common::{brisk, patient, plain, start, to_end, until, within};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
const GET_AND_CLOSE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

async fn dribble(stream: &mut TcpStream, bytes: &[u8], pause: Duration) {
    for byte in bytes {
        if stream.write_all(&[*byte]).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn a_head_that_dribbles_in_is_cut() {
    let server = plain(brisk()).await;
    let mut stream = server.connect().await;
    dribble(&mut stream, b"GET / HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaa", Duration::from_millis(20)).await;
    assert_eq!(to_end(&mut stream).await, "", "no answer for half a head");
    until("the timeout is counted", || server.stats.timed_out() == 1).await;
    assert_eq!(server.stats.requests(), 0);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut() {
    let server = plain(brisk()).await;
    let mut stream = server.connect().await;
    assert_eq!(to_end(&mut stream).await, "");
    until("its place is free again", || server.stats.open() == 0).await;
}

#[tokio::test]
async fn a_second_head_that_dribbles_in_is_cut_too() {
    let server = plain(brisk()).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    let mut first = vec![0; 17];
    within(stream.read_exact(&mut first)).await.unwrap();
    assert_eq!(first, b"HTTP/1.1 200 OK\r\n");
    tokio::time::sleep(Duration::from_millis(50)).await;
    dribble(&mut stream, b"GET / HTTP/1.1\r\nX-Slow: aaaaaaaaaaaaaaaaa", Duration::from_millis(20)).await;
    to_end(&mut stream).await;
    until("the timeout is counted", || server.stats.timed_out() == 1).await;
    assert_eq!(server.stats.requests(), 1);
}

#[tokio::test]
async fn between_requests_the_longer_idle_timeout_applies() {
    let limits =
        Limits { header_read: Duration::from_millis(100), idle: Duration::from_millis(600), ..patient() };
    let server = plain(limits).await;
    let mut stream = server.connect().await;
    stream.write_all(GET).await.unwrap();
    until("the first answer is under way", || server.stats.requests() == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    stream.write_all(GET).await.unwrap();
    until("the second request is served", || server.stats.requests() == 2).await;
    let text = to_end(&mut stream).await;
    assert_eq!(text.matches("200 OK").count(), 2);
    assert_eq!(server.stats.timed_out(), 0, "ending an idle connection is no offence");
}

#[tokio::test]
async fn a_body_that_stops_is_given_up() {
    let server = plain(brisk()).await;
    let text = server.talk(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhello").await;
    assert!(text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(text.contains("stopped arriving"), "{text}");
    assert_eq!(server.stats.timed_out(), 1);
}

#[tokio::test]
async fn a_body_below_the_minimum_rate_is_given_up() {
    let limits = Limits { body_window: Duration::from_millis(400), body_window_bytes: 1000, ..patient() };
    let server = plain(limits).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n").await.unwrap();
    dribble(&mut stream, &[b'x'; 25], Duration::from_millis(20)).await;
    let text = to_end(&mut stream).await;
    assert!(text.contains("too slowly: fewer than 1000 bytes"), "{text}");
}

#[tokio::test]
async fn a_body_above_the_minimum_rate_is_read_however_long_it_takes() {
    let limits = Limits { body_window: Duration::from_millis(100), body_window_bytes: 5, ..patient() };
    let server = plain(limits).await;
    let mut stream = server.connect().await;
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 400\r\n\r\n")
        .await
        .unwrap();
    for _ in 0..40 {
        stream.write_all(&[b'x'; 10]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let text = to_end(&mut stream).await;
    assert!(text.ends_with("\r\n\r\n400"), "{text}");
}

#[tokio::test]
async fn an_answer_nobody_takes_is_given_up() {
    let server = plain(Limits { write_stall: Duration::from_millis(300), ..patient() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    until("the stall is counted", || server.stats.timed_out() == 1).await;
    until("its place is free again", || server.stats.open() == 0).await;
    assert!(to_end(&mut stream).await.len() < 64 << 20, "the answer was cut");
}

#[tokio::test]
async fn connections_above_the_cap_are_closed_and_places_come_back() {
    let server = plain(Limits { connections_per_address: 2, ..patient() }).await;
    let held = [server.connect().await, server.connect().await];
    until("both are open", || server.stats.open() == 2).await;
    assert_eq!(server.talk(GET_AND_CLOSE).await, "");
    assert_eq!(server.stats.refused(), 1);
    drop(held);
    until("the places are free", || server.stats.open() == 0).await;
    assert!(server.talk(GET_AND_CLOSE).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn the_total_cap_holds() {
    let server = plain(Limits { connections: 1, ..patient() }).await;
    let _held = server.connect().await;
    until("one is open", || server.stats.open() == 1).await;
    assert_eq!(server.talk(GET_AND_CLOSE).await, "");
    assert_eq!(server.stats.refused(), 1);
}

#[tokio::test]
async fn an_oversized_head_is_answered_with_431() {
    let server = plain(Limits { header_bytes: 8192, ..patient() }).await;
    let large = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: {}\r\n\r\n", "a".repeat(9000));
    assert!(server.talk(large.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "X: y\r\n".repeat(150));
    assert!(server.talk(many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert_eq!(server.stats.requests(), 0);
}

#[tokio::test]
async fn draining_finishes_a_request_and_closes_the_idle() {
    let server = plain(patient()).await;
    let addr = server.addr;
    let mut idle = server.connect().await;
    idle.write_all(GET).await.unwrap();
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    within(server.waiting.acquire()).await.unwrap().forget();
    until("the idle one was served", || server.stats.requests() == 2).await;
    server.shutdown.cancel();
    assert!(to_end(&mut idle).await.starts_with("HTTP/1.1 200"), "the idle connection is closed at once");
    assert!(TcpStream::connect(addr).await.is_err(), "nobody new is taken");
    assert!(!server.ended.is_finished(), "the busy one is waited for");
    server.gate.add_permits(1);
    let text = to_end(&mut busy).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.ends_with("waited"), "{text}");
    assert_eq!(server.stop().await.cut, 0);
}

#[tokio::test]
async fn the_drain_has_a_deadline() {
    let server = plain(Limits { drain: Duration::from_millis(200), ..patient() }).await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    within(server.waiting.acquire()).await.unwrap().forget();
    assert_eq!(server.stop().await.cut, 1);
    assert_eq!(to_end(&mut busy).await, "");
}

#[tokio::test]
async fn plain_http_is_refused_where_others_could_reach_it() {
    for addr in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:192.0.2.1]:0"] {
        let addr: SocketAddr = addr.parse().unwrap();
        let refusal = Listener::plain_loopback(addr).await.unwrap_err();
        assert!(matches!(refusal, ListenError::PlainNeedsLoopback(named) if named == addr), "{refusal}");
    }
}

#[tokio::test]
async fn both_loopbacks_can_share_a_port_and_a_server() {
    let first = Listener::plain_loopback("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let port = first.local_addr().port();
    assert_ne!(port, 0);
    let second = Listener::plain_loopback(SocketAddr::new("::1".parse().unwrap(), port)).await;
    // A machine may have no IPv6, or somebody else may hold that port there.
    let Ok(second) = second else { return };
    let server = clerestory_http::Server::new(patient()).listen(first).listen(second);
    assert_eq!(server.local_addrs().len(), 2);
}

#[tokio::test]
async fn behind_a_proxy_only_the_proxy_may_call_and_names_the_client() {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let proxy =
        |address: &str| BehindProxy { name: "edge".into(), addresses: vec![address.parse().unwrap()] };
    let nobody = BehindProxy { name: "edge".into(), addresses: vec![] };
    assert!(matches!(
        Listener::plain_behind_proxy(any, nobody).await.unwrap_err(),
        ListenError::ProxyWithoutAddress(_)
    ));

    let server = start(patient(), Listener::plain_behind_proxy(any, proxy("127.0.0.1")).await.unwrap());
    let ask = b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 1.1.1.1, 203.0.113.9\r\n\r\n";
    let text = server.talk(ask).await;
    assert!(text.ends_with("203.0.113.9 true edge HTTP/1.1"), "{text}");

    let server = start(patient(), Listener::plain_behind_proxy(any, proxy("192.0.2.7")).await.unwrap());
    assert_eq!(server.talk(ask).await, "");
    assert_eq!(server.stats.refused(), 1);
}

#[tokio::test]
async fn without_a_proxy_nobody_is_believed() {
    let server = plain(patient()).await;
    let text = server
        .talk(b"GET /peer HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n")
        .await;
    assert!(text.ends_with("127.0.0.1 false - HTTP/1.1"), "{text}");
}

/// An HTTP/2 frame (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn requests_reset_as_fast_as_they_are_made_end_the_connection() {
    let server = plain(patient()).await;
    let mut attack = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    attack.extend(frame(4, 0, 0, &[]));
    for number in 0..500 {
        let stream = 2 * number + 1;
        // :method GET, :scheme http, :path /, :authority x (RFC 7541, appendix A and C).
        attack.extend(frame(1, 5, stream, &[0x82, 0x86, 0x84, 0x41, 0x01, b'x']));
        attack.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut stream = server.connect().await;
    stream.write_all(&attack).await.unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    // The connection ends with GOAWAY, ENHANCE_YOUR_CALM, or is reset with bytes unread.
    while let Ok(read @ 1..) = within(stream.read(&mut buffer)).await {
        answer.extend_from_slice(&buffer[..read]);
    }
    let goaway = answer.windows(17).find(|bytes| bytes[3] == 7 && bytes[..3] != [0, 0, 0]);
    if let Some(goaway) = goaway {
        assert_eq!(goaway[13..17], 11_u32.to_be_bytes());
    }
    until("its place is free again", || server.stats.open() == 0).await;
    assert!(server.stats.requests() < 500, "not all were worked on");
}
