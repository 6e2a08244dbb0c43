//! Screens: fifty browsers that send at once, what a play hands out beside what nginx does of the same files, and a
//! recording of eight hours.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clerestory_model::{Clock, SystemClock};
use clerestory_testkit::load::{Browser, Console, NotSent, Run, allow_screens, client};
use clerestory_testkit::screen::{Chunk, media};
use serde_json::{Value, json};

use crate::Bench;
use crate::machine::{Since, status_kib};
use crate::server::{Server, free_port};
use crate::table::{self, mb_per_s, ms, quantile, sorted};

/// Runs that send at once, and browsers they are of: a person has no more than twenty.
const RUNS: usize = 50;
const BROWSERS: usize = 10;
/// 2 Mbit/s in segments of two seconds.
const SEGMENT_BYTES: usize = 500_000;
const SEGMENT: Duration = Duration::from_secs(2);
/// Frames of a segment.
const FRAMES: usize = 10;
/// Segments that each run sends.
const SENT: u64 = 60;
/// Connections a play is fetched over, and how often each is timed beside nginx.
const CONNECTIONS: [usize; 2] = [1, 8];
const ROUNDS: usize = 5;

/// Everything about screens.
pub(crate) async fn measure(bench: &Bench) -> Result<Value, String> {
    let server = Server::installed(&bench.binary, &bench.directory.path().join("screens"), &[])?;
    let console = server.sign_in().await?;
    allow_screens(&console).await?;
    let (uploads, run) = uploads(&server, &console).await?;
    let ranges = ranges(bench, &console, &run).await?;
    Ok(json!({ "uploads": uploads, "ranges": ranges }))
}

/// A segment of pictures that nothing can pack, as encoders make them. It begins at this time of the browser's clock.
fn segment(at_ms: i64, seed: u64) -> Vec<u8> {
    let head = json!({ "codec": "vp8", "width": 1920, "height": 1080, "gaps": [] });
    let each_us = SEGMENT.as_micros() as i64 / FRAMES as i64;
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut frame = |number: usize| {
        let bytes = (0..SEGMENT_BYTES / FRAMES / 8).flat_map(|_| {
            // xorshift64 (Marsaglia, 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        let at_us = at_ms * 1000 + number as i64 * each_us;
        Chunk { at_us, duration_us: each_us as u32, key: number == 0, bytes: bytes.collect() }
    };
    media(1, &head, &(0..FRAMES).map(&mut frame).collect::<Vec<_>>())
}

/// What one run's segments waited for their acknowledgements, in milliseconds.
async fn send(run: Run, began_ms: i64, number: usize, begin: Instant) -> Result<Vec<f64>, String> {
    let shift = SEGMENT.mul_f64(number as f64 / RUNS as f64);
    let mut times = Vec::new();
    for sequence in 0..SENT {
        let at_ms = began_ms + sequence as i64 * SEGMENT.as_millis() as i64;
        let sealed = run.sealed(sequence, &segment(at_ms, number as u64 * SENT + sequence))?;
        // What lies ahead of the server's clock is not taken.
        let due = begin + shift + SEGMENT * u32::try_from(sequence + 1).unwrap_or_default();
        tokio::time::sleep_until(due.into()).await;
        let sent = run.send(sequence, sealed).await;
        sent.map_err(|error| format!("a segment was not taken: {error:?}"))?;
        times.push(ms(due.elapsed()));
    }
    run.end().await.map_err(|error| format!("a run did not end: {error:?}"))?;
    Ok(times)
}

/// Fifty runs that send two megabits a second each; the last of them, to be watched.
async fn uploads(server: &Server, console: &Console) -> Result<(Value, Run), String> {
    let mut browsers = Vec::with_capacity(BROWSERS);
    for number in 0..BROWSERS {
        browsers.push(Browser::enrol(console, client()?, &format!("Browser {number}")).await?);
    }
    let (mut runs, mut tasks) = (Vec::with_capacity(RUNS), Vec::with_capacity(RUNS));
    let began_ms = i64::try_from(SystemClock.now().unix_millis()).unwrap_or_default();
    for (number, browser) in (0..RUNS).zip(browsers.iter().cycle()) {
        let writer = format!("0190a5e2-0000-7000-8000-{number:012}");
        runs.push(loop {
            match browser.start(began_ms, &writer).await {
                Ok(run) => break run.over(client()?),
                Err(NotSent::TooMany) => tokio::time::sleep(Duration::from_millis(100)).await,
                Err(error) => return Err(format!("a run did not start: {error:?}")),
            }
        });
    }
    let last = runs.last().cloned().ok_or("no runs")?;
    let rss_before = status_kib(server.id(), "VmRSS");
    let (begin, since) = (Instant::now() + Duration::from_secs(1), Since::now(server.id()));
    for (number, run) in runs.into_iter().enumerate() {
        tasks.push(tokio::spawn(send(run, began_ms, number, begin)));
    }
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.map_err(|error| format!("a connection stopped: {error}"))??);
    }
    let (elapsed, cores) = (begin.elapsed(), since.cores());
    let rss_after = status_kib(server.id(), "VmHWM");
    let times = sorted(times);
    let rate = mb_per_s(SEGMENT_BYTES as u64 * times.len() as u64, elapsed);
    let mib = |kib: u64| format!("{:.0} MiB", kib as f64 / 1024.0);
    table::print(
        &["50 runs of 2 Mbit/s", ""],
        &[
            vec!["taken".into(), format!("{rate:.1} MB/s, {} segments", times.len())],
            vec!["acknowledged, median".into(), format!("{:.0} ms", quantile(&times, 0.5))],
            vec!["p99".into(), format!("{:.0} ms", quantile(&times, 0.99))],
            vec!["longest".into(), format!("{:.0} ms", quantile(&times, 1.0))],
            vec!["cores of the server".into(), format!("{:.2}", cores.server)],
            vec!["of this program".into(), format!("{:.2}", cores.generator)],
            vec!["of others".into(), format!("{:.2}", cores.others)],
            vec!["resident before, and at most".into(), format!("{}, {}", mib(rss_before), mib(rss_after))],
        ],
    );
    let told = json!({ "mb_per_s": rate, "segments": times.len(), "p50_ms": quantile(&times, 0.5),
        "p99_ms": quantile(&times, 0.99), "max_ms": quantile(&times, 1.0), "server_cores": cores.server,
        "others_cores": cores.others, "rss_kib": rss_before, "peak_rss_kib": rss_after });
    Ok((told, last))
}

