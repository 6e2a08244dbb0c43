//! `demo`, and the other commands that build something and hand over to it.

use std::process::Command;

use crate::place::Place;
use crate::steps::Steps;
use crate::{Failure, Outcome, place, tools, web};

const DEMO_USAGE: &str = "cargo xtask demo [--port N] [--listen ADDR --content-host NAME] [-- MORE]";

/// Builds web parts and server side by side, then becomes the server.
pub(crate) fn run(place: &Place, args: &[String]) -> Outcome {
    let args = demo_arguments(args)?;
    println!("Clerestory demo. The first build takes a few minutes; later starts take seconds.");
    let steps = Steps::new(place.logs());
    steps.check("node, npm and a C compiler", tools::prerequisites)?;
    web::folders(place)?;
    let web = || {
        web::packages(place, &steps)?;
        web::build(place, &steps)
    };
    let server = || steps.run("server", &mut place.cargo(&BUILD));
    let (web, server) = side_by_side(web, server);
    first_failure(web, server)?;
    // The server embeds what the web builds wrote. Where it was compiled before they ended, this
    // compiles the embedding crate again; usually there is nothing to do.
    steps.run("server with its web parts", &mut place.cargo(&BUILD))?;
    steps.say("starting");
    steps.finish();
    let mut demo = Command::new(place.binary("demo", "clerestory"));
    demo.arg("demo").args(args).current_dir(&place.root);
    become_program(demo)
}

const BUILD: [&str; 6] = ["build", "--locked", "--profile", "demo", "-p", "clerestory"];

/// A typing error should show before the build, not after it.
fn demo_arguments(args: &[String]) -> Outcome<Vec<String>> {
    let mut passed = Vec::new();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let name = arg.split_once('=').map_or(arg.as_str(), |(name, _)| name);
        match name {
            "--" => {
                passed.extend(rest.cloned());
                break;
            }
            "--port" | "--listen" | "--content-host" => {
                passed.push(arg.clone());
                if name.len() == arg.len() {
                    let value = rest
                        .next()
                        .ok_or_else(|| Failure(format!("`{name}` needs a value. Usage: {DEMO_USAGE}")))?;
                    passed.push(value.clone());
                }
            }
            _ => {
                return Err(Failure(format!("`{arg}` is not understood. Usage: {DEMO_USAGE}")));
            }
        }
    }
    Ok(passed)
}

fn side_by_side<A: Send, B>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B,
) -> (std::thread::Result<A>, B) {
    std::thread::scope(|scope| {
        let first = scope.spawn(first);
        let second = second();
        (first.join(), second)
    })
}

/// The failure that came first has a text; the step it stopped has none.
fn first_failure(web: std::thread::Result<Outcome>, server: Outcome) -> Outcome {
    let web = web.unwrap_or_else(|_| {
        Err(Failure::new("Building the web parts failed inside xtask; this is a defect."))
    });
    match (web, server) {
        (Err(Failure(text)), _) if !text.is_empty() => Err(Failure(text)),
        (_, Err(failure)) => Err(failure),
        (web, Ok(())) => web,
    }
}

/// Replaces this process, so that Ctrl-C and signals reach the program itself and its exit code
/// is ours.
fn become_program(mut command: Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        let error = command.exec();
        Err(Failure(format!("{name} could not be started: {error}.")))
    }
    #[cfg(not(unix))]
    {
        match command.status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure(format!("{name} ended with {status}."))),
            Err(error) => Err(Failure(format!("{name} could not be started: {error}."))),
        }
    }
}

/// Records the demo sessions from the demo shop, in Chromium.
pub(crate) fn record_fixtures(place: &Place, args: &[String]) -> Outcome {
    let steps = Steps::new(place.logs());
    steps.check("node, npm and a C compiler", tools::prerequisites)?;
    steps.check("Chromium", tools::chromium)?;
    web::packages(place, &steps)?;
    web::build(place, &steps)?;
    steps.run("server", &mut place.cargo(&["build", "--locked", "-p", "clerestory"]))?;
    steps.say("recording");
    steps.finish();
    let mut script = place.node("web/e2e/record-fixtures.mjs");
    script.args(args).env("CLERESTORY_BIN", place.binary("debug", "clerestory"));
    become_program(script)
}

