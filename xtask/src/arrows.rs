//! The arrows between our crates: each uses only crates further up, as the table in ARCHITECTURE.md orders
//! them, and only three crates may use the half of `keys` that opens keys.
//!
//! Cargo already refuses circles; it does not refuse a shortcut such as `store` calling `vault`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::place::{self, Place};
use crate::{Failure, Outcome};

/// Top to bottom. A crate may use crates of rows above its own; crates that share a row never
/// use each other. Names are folders of `crates/`. A crate that is not here is refused until
/// somebody decides where it belongs.
const ROWS: &[&[&str]] = &[
    &["model"],
    &["seal"],
    &["settings"],
    &["sql"],
    &["jobs", "confine", "media"],
    &["keys"],
    &["custody"],
    &["store"],
    &["audit"],
    &["access"],
    &["vault"],
    &["notices"],
    &["identity"],
    &["intake", "playback", "coaching", "insight", "live", "lifecycle"],
    &["http"],
    &["api"],
    &["trust"],
    &["clerestory"],
    &["testkit", "agent"],
];

/// Crates that know nothing of ours.
const WITHOUT_DOMAIN: &[&str] = &["http", "confine", "media"];

/// Nothing that ships may use these.
const LAST: &[&str] = &["testkit", "agent"];

/// The module of `keys` that opens what is wrapped, and who may name it.
const UNWRAPPING: &str = "unwrapping";
const MAY_UNWRAP: &[&str] = &["keys", "vault", "access", "audit"];

/// Checks the repository's crates.
pub(crate) fn run(place: &Place) -> Outcome {
    let note = check(&place.root)?;
    println!("Crate arrows: {note}.");
    Ok(())
}

/// The check itself; says how much it looked at.
pub(crate) fn check(root: &Path) -> Outcome<String> {
    let crates = read_crates(&root.join("crates"))?;
    let mut wrongs = wrong_arrows(&crates);
    for found in crates.values() {
        wrongs.extend(wrong_sources(found)?);
    }
    if wrongs.is_empty() {
        let arrows: usize = crates.values().map(|found| found.uses.len()).sum();
        return Ok(format!("{} crates, {arrows} arrows", crates.len()));
    }
    Err(Failure(format!(
        "{}\nWhere a crate belongs is decided in ARCHITECTURE.md (The crates) and listed in xtask/src/arrows.rs.",
        wrongs.join("\n")
    )))
}

struct Crate {
    name: String,
    folder: PathBuf,
    /// Normal and build dependencies of ours.
    uses: Vec<String>,
    /// Dependencies for tests; unrestricted, but tests may not open keys either.
    tests_use: Vec<String>,
}

fn read_crates(folder: &Path) -> Outcome<BTreeMap<String, Crate>> {
    let mut crates = BTreeMap::new();
    for folder in entries(folder)? {
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            continue;
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (uses, tests_use) = our_dependencies(&place::read(&manifest)?);
        crates.insert(name.clone(), Crate { name, folder, uses, tests_use });
    }
    if crates.is_empty() {
        return Err(Failure(format!("{} holds no crates.", folder.display())));
    }
    Ok(crates)
}

/// What stands in a folder, sorted.
fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let unreadable =
        |error: std::io::Error| Failure(format!("{} cannot be read: {error}.", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Our crates a manifest names: (normal and build, development). Understands the forms Cargo
/// allows for a dependency table: `[dependencies]`, `[target.'…'.dependencies]`,
/// `[dependencies.name]`, and a renamed one with `package = "name"`.
fn our_dependencies(manifest: &str) -> (Vec<String>, Vec<String>) {
    let (mut normal, mut tests) = (Vec::new(), Vec::new());
    let mut table = Table::Other;
    for line in manifest.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let mut named = Vec::new();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = Table::of(header);
            named.extend(header.rsplit('.').next().and_then(our_name));
        } else {
            let key = line.split(['.', '=', ' ']).next().unwrap_or_default();
            named.extend(our_name(key));
            if let Some((_, value)) = line.split_once("package") {
                named.extend(value.split('"').nth(1).and_then(our_name));
            }
        }
        let list = match table {
            Table::Normal => &mut normal,
            Table::Tests => &mut tests,
            Table::Other => continue,
        };
        for name in named {
            if !list.contains(&name) {
                list.push(name);
            }
        }
    }
    (normal, tests)
}

#[derive(Clone, Copy)]
enum Table {
    Normal,
    Tests,
    Other,
}

