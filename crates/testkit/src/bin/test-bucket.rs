//! Starts an S3 bucket for the tests, prints as one line of JSON what a server needs in its environment to use it and
//! the directory its objects lie in, and ends when standard input closes.
#![expect(clippy::print_stdout, reason = "a program for another program prints")]

use std::collections::BTreeMap;
use std::io::Read;

use clerestory_testkit::bucket::{LocalS3, environment};
use serde_json::json;

fn main() {
    let bucket = LocalS3::start();
    let environment: BTreeMap<_, _> = environment(bucket.address(), "test").into_iter().collect();
    println!("{}", json!({ "environment": environment, "directory": bucket.file("", "") }));
    let mut rest = Vec::new();
    // Whatever ends the input ends the bucket.
    drop(std::io::stdin().read_to_end(&mut rest));
}
