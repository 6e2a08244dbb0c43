//! Starts a PostgreSQL for the tests, prints its address and on a line of its own the
//! directory of its files, and ends it when standard input closes: what starts this
//! program may die in any way, and no server is left behind.
#![expect(clippy::print_stdout, reason = "a program for another program prints")]

use std::io::Read;
use std::process::ExitCode;

use clerestory_testkit::postgres::Server;

#[tokio::main]
async fn main() -> ExitCode {
    match Server::start().await {
        Ok(server) => {
            // In one piece: whoever wants the address alone may stop to listen after it.
            let told = format!("{}\n{}\n", server.address(), server.data().display());
            print!("{told}");
            let mut rest = Vec::new();
            // Whatever ends the input ends the server.
            drop(std::io::stdin().read_to_end(&mut rest));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
