//! Does confined work for tests, as the server does when it is started for that. Started with `ask`, it is somebody who
//! asks for work that never ends, to be killed.

use std::process::ExitCode;

use bytes::Bytes;
use clerestory_confine::{Confined, Kind};

fn main() -> ExitCode {
    if let Some(status) = clerestory_confine::serve_if_asked() {
        return status;
    }
    if std::env::args().nth(1).as_deref() != Some("ask") {
        eprintln!("this program does confined work only: tests start it");
        return ExitCode::FAILURE;
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let confined = Confined::by(std::env::current_exe().expect("this program"));
    match runtime.block_on(confined.run(Kind::Trial, Bytes::from_static(b"hang"))) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