/// nginx over a directory of files. Killed when dropped.
struct Nginx {
    child: Child,
    address: String,
}

impl Nginx {
    fn start(folder: &Path) -> Result<Self, String> {
        let port = free_port()?.port();
        let logs = folder.join("nginx");
        std::fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
        let (log, root) = (logs.display(), folder.display());
        let config = format!(
            "daemon off; master_process off; worker_processes 1; pid {log}/pid; error_log {log}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{ access_log off; sendfile on; tcp_nodelay on; client_body_temp_path {log}/body;\n\
             proxy_temp_path {log}/proxy; fastcgi_temp_path {log}/fcgi; uwsgi_temp_path {log}/uwsgi;\n\
             scgi_temp_path {log}/scgi; server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        );
        let path = logs.join("nginx.conf");
        std::fs::write(&path, config).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(&logs).arg("-c").arg(&path).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn();
        let child =
            child.map_err(|error| format!("nginx: {error}; on Debian: apt-get install nginx-light"))?;
        Ok(Self { child, address: format!("http://127.0.0.1:{port}") })
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Gone already is fine.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Where a file is fetched from.
#[derive(Clone)]
enum From {
    Play(Console),
    Nginx(reqwest::Client, Arc<str>),
}

impl From {
    async fn fetch(&self, path: &str) -> Result<u64, String> {
        let bytes = match self {
            Self::Play(console) => console.bytes(path).await?,
            Self::Nginx(http, address) => {
                let name = path.rsplit('/').next().unwrap_or_default();
                let sent = http.get(format!("{address}/{name}")).send().await;
                let response = sent.and_then(reqwest::Response::error_for_status);
                let response = response.map_err(|error| format!("nginx: {error}"))?;
                response.bytes().await.map_err(|error| format!("nginx: {error}"))?
            }
        };
        Ok(bytes.len() as u64)
    }

    fn over(&self, http: reqwest::Client) -> Self {
        match self {
            Self::Play(console) => Self::Play(console.over(http)),
            Self::Nginx(_, address) => Self::Nginx(http, Arc::clone(address)),
        }
    }
}

/// Fetches everything over so many connections, twice; megabytes a second.
async fn fetch(from: &From, paths: &Arc<[String]>, connections: usize) -> Result<f64, String> {
    let began = Instant::now();
    let mut tasks = Vec::with_capacity(connections);
    for connection in 0..connections {
        let (from, paths) = (from.over(client()?), Arc::clone(paths));
        tasks.push(tokio::spawn(async move {
            let mut bytes = 0;
            for path in paths.iter().chain(paths.iter()).skip(connection).step_by(connections) {
                bytes += from.fetch(path).await?;
            }
            Ok::<_, String>(bytes)
        }));
    }
    let mut bytes = 0;
    for task in tasks {
        bytes += task.await.map_err(|error| format!("a connection stopped: {error}"))??;
    }
    Ok(mb_per_s(bytes, began.elapsed()))
}

/// What a play hands out of two minutes of pictures, beside nginx with the very same files, in turn.
async fn ranges(bench: &Bench, console: &Console, run: &Run) -> Result<Value, String> {
    let play = console.post(&format!("/recordings/{}/plays", run.recording), &json!({})).await?;
    let id = play["id"].as_str().ok_or("a play has no id")?;
    let paths: Vec<String> =
        (0..SENT).map(|number| format!("/plays/{id}/tracks/{}/segments/{number}", run.video)).collect();
    let folder = bench.directory.path().join("files");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for (number, path) in paths.iter().enumerate() {
        let file = std::fs::File::create(folder.join(number.to_string()));
        let written = match file {
            Ok(mut file) => file.write_all(&console.bytes(path).await?),
            Err(error) => Err(error),
        };
        written.map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let nginx = Nginx::start(&folder)?;
    let (paths, peer) = (Arc::<[String]>::from(paths), From::Nginx(client()?, nginx.address.as_str().into()));
    let ours = From::Play(console.clone());
    until_up(&peer).await?;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for connections in CONNECTIONS {
        let (mut served, mut beside) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            served.push(fetch(&ours, &paths, connections).await?);
            beside.push(fetch(&peer, &paths, connections).await?);
        }
        let (served, beside) = (quantile(&sorted(served), 0.5), quantile(&sorted(beside), 0.5));
        rows.push(vec![
            connections.to_string(),
            format!("{served:.0} MB/s"),
            format!("{beside:.0} MB/s"),
            format!("{:.0} %", 100.0 * served / beside),
        ]);
        told.push(json!({ "connections": connections, "mb_per_s": served, "nginx_mb_per_s": beside }));
    }
    table::print(&["connections", "a play", "nginx, the same files", "share"], &rows);
    Ok(Value::Array(told))
}

async fn until_up(peer: &From) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match peer.fetch("/0").await {
            Ok(_) => return Ok(()),
            Err(error) if began.elapsed() > Duration::from_secs(10) => return Err(error),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}
