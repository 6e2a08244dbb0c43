//! Named steps with elapsed time: one line when a step starts, one when it ends, and a sign of
//! life in between. What a step prints goes to a log file; a failure shows both ends.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Failure, Outcome};

/// Signs of life on a terminal, where they replace each other, and elsewhere, where they stay.
const BEAT_ON_TERMINAL: Duration = Duration::from_secs(1);
const BEAT_IN_LOG: Duration = Duration::from_secs(5);

/// Lines of a failed step's output that are shown: npm tells what went wrong first, cargo last.
const HEAD_LINES: usize = 12;
const TAIL_LINES: usize = 50;

/// How often a running child is looked at.
const POLL: Duration = Duration::from_millis(50);

/// The steps of one command.
pub(crate) struct Steps {
    shared: Arc<Shared>,
    logs: PathBuf,
    beat: Option<(Sender<()>, JoinHandle<()>)>,
}

struct Shared {
    started: Instant,
    terminal: bool,
    board: Mutex<Board>,
    /// Set by the first failure, so that steps side by side stop too.
    stopped: AtomicBool,
}

#[derive(Default)]
struct Board {
    running: Vec<Running>,
    ended: Vec<Ended>,
    /// Whether the terminal's last line is a sign of life to be overwritten.
    beat_shown: bool,
}

struct Running {
    name: String,
    since: Instant,
    latest: String,
}

struct Ended {
    name: String,
    took: Duration,
    result: &'static str,
}

impl Steps {
    pub(crate) fn new(logs: PathBuf) -> Self {
        let shared = Arc::new(Shared {
            started: Instant::now(),
            terminal: std::io::stdout().is_terminal(),
            board: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let (stop, stopped) = channel();
        let beating = Arc::clone(&shared);
        let every = if shared.terminal { BEAT_ON_TERMINAL } else { BEAT_IN_LOG };
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                beating.show_beat();
            }
        });
        Self { shared, logs, beat: Some((stop, thread)) }
    }

    /// A line with the time since the start.
    pub(crate) fn say(&self, text: &str) {
        self.shared.say(&mut self.shared.board(), text);
    }

    /// Runs a program as a step.
    pub(crate) fn run(&self, name: &str, command: &mut Command) -> Outcome {
        self.step(name, |log| self.child(name, command, log))
    }

    /// Runs our own code as a step; its answer, if any, is shown beside "done".
    pub(crate) fn check(&self, name: &str, work: impl FnOnce() -> Outcome<String>) -> Outcome {
        self.step(name, |_| work())
    }

    fn step(&self, name: &str, work: impl FnOnce(&Path) -> Outcome<String>) -> Outcome {
        let since = Instant::now();
        {
            let mut board = self.shared.board();
            board.running.push(Running { name: name.to_owned(), since, latest: String::new() });
            self.shared.say(&mut board, &format!("{name} …"));
        }
        let outcome = work(&self.log_of(name));
        let took = since.elapsed();
        let mut board = self.shared.board();
        board.running.retain(|running| running.name != name);
        let (result, failure) = match outcome {
            Ok(note) => {
                let note = if note.is_empty() { note } else { format!(": {note}") };
                self.shared.say(&mut board, &format!("{name}: done in {}{note}", seconds(took)));
                ("ok", None)
            }
            Err(_) if self.shared.stopped.swap(true, Ordering::SeqCst) => {
                self.shared.say(&mut board, &format!("{name}: stopped after {}", seconds(took)));
                ("stopped", Some(Failure(String::new())))
            }
            Err(Failure(text)) => {
                self.shared.say(&mut board, &format!("{name}: FAILED after {}", seconds(took)));
                ("failed", Some(Failure(format!("{name} failed.\n{text}"))))
            }
        };
        board.ended.push(Ended { name: name.to_owned(), took, result });
        failure.map_or(Ok(()), Err)
    }

    fn log_of(&self, name: &str) -> PathBuf {
        let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        self.logs.join(format!("{}.log", plain.to_ascii_lowercase()))
    }

    fn child(&self, name: &str, command: &mut Command, log: &Path) -> Outcome<String> {
        let shown = shown(command);
        let broken = |what: &str, error: std::io::Error| Failure(format!("`{shown}` {what}: {error}."));
        std::fs::create_dir_all(&self.logs).map_err(|error| broken("has no folder for its log", error))?;
        let file = File::create(log).map_err(|error| broken("has no log file", error))?;
        // One pipe for both, so that the log keeps the order in which things were said.
        let (reader, writer) =
            std::io::pipe().map_err(|error| broken("has no pipe for its output", error))?;
        let errors = writer.try_clone().map_err(|error| broken("has no pipe for its output", error))?;
        let spawned = command.stdin(Stdio::null()).stdout(writer).stderr(errors).spawn();
        // The command still holds the writing ends; the reader would wait for them.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = spawned.map_err(|error| broken("could not be started", error))?;
        let reader = self.follow(name, reader, file);
        let status = loop {
            if let Some(status) =
                child.try_wait().map_err(|error| broken("could not be waited for", error))?
            {
                break status;
            }
            if self.shared.stopped.load(Ordering::SeqCst) {
                // It may have ended in this moment; then there is nothing to stop.
                let _ = child.kill();
            }
            std::thread::sleep(POLL);
        };
        if !self.shared.stopped.load(Ordering::SeqCst) {
            // A reader that panicked has lost log lines, nothing else.
            let _ = reader.join();
        }
        if status.success() {
            return Ok(String::new());
        }
        let text =
            std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        Err(Failure(format!(
            "`{shown}` ended with {status}. Its output is in {}:\n{}",
            log.display(),
            ends(&text)
        )))
    }

    fn follow(&self, name: &str, pipe: impl Read + Send + 'static, mut log: File) -> JoinHandle<()> {
        let (shared, name) = (Arc::clone(&self.shared), name.to_owned());
        std::thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
                // The log is a convenience; a full disk must not fail the step itself.
                let _ = log.write_all(&line);
                shared.latest(&name, &String::from_utf8_lossy(&line));
                line.clear();
            }
        })
    }

    /// A table of all steps and the time in all.
    pub(crate) fn summary(&self) {
        let mut board = self.shared.board();
        self.shared.clear_beat(&mut board);
        let width = board.ended.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        println!();
        for step in &board.ended {
            println!("  {:width$}  {:>9}  {}", step.name, seconds(step.took), step.result);
        }
        println!("  {:width$}  {:>9}", "in all", seconds(self.shared.started.elapsed()));
    }

    /// Ends the signs of life; call before handing the terminal to another program.
    pub(crate) fn finish(mut self) {
        self.stop_beat();
    }

    fn stop_beat(&mut self) {
        if let Some((stop, thread)) = self.beat.take() {
            drop(stop);
            // The thread holds nothing that could be lost.
            let _ = thread.join();
        }
        self.shared.clear_beat(&mut self.shared.board());
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.stop_beat();
    }
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, board: &mut Board, text: &str) {
        self.clear_beat(board);
        println!("[{:>8}] {text}", seconds(self.started.elapsed()));
    }

    fn latest(&self, name: &str, line: &str) {
        let line = printable(line);
        if line.is_empty() {
            return;
        }
        if let Some(running) = self.board().running.iter_mut().find(|running| running.name == name) {
            running.latest = line;
        }
    }

    fn show_beat(&self) {
        let mut board = self.board();
        if board.running.is_empty() {
            return;
        }
        let at = seconds(self.started.elapsed());
        if self.terminal {
            let parts: Vec<String> = board.running.iter().map(|step| step.beat(36)).collect();
            print!("\r\x1b[K[{at:>8}]   {}", parts.join(" | "));
            // A terminal that is gone will not miss the line.
            let _ = std::io::stdout().flush();
            board.beat_shown = true;
        } else {
            for step in &board.running {
                println!("[{at:>8}]   {}", step.beat(80));
            }
        }
    }

    fn clear_beat(&self, board: &mut Board) {
        if std::mem::take(&mut board.beat_shown) {
            print!("\r\x1b[K");
        }
    }
}