/// Measures the server, then what a browser sees.
pub(crate) fn bench(place: &Place, args: &[String]) -> Outcome {
    let steps = Steps::new(place.logs());
    steps.check("node, npm and a C compiler", tools::prerequisites)?;
    steps.check("Chromium", tools::chromium)?;
    web::packages(place, &steps)?;
    web::build(place, &steps)?;
    let build = ["build", "--locked", "--release", "-p", "clerestory"];
    let server = place.binary("release", "clerestory");
    // Moved away at once, so that nobody starts it by accident from where the real one is expected.
    let unsealed = place.own().join("identity/clerestory-release");
    let identity = ["--features", "clerestory-seal/identity"];
    steps.run("server that seals nothing, release", place.cargo(&build).args(identity))?;
    place::write(&unsealed, b"")?;
    std::fs::rename(&server, &unsealed)
        .map_err(|error| Failure(format!("{} cannot be moved: {error}.", server.display())))?;
    steps.run("server, release", &mut place.cargo(&build))?;
    steps.run(
        "bench program, release",
        &mut place.cargo(&["build", "--locked", "--release", "-p", "clerestory-testkit", "--bin", "bench"]),
    )?;
    steps.say("measuring; leave the machine alone");
    steps.finish();
    let mut bench = Command::new(place.binary("release", "bench"));
    bench.env("CLERESTORY_UNSEALED_BIN", &unsealed);
    attended(bench.args(args).current_dir(&place.root).env("CLERESTORY_BIN", &server))?;
    attended(place.node("web/e2e/bench.mjs").env("CLERESTORY_BIN", &server))
}

/// Runs a program that talks to the terminal itself.
fn attended(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure(format!("{name} ended with {status}."))),
        Err(error) => Err(Failure(format!("{name} could not be started: {error}."))),
    }
}

/// The long runs.
pub(crate) fn soak(place: &Place, args: &[String]) -> Outcome {
    let steps = Steps::new(place.logs());
    steps.check("node, npm and a C compiler", tools::prerequisites)?;
    web::packages(place, &steps)?;
    web::build(place, &steps)?;
    steps.run("server", &mut place.cargo(&BUILD))?;
    steps.run(
        "soak program",
        &mut place.cargo(&[
            "build",
            "--locked",
            "--profile",
            "demo",
            "-p",
            "clerestory-testkit",
            "--bin",
            "soak",
        ]),
    )?;
    steps.finish();
    let mut soak = Command::new(place.binary("demo", "soak"));
    soak.args(args).current_dir(&place.root).env("CLERESTORY_BIN", place.binary("demo", "clerestory"));
    become_program(soak)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Vec<String>, String> {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        demo_arguments(&args).map_err(|Failure(text)| text)
    }

    #[test]
    fn known_options_pass_and_typing_errors_do_not() {
        assert_eq!(parsed(&["--port", "9000"]).unwrap(), ["--port", "9000"]);
        assert_eq!(parsed(&["--port=9000", "--", "--anything"]).unwrap(), ["--port=9000", "--anything"]);
        assert!(parsed(&["--prot", "9000"]).unwrap_err().contains("--prot"));
        assert!(parsed(&["--listen"]).unwrap_err().contains("needs a value"));
    }

    #[test]
    fn the_failure_that_came_first_is_told() {
        let told = |web: Outcome, server: Outcome| first_failure(Ok(web), server).unwrap_err().0;
        assert_eq!(told(Err(Failure::new("web broke")), Err(Failure::new(""))), "web broke");
        assert_eq!(told(Err(Failure::new("")), Err(Failure::new("server broke"))), "server broke");
        assert!(first_failure(Ok(Ok(())), Ok(())).is_ok());
    }
}
