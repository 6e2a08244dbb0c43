//! What is promised, for anybody: a page and the same as JSON, made from `policies/promises.toml` as it was when the
//! program was built. Open without a session on purpose: it tells of the program, and of nobody in it.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, Router, routing};
use clerestory_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Api;
use crate::hosts::set;
use crate::problem::ApiError;

const PROMISES: &str = include_str!("../../../../policies/promises.toml");
/// The console's token sheet: this page has the same colours, and writes none of its own.
const TOKENS: &str = include_str!("../../../../web/console/src/styles/tokens.css");
const LAYOUT: &str = include_str!("trust.css");

const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The public pages that promises answer, by how their ids begin.
const PAGES: [(&str, &str); 5] = [
    ("FIN", "Recordings of screens and actions"),
    ("VID", "Live events"),
    ("FST", "Replay of web sessions"),
    ("ACT", "Activity on desktops"),
    ("TMB", "Data protection"),
];

/// What no row says, and whoever reads the rows has to know.
const LIMITS: [&str; 5] = [
    "This page tells what the tests of this program prove. It was made when the program was built and measures nothing \
     of this installation: what is in order here and what is not stands under Health in the console.",
    "Whoever rules the machine can change the program, and this page with it. What narrows that: the tests are there \
     for you to run, receipts of erasures are signed, and a checkpoint of the audit log that was saved elsewhere tells \
     whether the log was rewritten since. Nobody outside has audited this program.",
    "Erasing destroys keys. How much that is worth depends on where the secrets of each day lie: on one disk, whoever \
     kept a copy of that whole disk from before can read what was erased with it. Each receipt names its tier and what \
     would defeat it.",
    "Copies that people made are out of reach: a photographed screen, a file that was saved.",
    "What an organisation has to do itself, such as telling people that they are recorded, no program can prove.",
];

static ALL: LazyLock<Result<Promises, toml::de::Error>> = LazyLock::new(|| toml::from_str(PROMISES));

#[derive(Deserialize)]
struct Promises {
    promise: Vec<Promise>,
}

#[derive(Deserialize, Serialize)]
struct Promise {
    seeds: Vec<String>,
    sentence: String,
    feature: String,
    state: State,
    /// What is not there, or not proven.
    #[serde(default)]
    missing: Option<String>,
    #[serde(default)]
    tests: Vec<String>,
}

#[derive(Clone, Copy, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum State {
    Kept,
    Partly,
    Planned,
}

impl State {
    const ALL: [Self; 3] = [Self::Kept, Self::Partly, Self::Planned];

    const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Partly => "partly",
            Self::Planned => "planned",
        }
    }

    const fn means(self) -> &'static str {
        match self {
            Self::Kept => "The tests it names prove the sentence as it stands.",
            Self::Partly => "The tests prove a part; what is missing stands below it.",
            Self::Planned => "Nothing is claimed yet.",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Kept => "Kept",
            Self::Partly => "Partly kept",
            Self::Planned => "Not yet",
        }
    }
}

impl Promises {
    fn count(&self, state: State) -> usize {
        self.promise.iter().filter(|promise| promise.state == state).count()
    }

    /// The promises that answer each page first, in the order of their file. What answers none of them comes last.
    fn groups(&self) -> Vec<(&'static str, Vec<&Promise>)> {
        let page_of = |promise: &Promise| {
            let first = promise.seeds.first().map_or("", String::as_str);
            PAGES.iter().position(|(prefix, _)| first.starts_with(prefix)).unwrap_or(PAGES.len())
        };
        let titles = PAGES.iter().map(|(_, title)| *title).chain(["Of our own accord"]);
        titles
            .enumerate()
            .map(|(at, title)| (title, self.promise.iter().filter(|one| page_of(one) == at).collect()))
            .filter(|(_, promises): &(_, Vec<_>)| !promises.is_empty())
            .collect()
    }
}

#[derive(Serialize)]
struct Told {
    version: &'static str,
    /// The day of the source it was built from, where the build says so.
    source_of: Option<String>,
    kept: usize,
    partly: usize,
    planned: usize,
    limits: [&'static str; 5],
    promises: &'static [Promise],
}

/// The routes. They are no part of the API: nobody signs in for them, and nothing is decided.
pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/trust", routing::get(page))
        .route("/trust.json", routing::get(json))
        .route("/trust.css", routing::get(style))
}

fn unreadable(error: &toml::de::Error) -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "not-built",
        "A part of this build is wrong",
        format!("The list of promises this program was built with cannot be read: {}", error.message()),
        "Build it from a source whose tests pass.",
    )
}

async fn page() -> Result<Response, ApiError> {
    let all = ALL.as_ref().map_err(unreadable)?;
    let mut response = Html(html(all)).into_response();
    set(&mut response, header::CONTENT_SECURITY_POLICY, POLICY);
    Ok(response)
}

async fn json() -> Result<Json<Told>, ApiError> {
    let all = ALL.as_ref().map_err(unreadable)?;
    Ok(Json(Told {
        version: env!("CARGO_PKG_VERSION"),
        source_of: source_of(),
        kept: all.count(State::Kept),
        partly: all.count(State::Partly),
        planned: all.count(State::Planned),
        limits: LIMITS,
        promises: &all.promise,
    }))
}

