//! The real server leaves no core dump, whatever the limits it was started with.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// SIGABRT: what a process dies of that would leave a dump.
const ABORTED: i32 = 6;

#[test]
fn a_server_that_dies_leaves_no_core_dump() {
    let directory = tempfile::tempdir().unwrap();
    // As much as the machine allows; where that is nothing already, there is nothing to lower.
    let script = "ulimit -S -c $(ulimit -H -c); exec \"$0\" demo --empty --json --port 0 --data data";
    let mut child = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_clerestory")])
        .current_dir(directory.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(ready.contains("sign_in"), "{ready}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(fields, ["Max", "core", "file", "size", "0", "0", "bytes"]);
    let killed = Command::new("kill").args(["-ABRT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let status = child.wait().unwrap();
    assert_eq!(status.signal(), Some(ABORTED));
    assert!(!status.core_dumped());
    let left: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("data")), "{left:?}");
}