impl Table {
    fn of(header: &str) -> Self {
        let words: Vec<&str> = header.split('.').map(str::trim).collect();
        if words.contains(&"dev-dependencies") {
            Self::Tests
        } else if words.contains(&"dependencies") || words.contains(&"build-dependencies") {
            Self::Normal
        } else {
            Self::Other
        }
    }
}

/// `clerestory-vault` as `vault`; the binary's own package is called as its folder.
fn our_name(package: &str) -> Option<String> {
    let package = package.trim().trim_matches(['"', '\'']);
    if package == "clerestory" {
        return Some(package.to_owned());
    }
    package.strip_prefix("clerestory-").map(str::to_owned)
}

fn row(name: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&name))
}

fn wrong_arrows(crates: &BTreeMap<String, Crate>) -> Vec<String> {
    let mut wrongs = Vec::new();
    for Crate { name, uses, .. } in crates.values() {
        let Some(own) = row(name) else {
            wrongs.push(format!("crates/{name} has no place in the order of crates."));
            continue;
        };
        for used in uses {
            let why = match row(used) {
                None => Some("which has no place in the order of crates"),
                _ if WITHOUT_DOMAIN.contains(&name.as_str()) => Some("but must know none of our crates"),
                _ if LAST.contains(&used.as_str()) => Some("which is for tests or for itself only"),
                Some(other) if other == own => Some("which stands beside it; siblings never use each other"),
                Some(other) if other > own => Some("which stands below it"),
                Some(_) => None,
            };
            if let Some(why) = why {
                wrongs.push(format!("crates/{name} uses {used}, {why}."));
            }
        }
    }
    wrongs
}

/// Names of the unwrapping module where it must not be named. A crate that depends on `keys` may
/// not use the word at all outside comments and strings: that also catches imports in braces,
/// globs and renames.
fn wrong_sources(found: &Crate) -> Outcome<Vec<String>> {
    let mut wrongs = Vec::new();
    let uses_keys = found.uses.iter().chain(&found.tests_use).any(|used| used == "keys");
    let is_keys = found.name == "keys";
    if !is_keys && (!uses_keys || MAY_UNWRAP.contains(&found.name.as_str())) {
        return Ok(wrongs);
    }
    for file in rust_files(&found.folder)? {
        let code = without_comments_and_strings(&place::read(&file)?);
        if is_keys {
            let exported =
                code.split(';').any(|item| has_word(item, "pub use") && has_word(item, UNWRAPPING));
            if exported {
                wrongs.push(format!(
                    "{} exports from its {UNWRAPPING} module; callers must name the module itself.",
                    file.display()
                ));
            }
        } else if has_word(&code, UNWRAPPING) {
            wrongs.push(format!(
                "{} names clerestory_keys::{UNWRAPPING}; only vault, access and audit may open keys.",
                file.display()
            ));
        }
    }
    Ok(wrongs)
}

fn rust_files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Whether `text` holds `word` with no identifier character on either side.
fn has_word(text: &str, word: &str) -> bool {
    let part_of_name = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, rest) = text.split_at(at);
        let after = rest.get(word.len()..).unwrap_or_default();
        !part_of_name(before.chars().next_back()) && !part_of_name(after.chars().next())
    })
}

/// Rust code with line comments, block comments and plain strings blanked. Raw strings and
/// character literals are left as they are; at worst a quote inside one hides the rest of a line's
/// string, never an import.
fn without_comments_and_strings(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut depth = 0_usize;
    for line in source.lines() {
        let mut rest = line;
        while !rest.is_empty() {
            if depth > 0 {
                let end = rest.find("*/");
                let start = rest.find("/*");
                match (start, end) {
                    (Some(start), end) if end.is_none_or(|end| start < end) => {
                        depth += 1;
                        rest = rest.get(start + 2..).unwrap_or_default();
                    }
                    (_, Some(end)) => {
                        depth -= 1;
                        rest = rest.get(end + 2..).unwrap_or_default();
                    }
                    _ => rest = "",
                }
                continue;
            }
            let stops = [rest.find("//"), rest.find("/*"), rest.find('"')];
            let Some(stop) = stops.into_iter().flatten().min() else {
                code.push_str(rest);
                break;
            };
            let (kept, tail) = rest.split_at(stop);
            code.push_str(kept);
            if tail.starts_with("//") {
                break;
            }
            if let Some(inside) = tail.strip_prefix("/*") {
                depth = 1;
                rest = inside;
            } else {
                rest = after_string(tail);
            }
        }
        code.push('\n');
    }
    code
}

/// What follows the string literal `text` begins with, on the same line.
fn after_string(text: &str) -> &str {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return text.get(at + 1..).unwrap_or_default(),
            _ => escaped = false,
        }
    }
    ""
}

#[cfg(test)]
mod tests;