async fn style() -> Response {
    let mut response = format!("{TOKENS}{LAYOUT}").into_response();
    set(&mut response, header::CONTENT_TYPE, "text/css; charset=utf-8");
    set(&mut response, header::CACHE_CONTROL, "public, max-age=60");
    response
}

/// The day of the source, by the convention of reproducible builds.
fn source_of() -> Option<String> {
    let seconds: i64 = option_env!("SOURCE_DATE_EPOCH")?.parse().ok()?;
    let moment = Timestamp::from_micros(seconds.checked_mul(1_000_000)?).to_string();
    moment.split_once('T').map(|(day, _)| day.to_owned())
}

fn html(all: &Promises) -> String {
    let mut out = String::with_capacity(64 * 1024);
    out.push_str(HEAD);
    top(&mut out, all);
    for (at, (title, promises)) in all.groups().into_iter().enumerate() {
        let kept = promises.iter().filter(|promise| promise.state == State::Kept).count();
        _ = write!(
            out,
            "<section id=\"page-{at}\"><h2>{}</h2><p class=\"of\">{kept} of {} kept</p><ul class=\"promises\">",
            Text(title),
            promises.len()
        );
        for promise in promises {
            row(&mut out, promise);
        }
        out.push_str("</ul></section>");
    }
    out.push_str("</main></body></html>\n");
    out
}

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
    <title>What Clerestory promises</title><link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\
    <link rel=\"stylesheet\" href=\"/trust.css\"></head><body>\
    <header><a href=\"/\">Clerestory</a></header><main>";

/// Title, counts, a window for each promise, the limits, and the way to each group.
fn top(out: &mut String, all: &Promises) {
    let built = source_of().map_or_else(String::new, |day| format!(", built from the source of {day}"));
    _ = write!(
        out,
        "<h1>What Clerestory promises</h1><p class=\"lead\">Each sentence names the tests that would notice it broken, \
         and says whether they prove it. This is version {}{built}.</p><p class=\"windows\" aria-hidden=\"true\">",
        env!("CARGO_PKG_VERSION")
    );
    for state in State::ALL {
        for _ in 0..all.count(state) {
            _ = write!(out, "<i class=\"{}\"></i>", state.word());
        }
    }
    out.push_str("</p><dl class=\"counts\">");
    for state in State::ALL {
        _ = write!(
            out,
            "<div class=\"{}\"><dt>{}</dt><dd><b>{}</b> {}</dd></div>",
            state.word(),
            state.label(),
            all.count(state),
            state.means()
        );
    }
    out.push_str("</dl><section class=\"limits\"><h2>What this page cannot say</h2><ul>");
    for limit in LIMITS {
        _ = write!(out, "<li>{}</li>", Text(limit));
    }
    out.push_str("</ul></section><nav aria-label=\"Promises by what they answer\"><ul>");
    for (at, (title, promises)) in all.groups().into_iter().enumerate() {
        _ = write!(out, "<li><a href=\"#page-{at}\">{}</a> {}</li>", Text(title), promises.len());
    }
    out.push_str("<li><a href=\"/trust.json\">All of it as JSON</a></li></ul></nav>");
}

fn row(out: &mut String, promise: &Promise) {
    let Promise { seeds, sentence, feature, state, missing, tests } = promise;
    _ = write!(
        out,
        "<li class=\"{}\"><p class=\"state\">{}</p><p class=\"says\">{}</p>",
        state.word(),
        state.label(),
        Text(sentence)
    );
    if let Some(missing) = missing {
        _ = write!(out, "<p class=\"missing\"><b>Missing:</b> {}</p>", Text(missing));
    }
    if !tests.is_empty() {
        let many = if tests.len() == 1 { "one test" } else { "tests" };
        let count = if tests.len() == 1 { String::new() } else { format!("{} ", tests.len()) };
        _ = write!(out, "<details><summary>Shown by {count}{many}</summary><ul>");
        for test in tests {
            _ = write!(out, "<li><code>{}</code></li>", Text(test));
        }
        out.push_str("</ul></details>");
    }
    _ = write!(out, "<p class=\"seeds\">{}: {}</p></li>", Text(feature), Text(&seeds.join(", ")));
}

/// A text inside a document or an attribute of it.
struct Text<'a>(&'a str);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_promise_says_is_text_and_never_markup() {
        let said = "<script>\"a\" & 'b'";
        assert_eq!(Text(said).to_string(), "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;");
    }

    #[test]
    fn a_promise_that_answers_no_page_is_shown_all_the_same() {
        let text =
            "[[promise]]\nseeds = [\"OWN-1\"]\nsentence = \"S\"\nfeature = \"f\"\nstate = \"planned\"\n";
        let all: Promises = toml::from_str(text).expect("a list of promises");
        assert!(html(&all).contains("<p class=\"says\">S</p>"));
    }

    #[test]
    fn the_sheet_has_the_tokens_and_not_the_pieces_of_the_console() {
        assert!(TOKENS.contains("--ink:") && !TOKENS.contains(".lintel"));
    }
}
