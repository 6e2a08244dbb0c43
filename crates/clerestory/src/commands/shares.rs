//! `admin shares`: the root key in several hands.
//!
//! A share is shown once, on a terminal, and typed back before the next one is; it is never an argument, and never in a
//! log. Where there is no terminal, shares are written to files of which each is read by its owner alone.

use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Subcommand;
use clerestory_keys::{Care, RootFile, RootShare};
use zeroize::Zeroizing;

use super::admin::on_record;
use super::{Installation, say};

#[derive(Subcommand)]
pub(super) enum Shares {
    /// Splits the root key: any NEEDED of the OF shares give it back, fewer tell nothing about it.
    Make {
        #[command(flatten)]
        installation: Installation,
        /// How many shares open the root, 2 at least.
        #[arg(long)]
        needed: u8,
        /// How many shares there are.
        #[arg(long)]
        of: u8,
        /// Write each share to a file of its own in this directory instead of showing it; nothing is typed back.
        #[arg(long, value_name = "DIR")]
        to_files: Option<PathBuf>,
        /// Show shares and read them back also where there is no terminal.
        #[arg(long, conflicts_with = "to_files")]
        without_terminal: bool,
    },
    /// Reads shares and says of each whether it is sound, and whether they open the root of the installation.
    Check {
        #[command(flatten)]
        installation: Installation,
        #[command(flatten)]
        shares: Given,
    },
}

/// Shares that somebody gives: in files, or a line each on standard input.
#[derive(clap::Args)]
pub(super) struct Given {
    /// File with a share on its first line; once for each. Without any, shares are read from standard input, one on
    /// each line, up to an empty line.
    #[arg(long, value_name = "FILE")]
    share_file: Vec<PathBuf>,
}

/// Shares as they were given.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) sound: Vec<RootShare>,
    /// What there is to say of each that is sound.
    told: Vec<String>,
    /// What is wrong with each that is not.
    pub(super) unsound: Vec<String>,
}

impl Given {
    /// The shares. One that is not sound is named and is not among them.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn read(&self) -> anyhow::Result<Sorted> {
        let mut sorted = Sorted::default();
        for (name, line) in self.lines()? {
            match line.parse::<RootShare>() {
                Ok(share) => {
                    let (number, needed) = (share.number(), share.needed());
                    sorted.told.push(format!("{name}: sound; number {number}, {needed} are needed"));
                    sorted.sound.push(share);
                }
                Err(error) => sorted.unsound.push(format!("{name}: {error}")),
            }
        }
        Ok(sorted)
    }

    fn lines(&self) -> anyhow::Result<Vec<(String, Zeroizing<String>)>> {
        let mut lines = Vec::new();
        for path in &self.share_file {
            let text = std::fs::read_to_string(path).map(Zeroizing::new);
            let text = text.with_context(|| format!("reading the share file {}", path.display()))?;
            let line = text.lines().next().unwrap_or_default().trim().to_owned();
            lines.push((path.display().to_string(), Zeroizing::new(line)));
        }
        if self.share_file.is_empty() {
            for number in 1.. {
                let mut line = Zeroizing::new(String::new());
                if std::io::stdin().lock().read_line(&mut line)? == 0 || line.trim().is_empty() {
                    break;
                }
                lines.push((format!("share {number}"), Zeroizing::new(line.trim().to_owned())));
            }
        }
        Ok(lines)
    }
}

impl Shares {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Make { installation, needed, of, to_files, without_terminal } => {
                let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
                anyhow::ensure!(
                    terminal || without_terminal || to_files.is_some(),
                    "this is no terminal, and whatever is here in its place would keep the shares: run it on one, or \
                     give --to-files"
                );
                make(&installation, needed, of, to_files.as_deref(), terminal).await
            }
            Self::Check { installation, shares } => check(&installation, &shares),
        }
    }
}

async fn make(
    installation: &Installation,
    needed: u8,
    of: u8,
    to_files: Option<&Path>,
    terminal: bool,
) -> anyhow::Result<()> {
    let places = installation.places()?;
    let root = places.open(&installation.protection()?)?;
    let shares = root.shares(needed, of)?;
    let app = installation.open().await?;
    anyhow::ensure!(root.is_root_of(app.vault.keys()), "the root was replaced meanwhile: run this again");
    on_record(&app, "root.shares", |_| Box::pin(async { Ok(()) })).await?;
    match to_files {
        Some(directory) => {
            for share in &shares {
                write(directory, share)?;
            }
        }
        None => show_each(&shares, of, terminal)?,
    }
    let keys = std::sync::Arc::clone(app.vault.keys());
    on_record(&app, "root.shares", move |tx| {
        Box::pin(async move { Ok(keys.note_care(tx, Care::Shares).await?) })
    })
    .await?;
    say(&format!(
        "{of} shares were made; any {needed} of them open the root, {} tell nothing. Give each to another person, and \
         run `clerestory admin drill` with {needed} of them.",
        needed - 1
    ));
    Ok(())
}

fn write(directory: &Path, share: &RootShare) -> anyhow::Result<()> {
    let path = directory.join(format!("share-{}.txt", share.number()));
    let named = || format!("writing the share {}", path.display());
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let mut file = file.with_context(named)?;
    let line = Zeroizing::new(format!("{share}\n"));
    file.write_all(line.as_bytes()).and_then(|()| file.sync_all()).with_context(named)?;
    let kept = Zeroizing::new(std::fs::read_to_string(&path).with_context(named)?);
    anyhow::ensure!(*kept == *line, "{} does not hold what was written", path.display());
    say(&format!("Share {}: {}", share.number(), path.display()));
    Ok(())
}

/// Each is shown once, gone from the screen, and typed back.
fn show_each(shares: &[RootShare], of: u8, terminal: bool) -> anyhow::Result<()> {
    let clear = || {
        if terminal {
            // Screen and what was scrolled away.
            say("\x1b[2J\x1b[3J\x1b[H");
        }
    };
    for share in shares {
        let line = Zeroizing::new(share.to_string());
        clear();
        say(&format!("Share {} of {of}. Write it down; it is shown once. Then press Enter.", share.number()));
        say(&line);
        read_line()?;
        clear();
        say(&format!("Type share {} as you wrote it down:", share.number()));
        while *read_line()? != *line {
            say("That is not what was shown. Look for a letter or digit that differs, and type it again:");
        }
    }
    clear();
    Ok(())
}

fn read_line() -> anyhow::Result<Zeroizing<String>> {
    std::io::stdout().flush()?;
    let mut line = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().read_line(&mut line)?;
    anyhow::ensure!(
        read > 0,
        "it ended before every share was typed back: these shares count as not made; destroy those that were written \
         down, and run it again"
    );
    Ok(Zeroizing::new(line.trim().to_owned()))
}

fn check(installation: &Installation, given: &Given) -> anyhow::Result<()> {
    let Sorted { sound, told, unsound } = given.read()?;
    for sentence in told.iter().chain(&unsound) {
        say(sentence);
    }
    anyhow::ensure!(unsound.is_empty(), "{} of the shares cannot be used", unsound.len());
    let root = RootFile::from_shares(&sound)?;
    let places = installation.places()?;
    if places.root_key().exists() {
        let ours = places.open(&installation.protection()?)?;
        anyhow::ensure!(
            root.is_same(&ours),
            "these shares open a root that is not the one in {}: they are of another installation, or were made \
             before the root was replaced",
            places.root_key().display()
        );
        say("They open the root of this installation.");
    } else {
        say("They open a root; there is no root.key here to compare it with.");
    }
    Ok(())
}
