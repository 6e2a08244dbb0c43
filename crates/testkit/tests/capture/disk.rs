//! The disk of the crash tests loses what was not flushed, and nothing else. What is tried on it are the machine's own
//! programs that call the system themselves: `dd` writes, and `sync FILE` flushes a file or a directory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::process::{Command, Output};

use clerestory_testkit::disk::{Disk, Loss, Survivors, kill};
use clerestory_testkit::load::Random;

struct Bench {
    disk: Disk,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("disk");
        std::fs::create_dir(&root).unwrap();
        Self { disk: Disk::begin(&root, directory.path()).unwrap(), _directory: directory }
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", script]).current_dir(self.disk.root()).envs(self.disk.environment());
        command
    }

    fn run(&self, script: &str) -> Output {
        self.command(script).output().unwrap()
    }

    fn check(&self) {
        let seen = self.disk.at(self.disk.now().unwrap()).unwrap().seen();
        assert_eq!(seen.differences(&Survivors::read(self.disk.root()).unwrap()), Vec::<String>::new());
    }

    /// Runs the script to its end; the recorder has seen all that it did.
    fn does(&self, script: &str) {
        let output = self.run(script);
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        self.check();
    }

    fn lose(&self, loss: Loss, seed: u64) -> Survivors {
        let model = self.disk.at(self.disk.now().unwrap()).unwrap();
        model.lose(loss, &mut Random::new(seed))
    }

    /// Names and texts of the files that are left when everything is lost that can be.
    fn left(&self) -> Vec<(String, String)> {
        let files = self.lose(Loss::Everything, 0).files.into_iter();
        files.map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap())).collect()
    }
}

fn files(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn bytes_that_were_not_flushed_are_gone() {
    let bench = Bench::new();
    bench.does("printf one > a; sync a; sync .; printf two >> a");
    assert_eq!(bench.left(), files(&[("a", "one")]));
    bench.does("sync a");
    assert_eq!(bench.left(), files(&[("a", "onetwo")]));
    bench.does("printf three > a");
    assert_eq!(bench.left(), files(&[("a", "onetwo")]), "cutting a file off has to be flushed too");
}

#[test]
fn entries_that_were_not_flushed_are_gone_at_their_old_name_or_back() {
    let bench = Bench::new();
    bench.does("printf kept > old; printf stays > gone; sync old; sync gone; sync .");
    bench.does("printf new > new; sync new; mv old moved; rm gone; mkdir -p d/e; printf x > d/e/x; sync d/e/x; sync d/e");
    assert_eq!(bench.left(), files(&[("gone", "stays"), ("old", "kept")]));
    bench.does("sync .");
    let left = files(&[("moved", "kept"), ("new", "new")]);
    assert_eq!(bench.left(), left, "the entry of e in d is not flushed");
    bench.does("sync d");
    assert_eq!(bench.left(), [files(&[("d/e/x", "x")]), left].concat());
    bench.does("ln new twice; sync .; rm new");
    assert_eq!(bench.left().len(), 4, "a second name is an entry of its own");
}

#[test]
fn what_may_survive_survives_by_seed_and_in_whole_sectors() {
    let bench = Bench::new();
    bench.does("head -c 2048 /dev/zero | tr '\\0' a | dd of=f bs=2048 iflag=fullblock; sync f; sync .");
    bench.does(
        "head -c 4096 /dev/zero | tr '\\0' b | dd of=f bs=4096 iflag=fullblock oflag=append conv=notrunc",
    );
    let (mut torn, mut whole, mut gone) = (0, 0, 0);
    for seed in 0..60 {
        let left = bench.lose(Loss::Some, seed);
        assert_eq!(left, bench.lose(Loss::Some, seed), "a seed replays");
        let f = &left.files["f"];
        assert!(f[..2048].iter().all(|byte| *byte == b'a'), "what was flushed is not touched");
        let sectors: Vec<u8> = f[2048..].chunks(512).map(|sector| sector[0]).collect();
        assert!(f[2048..].chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
        match (sectors.len(), sectors.iter().filter(|first| **first == b'b').count()) {
            (0, _) => gone += 1,
            (8, 8) => whole += 1,
            _ => torn += 1,
        }
    }
    assert!(torn > 5 && whole > 5 && gone > 5, "{torn} torn, {whole} whole, {gone} gone");
}

#[test]
fn a_flush_that_fails_makes_nothing_durable_and_neither_does_the_next() {
    let bench = Bench::new();
    bench.does("printf one > a; sync a; sync .");
    bench.disk.control().fail_syncs(1).unwrap();
    assert!(!bench.run("printf two >> a; sync a").status.success());
    bench.does("sync a");
    assert_eq!(bench.left(), files(&[("a", "one")]));
}

#[test]
fn the_disk_has_a_size_and_the_clock_an_offset() {
    let bench = Bench::new();
    bench.disk.control().set_room(Some(10_000)).unwrap();
    let full = bench.run("dd if=/dev/zero of=big bs=20000 count=1");
    assert!(!full.status.success());
    assert!(String::from_utf8_lossy(&full.stderr).contains("No space left"), "{full:?}");
    assert_eq!(bench.disk.control().used().unwrap(), 10_000);
    assert!(bench.disk.control().refused().unwrap() > 0);
    bench.does("rm big; dd if=/dev/zero of=small bs=5000 count=1");
    assert_eq!(bench.disk.control().used().unwrap(), 5_000);
    let seconds = |bench: &Bench| -> i64 {
        String::from_utf8(bench.run("date +%s").stdout).unwrap().trim().parse().unwrap()
    };
    let before = seconds(&bench);
    bench.disk.control().set_clock_offset_us(86_400_000_000).unwrap();
    assert!((86_400..86_460).contains(&(seconds(&bench) - before)));
}

#[test]
fn the_record_has_the_order_of_all_processes_and_of_one_that_is_killed() {
    let bench = Bench::new();
    let turn =
        "for i in 1 2 3 4 5 6 7 8 9 10; do printf $0$i > shared; printf $0$i >> shared; rm -f shared; done";
    bench.does(&format!("for name in a b c d; do sh -c '{turn}' $name & done; wait"));
    for _ in 0..20 {
        let mut child = bench.command("while :; do printf one > a; printf two > b; done").spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(5));
        kill(&mut child, bench.disk.record());
        bench.check();
    }
}
