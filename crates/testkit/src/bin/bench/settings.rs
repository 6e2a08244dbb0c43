//! What a setting says, in an organisation of 10,000 places and 100,000 people, and what asking one adds to a decision.

use std::hint::black_box;
use std::time::{Duration, Instant};

use clerestory_access::{Actor, OpContext, OrganisationRef, ReadAudit, ReadHealth};
use clerestory_model::{PersonId, SessionId, SubjectId};
use clerestory_settings::tree::{
    Change, Level, Lock, Node, Registry, Said, Setting, Tree, Value as Says, Values, effects, explain,
    resolve,
};
use clerestory_store::people::Role;
use clerestory_testkit::Installation;
use serde_json::{Value, json};

use crate::table;

/// How many of each level there are.
const TREE: [(Level, u32); 5] = [
    (Level::Organisation, 1),
    (Level::Domain, 100),
    (Level::Project, 1000),
    (Level::Team, 8899),
    (Level::User, 100_000),
];
/// Times that something is asked.
const TIMES: u32 = 1_000_000;
const DECISIONS: u32 = 20_000;

/// Microseconds of each.
pub(crate) async fn measure() -> Result<Value, String> {
    let registry = Registry::built_in([]);
    let setting = registry.find("view.reason_required").ok_or("the setting that is measured is gone")?;
    // Everybody may say it here, so that chains are as long as they can be.
    let setting = Setting { levels: &Level::ALL, ..setting.clone() };
    let registry = Registry::of([setting.clone()]);
    let (tree, values, people) = organisation(&setting);
    let chains: Vec<Vec<Node>> = people.iter().map(|person| tree.chain(*person)).collect();
    let mut figures = vec![
        (
            "a person's setting, resolved",
            over(TIMES, |at| {
                black_box(chains.get(at % chains.len()).map(|chain| resolve(&setting, &values, chain)));
            }),
        ),
        (
            "a person's setting, explained",
            over(TIMES, |at| {
                black_box(chains.get(at % chains.len()).map(|chain| explain(&setting, &values, chain)));
            }),
        ),
    ];
    let (node, to) = (place(Level::Domain, 7), place(Level::Organisation, 0));
    let change = Change::Move { node, to };
    figures.push((
        "a domain moved, thought through",
        over(1, |_| {
            black_box(effects(&registry, &tree, &values, &change));
        }),
    ));
    figures.extend(decisions().await?);
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|(what, each)| vec![(*what).to_owned(), format!("{:.2} µs", micros(*each))])
        .collect();
    table::print(&["", "each"], &rows);
    Ok(figures.iter().map(|(what, each)| json!({ "what": what, "micros": micros(*each) })).collect())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn over(times: u32, mut act: impl FnMut(usize)) -> Duration {
    let began = Instant::now();
    for at in 0..times {
        act(at as usize);
    }
    began.elapsed() / times
}

fn place(level: Level, number: u32) -> Node {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    Node { level, id }
}

/// Everybody hangs somewhere, and each place above people says something.
fn organisation(setting: &Setting) -> (Tree, Values, Vec<Node>) {
    let (mut tree, mut values, mut people) = (Tree::default(), Values::default(), Vec::new());
    let (mut above, mut number_above) = (Level::Deployment, 1);
    for (level, number) in TREE {
        for at in 0..number {
            let node = place(level, at);
            let parent =
                if level == Level::Organisation { Node::DEPLOYMENT } else { place(above, at % number_above) };
            tree.hang(node, parent);
            if level == Level::User {
                people.push(node);
            } else {
                let said = Said::Value { value: Says::Switch(at % 3 == 0), lock: Lock::None };
                values.say(node, &setting.key, said);
            }
        }
        (above, number_above) = (level, number);
    }
    (tree, values, people)
}

/// Decisions in this process on SQLite, of which one asks a setting and the other does not.
async fn decisions() -> Result<Vec<(&'static str, Duration)>, String> {
    let installation = Installation::over(None).await;
    let access = &installation.app.access;
    let actor = Actor::Person {
        id: PersonId::nil(),
        organisation: installation.organisation,
        subject: SubjectId::nil(),
        role: Role::Manager,
        also: Vec::new(),
        session: SessionId::nil(),
        signed_in: 0,
        stepped_up: None,
    };
    let op = OpContext { actor, request_id: String::new(), at: installation.now() };
    let on = OrganisationRef(installation.organisation);
    let failed = |error: clerestory_access::AccessError| format!("a decision failed: {error}");
    let began = Instant::now();
    for _ in 0..DECISIONS {
        black_box(access.would_allow::<ReadHealth>(&op, on).await.map_err(failed)?);
    }
    let plain = began.elapsed() / DECISIONS;
    let began = Instant::now();
    for _ in 0..DECISIONS {
        black_box(access.would_allow::<ReadAudit>(&op, on).await.map_err(failed)?);
    }
    let asking = began.elapsed() / DECISIONS;
    Ok(vec![("a decision, with its transaction", plain), ("a decision that asks a setting", asking)])
}
