//! The page a person opens, and the same as data: plain, complete in itself, without a script or an address outside.

use std::fmt::Write as _;
use std::io::{Cursor, Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde_json::Value;

use super::about::About;
use super::archive::Cut;
use super::recording::{Told, ToldTrack};

const STYLE: &str = include_str!("page.css");

/// What the recordings are listed as, packed: the page and the data name each, and there may be very many.
pub(super) struct Listed {
    html: DeflateEncoder<Vec<u8>>,
    json: DeflateEncoder<Vec<u8>>,
    count: u64,
}

impl Listed {
    pub(super) fn new() -> Self {
        Self { html: packer(), json: packer(), count: 0 }
    }

    pub(super) fn add(&mut self, told: &Told) -> Result<(), Cut> {
        if self.count > 0 {
            self.json.write_all(b",\n")?;
        }
        self.count += 1;
        serde_json::to_writer(&mut self.json, told)?;
        self.html.write_all(recording(told).as_bytes())?;
        Ok(())
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The rows of the page, once.
    pub(super) fn html(&mut self) -> Result<impl Read + Send + use<>, Cut> {
        unpacked(&mut self.html)
    }

    /// The items of the data, once.
    pub(super) fn json(&mut self) -> Result<impl Read + Send + use<>, Cut> {
        unpacked(&mut self.json)
    }
}

fn packer() -> DeflateEncoder<Vec<u8>> {
    DeflateEncoder::new(Vec::new(), Compression::fast())
}

fn unpacked(packed: &mut DeflateEncoder<Vec<u8>>) -> Result<DeflateDecoder<Cursor<Vec<u8>>>, Cut> {
    let packed = std::mem::replace(packed, packer()).finish()?;
    Ok(DeflateDecoder::new(Cursor::new(packed)))
}

/// What stands before and behind the recordings in `data.json`.
pub(super) fn data(about: &About, hidden: u64) -> Result<(Vec<u8>, Vec<u8>), Cut> {
    let mut head = b"{\"format\":\"clerestory-export 1\",\"about\":".to_vec();
    serde_json::to_writer(&mut head, about)?;
    write!(head, ",\n\"recordings_nobody_sees\":{hidden},\n\"recordings\":[\n")?;
    Ok((head, b"\n]}\n".to_vec()))
}

pub(super) fn readme(about: &About) -> String {
    format!(
        "What {organisation} holds about {label}, as of {made_at} (UTC).\n\n\
         index.html   a page to read; open it in any browser. It loads nothing from anywhere.\n\
         data.json    the same for programs.\n\
         picture.jpg  the picture of the account, if it has one.\n\
         recordings/  what recordings show, one JSON array of events for each track (the format of rrweb), where it was\n\
         \x20            asked for and may be handed out.\n\n\
         This file is in nobody's keeping but yours: it is not sealed any more.\n",
        organisation = about.organisation,
        label = about.label,
        made_at = about.made_at,
    )
}

/// What stands before and behind the recordings on the page.
pub(super) fn html(about: &About, hidden: u64, recordings: u64) -> (String, String) {
    let mut head = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>What is held about {label}</title><style>{STYLE}</style></head><body>\n\
         <h1>What {organisation} holds about {label}</h1>\n\
         <p>As of {made_at}. Times are in UTC. The same stands in <a href=\"data.json\">data.json</a>, for programs.</p>\n",
        label = escaped(&about.label),
        organisation = escaped(&about.organisation),
        made_at = time(&about.made_at),
    );
    if let Some(account) = &about.account {
        head.push_str("<h2>Account</h2>\n");
        let roles = account.roles.join(", ");
        let reports_to = account.reports_to.as_deref().unwrap_or("nobody");
        facts(
            &mut head,
            &[
                ("Name", &account.name),
                ("Address", &account.email),
                ("Roles", &roles),
                ("State", &account.state),
                ("Since", &time(&account.since)),
                ("Reports to", reports_to),
                ("Picture", account.picture.unwrap_or("none")),
            ],
        );
    }
    if !about.sessions.is_empty() {
        head.push_str("<h2>Sessions that run</h2>\n");
        let rows = about.sessions.iter().map(|session| {
            [
                time(&session.began_at),
                time(&session.last_used_at),
                session.browser.clone(),
                session.signed_in_by.clone(),
            ]
        });
        table(&mut head, &["Began", "Last used", "Browser", "Signed in by"], rows);
    }
    head.push_str("<h2>Recordings</h2>\n");
    let _ = writeln!(head, "<p>{}</p>", how_many(recordings, hidden));
    let mut tail = String::from("<h2>Settings in force</h2>\n");
    let rows = about
        .settings
        .iter()
        .map(|setting| [setting.name.clone(), says(&setting.value), setting.means.replace('`', "")]);
    table(&mut tail, &["Setting", "Says", "What it is for"], rows);
    let _ = writeln!(
        tail,
        "<p class=\"soft\">Request {} of {}; this file was handed out by entry {} of the audit log.</p></body></html>",
        about.request,
        time(&about.asked_at),
        about.entry,
    );
    (head, tail)
}

fn how_many(recordings: u64, hidden: u64) -> String {
    let mut told = match recordings {
        0 => "No recording is about you.".to_owned(),
        1 => "One recording is about you.".to_owned(),
        more => format!("{more} recordings are about you, the newest first."),
    };
    if hidden > 0 {
        let _ = write!(
            told,
            " {hidden} more were deleted and are not erased yet, or are kept by a legal hold; nobody sees those."
        );
    }
    told
}

fn recording(told: &Told) -> String {
    let item = &told.item;
    let summary = item.summary.as_ref();
    let title = summary.and_then(|summary| summary.title.as_deref()).unwrap_or("Untitled");
    let mut html = format!("<article id=\"{}\"><h3>{}</h3>\n", item.id, escaped(title));
    let ended = item.ended_at.as_deref().map_or_else(|| "goes on".to_owned(), time);
    let kept_until = item.kept_until.as_deref().map_or_else(String::new, time);
    let site = item.site.as_ref().map_or("", |site| site.name.as_str());
    let seconds = format!("{} s", item.duration_us / 1_000_000);
    let bytes = format!("{} bytes", item.size_bytes);
    let url = summary.and_then(|summary| summary.url.as_deref()).unwrap_or("");
    let began = time(&item.started_at);
    let mut rows = vec![
        ("Kind", item.source.as_str()),
        ("Site", site),
        ("Address", url),
        ("Began", &began),
        ("Ended", &ended),
        ("Lasted", &seconds),
        ("Size", &bytes),
        ("Kept until", &kept_until),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    facts(&mut html, &rows);
    for track in &told.tracks {
        html.push_str(&shows(track));
    }
    if told.viewers.is_empty() {
        html.push_str("<p>Nobody looked at it.</p>\n");
    } else {
        let rows = told.viewers.iter().map(|viewer| {
            let watched = format!("{} s", viewer.watched_us / 1_000_000);
            let reason = viewer.reason.clone().unwrap_or_default();
            [viewer.person.name.clone(), time(&viewer.started_at), watched, reason]
        });
        table(&mut html, &["Who looked", "When", "How long", "Why"], rows);
    }
    if !told.refused.is_empty() {
        let rows = told.refused.iter().map(|entry| {
            [entry.actor.name.clone().unwrap_or_default(), time(&entry.time), entry.action.clone()]
        });
        table(&mut html, &["Who was refused", "When", "What they tried"], rows);
    }
    html.push_str("</article>\n");
    html
}

fn shows(track: &ToldTrack) -> String {
    let kind = escaped(&track.kind);
    match (&track.file, &track.left_out) {
        (Some(file), _) => {
            let missing = match track.missing.len() {
                0 => String::new(),
                some => format!(" {some} of its segments could not be read, or were erased meanwhile."),
            };
            format!("<p>What it shows ({kind}): <a href=\"{file}\">{file}</a>.{missing}</p>\n")
        }
        (None, Some(why)) => format!("<p>What it shows ({kind}) is not here. {}</p>\n", escaped(why)),
        (None, None) => String::new(),
    }
}

fn facts(html: &mut String, rows: &[(&str, &str)]) {
    html.push_str("<dl>");
    for (name, value) in rows {
        let _ = write!(html, "<dt>{name}</dt><dd>{}</dd>", escaped(value));
    }
    html.push_str("</dl>\n");
}

fn table<const N: usize>(html: &mut String, heads: &[&str; N], rows: impl Iterator<Item = [String; N]>) {
    html.push_str("<table><thead><tr>");
    for head in heads {
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("</tr></thead><tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            let _ = write!(html, "<td>{}</td>", breakable(&escaped(&cell)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody></table>\n");
}

/// Long words of programs may end a line after each of their parts: nothing else fits a phone.
fn breakable(html: &str) -> String {
    html.replace('.', ".<wbr>").replace('_', "_<wbr>").replace('/', "/<wbr>")
}

/// What a setting says, as people read it: `90 days` for `P90D`, `yes` for `true`.
fn says(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(word) => length(word).unwrap_or_else(|| word.clone()),
        other => other.to_string(),
    }
}

/// A length of time that is written with one number and one unit (ISO 8601-1:2019, 5.5.2).
fn length(word: &str) -> Option<String> {
    let written = word.strip_prefix('P')?;
    let (digits, unit) = match written.strip_prefix('T') {
        Some(clock) => match clock.split_at_checked(clock.len().checked_sub(1)?)? {
            (digits, "H") => (digits, "hour"),
            (digits, "M") => (digits, "minute"),
            (digits, "S") => (digits, "second"),
            _ => return None,
        },
        None => match written.split_at_checked(written.len().checked_sub(1)?)? {
            (digits, "D") => (digits, "day"),
            (digits, "M") => (digits, "month"),
            (digits, "Y") => (digits, "year"),
            _ => return None,
        },
    };
    let count: u32 = digits.parse().ok()?;
    Some(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }))
}

/// A time as people read it, to the minute.
fn time(at: &str) -> String {
    let (day, rest) = at.split_once('T').unwrap_or((at, ""));
    format!("{day} {}", rest.get(..5).unwrap_or_default())
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::says;

    #[test]
    fn settings_are_told_in_words() {
        let told = |value| says(&value);
        assert_eq!([told(json!(true)), told(json!(false))], ["yes", "no"]);
        assert_eq!(
            [told(json!("P90D")), told(json!("P1M")), told(json!("PT12H"))],
            ["90 days", "1 month", "12 hours"]
        );
        // What is no length of time stays as it is.
        assert_eq!(
            [told(json!("off")), told(json!("P")), told(json!("PT")), told(json!("P1DT2H"))],
            ["off", "P", "PT", "P1DT2H"]
        );
        assert_eq!(told(json!(3)), "3");
    }
}
