//! Programs from outside: what must be there, what `--install` may fetch.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::place::{self, Place};
use crate::steps::Steps;
use crate::{Failure, Outcome};

/// Vite's floor, and ours.
const NODE_AT_LEAST: (u32, u32) = (20, 19);

/// The Python packages of the independent checks.
const PYTHON_PACKAGES: [&str; 5] = [
    "tink==1.16.1",
    "cryptography==50.0.2",
    "zstandard==0.25.0",
    "moto[s3,server]==5.2.5",
    "aiosmtpd==1.4.6",
];

/// Microsoft's own imitation of Azure Blob Storage.
const AZURITE: &str = "3.37.0";

const CARGO_DENY: &str = "0.20.2";

/// Node, npm and a C compiler; xtask never installs Node.
pub(crate) fn prerequisites() -> Outcome<String> {
    let node = output("node", &["--version"]).ok_or_else(|| {
        Failure::new(
            "Node is not installed. Install Node 20.19 or newer (https://nodejs.org), then run this again.",
        )
    })?;
    let version = node_version(&node)
        .ok_or_else(|| Failure(format!("`node --version` says `{node}`, which is not understood.")))?;
    let (major, minor) = NODE_AT_LEAST;
    if version < NODE_AT_LEAST {
        return Err(Failure(format!(
            "Node {node} is too old: {major}.{minor} or newer is needed. Install a newer one (https://nodejs.org), then run this again."
        )));
    }
    let npm = output(if cfg!(windows) { "npm.cmd" } else { "npm" }, &["--version"]).ok_or_else(|| {
        Failure::new(
            "npm is not installed. It comes with Node from https://nodejs.org; Debian has it as package npm.",
        )
    })?;
    if cfg!(unix) && output("cc", &["--version"]).is_none() {
        return Err(Failure::new(
            "There is no C compiler (`cc`). AWS-LC, SQLite and zstd are compiled from C. On Debian: apt-get install build-essential.",
        ));
    }
    Ok(format!("node {node}, npm {npm}"))
}

/// The programs of a PostgreSQL server, where Debian puts them or in the path.
fn has_postgres() -> bool {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let found = versions.map(|version| version.path().join("bin/initdb")).any(|program| program.exists());
    found || output("initdb", &["--version"]).is_some()
}

pub(crate) fn chromium() -> Outcome<String> {
    output("chromium", &["--version"]).ok_or_else(|| {
        Failure::new(
            "Chromium is missing. Run `cargo xtask test --install`, or on Debian: apt-get install chromium.",
        )
    })
}

/// Standard output of a program that ended well, trimmed.
fn output(program: &str, args: &[&str]) -> Option<String> {
    let done = Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

/// `v20.20.2` as (20, 20).
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// What the full check needs beyond Rust and Node.
pub(crate) struct Lacking {
    debian: Vec<&'static str>,
    python: bool,
    azurite: bool,
    cargo_deny: bool,
}

impl Lacking {
    pub(crate) fn look(place: &Place) -> Self {
        let mut debian = Vec::new();
        if output("chromium", &["--version"]).is_none() {
            debian.push("chromium");
        }
        if output("python3", &["--version"]).is_none() {
            debian.push("python3");
        }
        if output("python3", &["-c", "import venv, ensurepip"]).is_none() {
            debian.push("python3-venv");
        }
        // What plays say of pictures and sound is held against it.
        if output("ffprobe", &["-version"]).is_none() {
            debian.push("ffmpeg");
        }
        // A whole screen is there to be recorded only where there is one.
        if output("which", &["Xvfb"]).is_none() {
            debian.push("xvfb");
        }
        if !has_postgres() {
            debian.push("postgresql");
        }
        Self {
            debian,
            python: !python_is_ready(place),
            azurite: !azurite_is_ready(place),
            cargo_deny: cargo_deny(place).is_none(),
        }
    }

    fn nothing(&self) -> bool {
        self.debian.is_empty() && !self.python && !self.azurite && !self.cargo_deny
    }

    /// What is missing, one line each, with the way to get it by hand.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.debian.is_empty() {
            lines.push(format!("Debian packages: {}", self.debian.join(" ")));
        }
        if self.python {
            lines.push(format!(
                "Python packages in an environment of their own: {}",
                PYTHON_PACKAGES.join(" ")
            ));
        }
        if self.azurite {
            lines.push(format!(
                "Azurite {AZURITE}, in a directory of its own (`npm install azurite@{AZURITE}`)"
            ));
        }
        if self.cargo_deny {
            lines.push(format!(
                "cargo-deny {CARGO_DENY} (`cargo install cargo-deny --locked --version {CARGO_DENY}`)"
            ));
        }
        lines
    }

    /// Installs what is missing, or names it.
    pub(crate) fn settle(&self, place: &Place, steps: &Steps, install: bool) -> Outcome {
        if self.nothing() {
            return Ok(());
        }
        if !install {
            return Err(Failure(format!(
                "These are missing:\n  {}\nRun `cargo xtask test --install` to install them.",
                self.lines().join("\n  ")
            )));
        }
        if !self.debian.is_empty() {
            steps.run("Debian package lists", &mut apt(&["update"]))?;
            let mut install = vec!["install", "--yes"];
            install.extend(&self.debian);
            steps.run("Debian packages", &mut apt(&install))?;
        }
        if self.python {
            install_python(place, steps)?;
        }
        if self.azurite {
            install_azurite(place, steps)?;
        }
        if self.cargo_deny {
            install_cargo_deny(place, steps)?;
        }
        Ok(())
    }
}

