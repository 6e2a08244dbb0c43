//! How fast events are read, sanitised, scrubbed and written, on one core.
//!
//! `cargo run --release -p clerestory-intake --example rrweb_throughput [FILE…]`; without a file the recording in
//! `corpus/real`, repeated to about 4 MB, once as recorded and once as snapshots of a large page.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::time::{Duration, Instant};

use clerestory_intake::rrweb::{Limits, Segment, TreeState};
use clerestory_settings::capture::{Compiled, Rules};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let private = Rules::default().compile();
    let open = Rules::parse(
        br##"{"preset":"private","media":"allowed","exclude":["#scroller"],"mask":["form .secret"],"unmask":["main > p","h1","#list"],"urls":{"deny":[],"allow":[]}}"##,
    )?
    .compile();
    let files: Vec<String> = std::env::args().skip(1).collect();
    let mut inputs: Vec<(String, Vec<u8>)> = Vec::new();
    for file in files {
        inputs.push((file.clone(), std::fs::read(&file)?));
    }
    if inputs.is_empty() {
        let sample = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus/real/page.json"))?;
        inputs.push(("real events".to_owned(), repeated(&sample).into_bytes()));
        inputs.push(("large page".to_owned(), large_page().into_bytes()));
    }
    println!(
        "{:<14}{:>10}{:>10}{:>12}{:>14}{:>14}{:>10}",
        "MB/s", "MB", "parse", "sanitise", "clean private", "clean rules", "to_json"
    );
    for (name, bytes) in &inputs {
        measure(name, bytes, &private, &open)?;
    }
    Ok(())
}

fn measure(name: &str, bytes: &[u8], private: &Compiled, open: &Compiled) -> Result<(), Failure> {
    let limits = Limits { bytes: usize::MAX, ..Limits::default() };
    let parsed = Segment::parse(bytes, &limits)?;
    let parse = best(|| (), |()| Segment::parse(bytes, &limits).map(drop))?;
    let sanitise = best(
        || parsed.clone(),
        |mut segment| {
            segment.sanitise();
            Ok::<_, Failure>(())
        },
    )?;
    let clean = |rules: &Compiled| {
        best(
            || parsed.clone(),
            |mut segment| {
                segment.clean(rules, &mut TreeState::new());
                Ok::<_, Failure>(())
            },
        )
    };
    let (masked, judged) = (clean(private)?, clean(open)?);
    let mut out = Vec::with_capacity(bytes.len() + 1024);
    let write = best(
        || (),
        |()| {
            out.clear();
            parsed.to_json(&mut out);
            Ok::<_, Failure>(())
        },
    )?;
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let megabytes = bytes.len() as f64 / 1e6;
    let rate = |time: Duration| megabytes / time.as_secs_f64();
    println!(
        "{name:<14}{megabytes:>10.1}{:>10.0}{:>12.0}{:>14.0}{:>14.0}{:>10.0}",
        rate(parse),
        rate(sanitise),
        rate(masked),
        rate(judged),
        rate(write)
    );
    Ok(())
}

/// The fastest of a second's runs: what the machine can do, not what else it did.
fn best<T, E>(
    mut prepare: impl FnMut() -> T,
    mut run: impl FnMut(T) -> Result<(), E>,
) -> Result<Duration, E> {
    let begin = Instant::now();
    let mut best = Duration::MAX;
    while begin.elapsed() < Duration::from_secs(1) {
        let prepared = prepare();
        let from = Instant::now();
        run(prepared)?;
        best = best.min(from.elapsed());
    }
    Ok(best)
}

fn repeated(sample: &str) -> String {
    let inner = sample.trim().trim_start_matches('[').trim_end_matches(']').trim();
    let times = 4_000_000 / inner.len() + 1;
    format!("[{}]", vec![inner; times].join(","))
}

/// A shop's list of 4,000 articles, and its sheet.
fn large_page() -> String {
    let mut id = 10;
    let mut next = || {
        id += 1;
        id
    };
    let mut body = String::new();
    for article in 0..4_000 {
        body.push_str(&format!(
            r#",{{"type":2,"tagName":"article","attributes":{{"class":"card card--{0} shadow-sm rounded","data-id":"{0}","style":"order: {0}; background-color: rgb(250, 250, 250);"}},"childNodes":[{{"type":2,"tagName":"a","attributes":{{"class":"card__link","href":"https://shop.test/articles/{0}?from=list"}},"childNodes":[{{"type":3,"textContent":"Article number {0}, a \"fine\" one","id":{1}}}],"id":{2}}},{{"type":3,"textContent":"\n      ","id":{3}}},{{"type":2,"tagName":"p","attributes":{{"class":"price"}},"childNodes":[{{"type":3,"textContent":"{0},00 €","id":{4}}}],"id":{5}}}],"id":{6}}}"#,
            article, next(), next(), next(), next(), next(), next()
        ));
    }
    let rule = r##".card:hover .card__link::before { content: \"\"; display: flex; margin: 0 0.5rem; background: url(\"https://shop.test/i.svg\") no-repeat; color: rgba(0, 0, 0, 0.5); }\n"##;
    let sheet = rule.repeat(2_000);
    format!(
        r#"[{{"type":4,"data":{{"href":"https://shop.test/","width":1280,"height":800}},"timestamp":1764000000000}},{{"type":2,"data":{{"node":{{"type":0,"childNodes":[{{"type":2,"tagName":"html","attributes":{{}},"childNodes":[{{"type":2,"tagName":"head","attributes":{{}},"childNodes":[{{"type":2,"tagName":"style","attributes":{{"_cssText":"{sheet}"}},"childNodes":[],"id":4}}],"id":3}},{{"type":2,"tagName":"main","attributes":{{}},"childNodes":[{{"type":3,"textContent":"x","id":6}}{body}],"id":5}}],"id":2}}],"id":1}},"initialOffset":{{"left":0,"top":0}}}},"timestamp":1764000000001}}]"#
    )
}