impl Running {
    fn beat(&self, room: usize) -> String {
        let latest: String = self.latest.chars().take(room).collect();
        format!("{} ({}) {latest}", self.name, seconds(self.since.elapsed()))
    }
}

/// `12.3 s`, from a minute on `1 min 02 s`.
fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", whole / 60, whole % 60)
    }
}

/// The command as one would type it.
fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    if let Some(name) = Path::new(command.get_program()).file_name() {
        words = vec![name.to_string_lossy().into_owned()];
    }
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

/// The first and the last lines of a long text.
fn ends(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let hidden = lines.len().saturating_sub(HEAD_LINES + TAIL_LINES);
    if hidden == 0 {
        return lines.join("\n");
    }
    let (head, rest) = lines.split_at(HEAD_LINES);
    let (_, tail) = rest.split_at(hidden);
    format!("{}\n… {hidden} lines left out …\n{}", head.join("\n"), tail.join("\n"))
}

/// One line without colours and control characters.
fn printable(line: &str) -> String {
    let mut text = String::new();
    let mut chars = line.trim().chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            // An escape sequence ends with a letter (ECMA-48 5.4).
            for c in chars.by_ref() {
                if c.is_ascii_alphabetic() {
                    break;
                }
            }
        } else if !c.is_control() {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps whose logs are removed when the test ends.
    struct Scratch(Steps);

    impl Drop for Scratch {
        fn drop(&mut self) {
            // A folder left behind in the temporary folder harms nobody.
            let _ = std::fs::remove_dir_all(&self.0.logs);
        }
    }

    impl std::ops::Deref for Scratch {
        type Target = Steps;

        fn deref(&self) -> &Steps {
            &self.0
        }
    }

    fn steps(name: &str) -> Scratch {
        let folder = format!("xtask-steps-{}-{name}", std::process::id());
        Scratch(Steps::new(std::env::temp_dir().join(folder)))
    }

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failed_step_shows_the_end_of_its_output() {
        let steps = steps("fail");
        let Failure(text) =
            steps.run("breaks", &mut sh("seq 1 100; echo last words >&2; exit 3")).unwrap_err();
        assert!(text.contains("exit status: 3") && text.contains("last words"), "{text}");
        assert!(
            text.contains("\n1\n") && text.contains("\n100\n") && !text.contains("\n30\n"),
            "both ends: {text}"
        );
        assert!(steps.run("starts nothing", &mut Command::new("no-such-program")).is_err());
    }

    #[test]
    fn a_failure_stops_the_step_beside_it() {
        let steps = steps("stop");
        let started = Instant::now();
        std::thread::scope(|scope| {
            let long = scope.spawn(|| steps.run("long", &mut sh("exec sleep 60")));
            assert!(steps.run("short", &mut sh("exit 1")).is_err());
            assert!(long.join().unwrap().is_err());
        });
        assert!(started.elapsed() < Duration::from_secs(50));
    }

    #[test]
    fn lines_lose_their_colours() {
        assert_eq!(printable("  \u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m x v1\r\n"), "   Compiling x v1");
        assert_eq!(seconds(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(62)), "1 min 02 s");
    }
}