/// apt-get, through sudo unless this is root already.
fn apt(args: &[&str]) -> Command {
    let root = output("id", &["-u"]).is_some_and(|id| id == "0");
    let mut command = Command::new(if root { "apt-get" } else { "sudo" });
    if !root {
        command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    }
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn venv(place: &Place) -> PathBuf {
    place.own().join("venv")
}

/// The interpreter of the environment with the independent checks' packages.
pub(crate) fn python(place: &Place) -> PathBuf {
    venv(place).join("bin/python")
}

fn python_stamp(place: &Place) -> PathBuf {
    venv(place).join("clerestory-packages")
}

fn python_is_ready(place: &Place) -> bool {
    let stamped =
        std::fs::read_to_string(python_stamp(place)).is_ok_and(|text| text == PYTHON_PACKAGES.join("\n"));
    stamped
        && runs(
            &python(place),
            &["-c", "import tink, cryptography, zstandard, moto.server, aiosmtpd.controller"],
        )
}

fn install_python(place: &Place, steps: &Steps) -> Outcome {
    let mut create = Command::new("python3");
    steps.run("Python environment", create.args(["-m", "venv", "--clear"]).arg(venv(place)))?;
    let mut install = Command::new(python(place));
    install
        .args(["-m", "pip", "install", "--disable-pip-version-check", "--only-binary", ":all:"])
        .args(PYTHON_PACKAGES);
    steps.run("Python packages", &mut install)?;
    place::write(&python_stamp(place), PYTHON_PACKAGES.join("\n").as_bytes())
}

fn azurite_place(place: &Place) -> PathBuf {
    place.own().join("azurite")
}

/// The program that serves blobs.
pub(crate) fn azurite(place: &Place) -> PathBuf {
    azurite_place(place).join("node_modules/.bin/azurite-blob")
}

fn azurite_is_ready(place: &Place) -> bool {
    // The program itself tells the version of a part of it.
    let told = std::fs::read_to_string(azurite_place(place).join("node_modules/azurite/package.json"));
    told.is_ok_and(|told| told.contains(&format!("\"version\": \"{AZURITE}\""))) && azurite(place).exists()
}

fn install_azurite(place: &Place, steps: &Steps) -> Outcome {
    let directory = azurite_place(place);
    // Of its own, so that it is no part of what `web/` is made of.
    place::write(&directory.join("package.json"), br#"{ "private": true }"#)?;
    let mut install = place.npm(&["install", "--no-audit", "--no-fund", &format!("azurite@{AZURITE}")]);
    steps.run("Azurite", install.current_dir(directory))
}

fn runs(program: &Path, args: &[&str]) -> bool {
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

/// cargo-deny of the wanted version: installed by an earlier run, else from the PATH.
pub(crate) fn cargo_deny(place: &Place) -> Option<PathBuf> {
    let own = place.own().join("tools/bin/cargo-deny");
    [own, PathBuf::from("cargo-deny")].into_iter().find(|program| {
        let said = Command::new(program).arg("--version").stdin(Stdio::null()).output();
        said.is_ok_and(|said| {
            String::from_utf8_lossy(&said.stdout).trim() == format!("cargo-deny {CARGO_DENY}")
        })
    })
}

/// Built without optimisation: it checks for seconds and would compile for minutes.
fn install_cargo_deny(place: &Place, steps: &Steps) -> Outcome {
    let build = place.own().join("tools-build");
    let mut install =
        place.cargo(&["install", "cargo-deny", "--locked", "--debug", "--version", CARGO_DENY, "--root"]);
    install
        .arg(place.own().join("tools"))
        .env("CARGO_TARGET_DIR", &build)
        .env("CARGO_PROFILE_DEV_DEBUG", "0");
    steps.run("cargo-deny", &mut install)?;
    // Only disk space is lost if this fails.
    let _ = std::fs::remove_dir_all(build);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_versions_compare_as_numbers() {
        assert_eq!(node_version("v20.20.2"), Some((20, 20)));
        assert!(node_version("v20.9.0").unwrap() < NODE_AT_LEAST);
        assert!(node_version("v22.0.0").unwrap() >= NODE_AT_LEAST);
        assert_eq!(node_version("nonsense"), None);
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_installed_without_leave() {
        let place = Place { root: "/nonexistent".into(), target: "/nonexistent/target".into() };
        let lacking = Lacking { debian: vec!["chromium"], python: true, azurite: true, cargo_deny: true };
        let steps = Steps::new(place.logs());
        let Failure(text) = lacking.settle(&place, &steps, false).unwrap_err();
        for word in ["chromium", "tink==1.16.1", "cargo-deny 0.20.2", "--install"] {
            assert!(text.contains(word), "{text}");
        }
        let lacking = Lacking { debian: vec![], python: false, azurite: false, cargo_deny: false };
        assert!(lacking.settle(&place, &steps, false).is_ok());
    }
}
