//! How long pages about people take where there are a hundred thousand of them, in a tree of ten thousand nodes.

use std::time::Instant;

use clerestory_testkit::postgres::{AnyServer, new_schema};
use clerestory_testkit::{Caller, Installation};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::table::{self, ms, quantile, sorted};

const PEOPLE: usize = 100_000;
/// Domains, projects of each, teams of each: 10 + 90 + 9,900 nodes.
const TREE: [usize; 3] = [10, 9, 110];
const AT_ONCE: usize = 16;
const TIMES: usize = 50;

/// Median and 99th percentile of each page, on both engines.
pub(crate) async fn measure() -> Result<Value, String> {
    let server = AnyServer::get().await;
    let (mut rows, mut told) = (Vec::new(), Vec::new());
    for engine in ["SQLite", "PostgreSQL"] {
        let database = match engine {
            "SQLite" => None,
            _ => Some(new_schema(server.address()).await),
        };
        let installation = Installation::over(database).await;
        let admin = installation.proven("admin").await;
        let began = Instant::now();
        let teams = tree(&admin).await?;
        let somebody = people(&admin, &teams).await?;
        println!(
            "{engine}: {PEOPLE} people and {} teams in {:.0} s",
            teams.len(),
            began.elapsed().as_secs_f64()
        );
        for (page, path) in pages(&admin, &teams, &somebody).await? {
            let mut times = Vec::with_capacity(TIMES);
            for _ in 0..TIMES {
                let began = Instant::now();
                let answer = admin.get(&path).await;
                times.push(ms(began.elapsed()));
                if !answer.status.is_success() {
                    return Err(format!("{path}: {}", answer.json));
                }
            }
            let times = sorted(times);
            let (median, p99) = (quantile(&times, 0.5), quantile(&times, 0.99));
            // The other engine takes long, and whoever ends this before has what there is.
            println!("  {page}: {median:.1} ms, p99 {p99:.1} ms");
            rows.push(vec![
                page.to_owned(),
                engine.to_owned(),
                format!("{median:.1} ms"),
                format!("{p99:.1} ms"),
            ]);
            told.push(json!({ "page": page, "engine": engine, "median_ms": median, "p99_ms": p99 }));
        }
    }
    table::print(&["", "engine", "median", "p99"], &rows);
    Ok(Value::Array(told))
}

/// What the console asks for.
async fn pages(
    admin: &Caller,
    teams: &[String],
    somebody: &str,
) -> Result<Vec<(&'static str, String)>, String> {
    // A page far into the list: what comes after somebody in the middle.
    let team = teams.first().ok_or("there is no team")?;
    let roles = "/api/v1/roles".to_owned();
    Ok(vec![
        ("people, the first 50", "/api/v1/people?limit=50".to_owned()),
        ("people, 50 in the middle", format!("/api/v1/people?limit=50&cursor={somebody}")),
        ("people of a team", format!("/api/v1/people?limit=50&team={team}")),
        ("managers", "/api/v1/people?limit=50&role=manager".to_owned()),
        ("one person", format!("/api/v1/people/{somebody}")),
        ("who reports to somebody", format!("/api/v1/people?limit=50&manager={}", own(admin).await?)),
        ("roles, with how many have each", roles),
        ("the tree", "/api/v1/tree".to_owned()),
    ])
}

async fn own(caller: &Caller) -> Result<String, String> {
    text(&caller.get("/api/v1/session").await.ok(), "/person/id")
}

fn text(value: &Value, at: &str) -> Result<String, String> {
    let found = value.pointer(at).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("{value} has no {at}"))
}

async fn made(admin: &Caller, path: &str, asked: Value) -> Result<Value, String> {
    let answer = admin.post(path, asked).await;
    if answer.status.is_success() { Ok(answer.json) } else { Err(format!("{path}: {}", answer.json)) }
}

/// The teams.
async fn tree(admin: &Caller) -> Result<Vec<String>, String> {
    // Domains hang from the organisation itself.
    let mut above = vec![Value::Null];
    for (level, number) in ["domain", "project", "team"].into_iter().zip(TREE) {
        let places = above.iter().flat_map(|parent| (0..number).map(move |at| (parent, at)));
        above = stream::iter(places)
            .map(|(parent, at)| async move {
                let asked = json!({ "kind": level, "parent": parent, "name": format!("{level} {at}") });
                made(admin, "/api/v1/tree", asked).await.map(|node| node["id"].clone())
            })
            .buffered(AT_ONCE)
            .try_collect::<Vec<Value>>()
            .await?;
    }
    above.iter().map(|team| text(team, "")).collect()
}

/// Everybody, a hundred to a manager; somebody in the middle.
async fn people(admin: &Caller, teams: &[String]) -> Result<String, String> {
    let ids: Vec<String> = stream::iter((0..PEOPLE).zip(teams.iter().cycle()))
        .map(|(number, team)| async move {
            let role = if number % 100 == 0 { "manager" } else { "member" };
            let asked = json!({
                "name": format!("Somebody {number}"), "email": format!("person-{number}@fernwick.example"),
                "role": role, "team": team
            });
            text(&made(admin, "/api/v1/people", asked).await?, "/person/id")
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    ids.get(PEOPLE / 2).cloned().ok_or_else(|| "nobody was added".to_owned())
}
