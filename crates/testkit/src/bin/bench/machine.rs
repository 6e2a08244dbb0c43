//! What the machine is, and who uses its cores meanwhile. Linux only, from `/proc`: elsewhere the figures are absent.

use std::time::Instant;

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The load averages of the last one, five and fifteen minutes.
pub(crate) fn load_average() -> String {
    read("/proc/loadavg").split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// One line about the machine.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let model = model.map_or("unknown", |(_, name)| name.trim()).to_owned();
    let memory = read("/proc/meminfo");
    let kib = memory
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
    let gib = kib.unwrap_or(0_f64) / 1024.0 / 1024.0;
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores, {model}, {gib:.1} GiB, Linux {}", kernel.trim())
}

/// A field of `/proc/<pid>/status` in KiB.
pub(crate) fn status_kib(pid: u32, field: &str) -> u64 {
    let status = read(&format!("/proc/{pid}/status"));
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Clock ticks (100 a second on every Linux there is) that were used so far.
#[derive(Clone, Copy)]
struct Ticks {
    server: u64,
    writer: u64,
    log: u64,
    own: u64,
    all: u64,
}

/// Who used the cores between two moments, in cores: 1.0 is one core all the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    /// The server, all threads.
    pub(crate) server: f64,
    /// Of these, the thread that writes the database.
    pub(crate) writer: f64,
    /// Of these, the thread that writes the ingest log.
    pub(crate) log: f64,
    /// The load generator: this program.
    pub(crate) generator: f64,
    /// Everybody else on the machine, and the kernel for them.
    pub(crate) others: f64,
}

/// A moment from which the use of the cores is counted.
pub(crate) struct Since {
    server: u32,
    at: Instant,
    ticks: Ticks,
}

impl Since {
    /// Begins to count.
    pub(crate) fn now(server: u32) -> Self {
        Self { server, at: Instant::now(), ticks: ticks(server) }
    }

    /// What was used since.
    pub(crate) fn cores(&self) -> Cores {
        let (now, seconds) = (ticks(self.server), self.at.elapsed().as_secs_f64());
        let cores = |now: u64, then: u64| now.saturating_sub(then) as f64 / 100.0 / seconds;
        let server = cores(now.server, self.ticks.server);
        let generator = cores(now.own, self.ticks.own);
        Cores {
            server,
            writer: cores(now.writer, self.ticks.writer),
            log: cores(now.log, self.ticks.log),
            generator,
            others: (cores(now.all, self.ticks.all) - server - generator).max(0.0),
        }
    }
}

fn ticks(server: u32) -> Ticks {
    let mut ticks = Ticks {
        server: of(&format!("/proc/{server}/stat")),
        writer: 0,
        log: 0,
        own: of("/proc/self/stat"),
        all: all(),
    };
    let Ok(threads) = std::fs::read_dir(format!("/proc/{server}/task")) else { return ticks };
    for thread in threads.flatten() {
        let path = thread.path();
        let place = match read(&path.join("comm").display().to_string()).trim() {
            "sql-writer" => &mut ticks.writer,
            "ingest-log" => &mut ticks.log,
            _ => continue,
        };
        *place += of(&path.join("stat").display().to_string());
    }
    ticks
}

/// utime and stime of a `stat` file: the 14th and 15th field, counted after the name, which may hold anything.
fn of(path: &str) -> u64 {
    let text = read(path);
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum()
}

/// Ticks of all cores that were not idle: user, nice, system, irq, softirq.
fn all() -> u64 {
    let text = read("/proc/stat");
    let fields: Vec<u64> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|field| field.parse().ok())
        .collect();
    [0, 1, 2, 5, 6].iter().filter_map(|&at: &usize| fields.get(at)).sum()
}
