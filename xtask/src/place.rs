//! Where things are: the repository, the target folder, the programs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, Outcome};

/// The paths every command needs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
}

impl Place {
    /// Found through what `cargo run` tells its program, else from the current folder up.
    pub(crate) fn find() -> Outcome<Self> {
        let start =
            std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(std::env::current_dir, |dir| Ok(dir.into()));
        let start = start.map_err(|error| Failure(format!("The current folder cannot be read: {error}.")))?;
        let root = start
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file())
            .ok_or_else(|| Failure::new("Run this inside the Clerestory repository."))?
            .to_owned();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => std::path::absolute(PathBuf::from(dir))
                .map_err(|error| Failure(format!("CARGO_TARGET_DIR cannot be used: {error}.")))?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    pub(crate) fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// What xtask itself keeps: logs, stamps, tools, the Python environment.
    pub(crate) fn own(&self) -> PathBuf {
        self.target.join("xtask")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.own().join("logs")
    }

    /// A binary of the workspace, as built under `profile`.
    pub(crate) fn binary(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
    }

    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = Command::new(cargo());
        command.args(args).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        // What `cargo run` set for xtask is not meant for what xtask starts.
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_MANIFEST_PATH");
        command
    }

    pub(crate) fn npm(&self, args: &[&str]) -> Command {
        let npm = if cfg!(windows) { "npm.cmd" } else { "npm" };
        let mut command = Command::new(npm);
        command.args(args).current_dir(self.web());
        command
    }

    pub(crate) fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        command.arg(self.root.join(script)).current_dir(self.web());
        command
    }
}

fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Reads a text file, naming it when that fails.
pub(crate) fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure(format!("{} cannot be read: {error}.", path.display())))
}

/// Writes a file and the folders above it, naming it when that fails.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Outcome {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| std::fs::write(path, bytes))
        .map_err(|error| Failure(format!("{} cannot be written: {error}.", path.display())))
}
