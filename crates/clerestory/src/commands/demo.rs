//! `demo`: everything at once, with an organisation, a shop and sessions that were really recorded.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use clerestory_access::{Actor, OpContext, OrganisationRef, SiteRef};
use clerestory_api::{Finding, Hosts, Origins};
use clerestory_http::{Listener, TlsIdentity};
use clerestory_identity::{SignInRules, Token};
use clerestory_intake::{NewSite, SiteView};
use clerestory_keys::Protection;
use clerestory_model::{OrganisationId, SystemClock};
use clerestory_settings::capture::Rules;
use clerestory_store::organisations;
use clerestory_store::people::Role;
use rust_embed::RustEmbed;

use super::{Objects, admin, import, say, start_logging, until_asked_to_end};
use crate::{App, Places, Serving, SettleAfter, ThrowAway};

/// Sessions recorded from the shop by `cargo xtask record-fixtures`.
#[derive(RustEmbed)]
#[folder = "../../fixtures/sessions"]
struct Sessions;

const PEOPLE: [(&str, &str, &str, Role); 4] = [
    ("Fernwick Goods", "Tobias Rask", "tobias@fernwick.example", Role::Admin),
    ("Fernwick Goods", "Mirel Hadley", "mirel@fernwick.example", Role::Manager),
    ("Fernwick Goods", "Juno Aalto", "juno@fernwick.example", Role::Member),
    ("Harbour Clinic", "Noor Castellan", "noor@harbour.example", Role::Admin),
];

#[derive(Args)]
pub struct Demo {
    /// The port on loopback.
    #[arg(long, default_value_t = 8700)]
    port: u16,
    /// Where the demo keeps its data; used again when it is there.
    #[arg(long, default_value = ".demo/data", value_name = "DIR")]
    data: PathBuf,
    /// No recorded sessions: only what you record yourself.
    #[arg(long)]
    empty: bool,
    /// Serve other machines too, with TLS and a self-signed certificate, at this address and port.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The second host name, for recorded pages. Without it they get a second port.
    #[arg(long, value_name = "NAME", requires = "listen")]
    content_host: Option<String>,
    /// Tell where everything is as one line of JSON.
    #[arg(long)]
    json: bool,
    /// Where to tell metrics, on loopback.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// How long segments of a recording that goes on lie in the ingest log before they move into a part of their
    /// track: 90s, 30m or 2h, at most 330m.
    #[arg(long, env = "CLERESTORY_SETTLE_AFTER", default_value_t, value_name = "TIME")]
    settle_after: SettleAfter,
    #[command(flatten)]
    objects: Objects,
}

struct Doors {
    listeners: Vec<Listener>,
    origins: Origins,
    fingerprint: Option<String>,
    remarks: Vec<Finding>,
}

impl Demo {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        start_logging();
        let shutdown = until_asked_to_end()?;
        let doors = self.doors().await?;
        let (app, _serving) = self.installation().await?;
        let organisation = set_up_people(&app).await?;
        let shop_origin = doors.origins.shop.clone().unwrap_or_else(|| doors.origins.console.clone());
        let site = self.shop_site(&app, organisation, &shop_origin).await?;
        let passwords = new_passwords(&app).await?;
        let [(_, _, first, _), ..] = PEOPLE;
        let link = admin::make_link(&app, first.to_owned()).await?;
        let sign_in = format!("{}/sign-in#token={link}", doors.origins.console);
        self.tell(&doors, &app, &sign_in, &passwords);
        let snippet = format!(
            "<script src=\"{}/capture/loader.js\" data-site=\"{}\" data-key=\"{}\" async></script>",
            doors.origins.console, site.site_key, site.policy_key
        );
        let serving = Serving {
            listeners: doors.listeners,
            hosts: Hosts::new(doors.origins, Some(snippet)),
            metrics: self.metrics,
            remarks: doors.remarks,
            settle_after: self.settle_after,
            throw_away: true,
        };
        crate::serve(app, serving, shutdown).await
    }

    async fn doors(&self) -> anyhow::Result<Doors> {
        let throw_away = Finding {
            id: "demo",
            level: "attention",
            sentence: "This is the demo: its keys lie unprotected beside its data.".to_owned(),
            what_to_do: Some("For real recordings run `clerestory init` and `clerestory serve`.".to_owned()),
        };
        let Some(address) = self.listen else {
            let v4 = Listener::plain_loopback((Ipv4Addr::LOCALHOST, self.port).into()).await;
            let v4 = v4.context("choose another port with --port")?;
            let port = v4.local_addr().port();
            let mut listeners = vec![v4];
            match Listener::plain_loopback((Ipv6Addr::LOCALHOST, port).into()).await {
                Ok(v6) => listeners.push(v6),
                Err(error) => tracing::warn!(%error, "not listening on ::1"),
            }
            let origins = Origins {
                console: format!("http://localhost:{port}"),
                content: format!("http://127.0.0.1:{port}"),
                shop: Some(format!("http://shop.localhost:{port}")),
            };
            return Ok(Doors { listeners, origins, fingerprint: None, remarks: vec![throw_away] });
        };
        self.tls_doors(address, throw_away).await
    }

    async fn tls_doors(&self, address: SocketAddr, throw_away: Finding) -> anyhow::Result<Doors> {
        let name = match address.ip() {
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        let mut names = vec![address.ip().to_string(), "localhost".to_owned()];
        names.extend(self.content_host.clone());
        #[expect(clippy::disallowed_methods, reason = "a certificate is dated by the machine's own clock")]
        let identity = TlsIdentity::self_signed(&names, std::time::SystemTime::now())?;
        let fingerprint = Some(identity.fingerprint());
        let mut listeners = vec![Listener::tls(address, identity.clone()).await?];
        let port = listeners.first().map_or(address.port(), |listener| listener.local_addr().port());
        let mut remarks = vec![throw_away];
        let content = match &self.content_host {
            Some(host) => format!("https://{host}:{port}"),
            None => {
                let second =
                    Listener::tls(SocketAddr::new(address.ip(), port.wrapping_add(1)), identity).await?;
                let second_port = second.local_addr().port();
                listeners.push(second);
                remarks.push(Finding {
                    id: "content-host",
                    level: "attention",
                    sentence: "Recorded pages are shown on a second port of the console's own host."
                        .to_owned(),
                    what_to_do: Some("Give a second host name with --content-host.".to_owned()),
                });
                format!("https://{name}:{second_port}")
            }
        };
        let origins = Origins { console: format!("https://{name}:{port}"), content, shop: None };
        Ok(Doors { listeners, origins, fingerprint, remarks })
    }

    async fn installation(&self) -> anyhow::Result<(App, std::fs::File)> {
        let mut places = self.objects.settle_in(Places::beside(&self.data, None));
        // Whoever looks around is not signed out while they do, and what signs them in is on the terminal anyway.
        places.sign_in = SignInRules::for_trying_out();
        let root = if places.root_key().exists() {
            places.open_unfinished(&Protection::Plain, ThrowAway)?
        } else {
            places.init("demo", &Protection::Plain, Some(ThrowAway))?
        };
        let lock = places.lock()?;
        let app = App::create(places, root, Arc::new(SystemClock)).await?;
        app.check_objects().await?;
        Ok((app, lock))
    }

    /// The site of the shop, made and filled with recorded sessions on the first start.
    async fn shop_site(
        &self,
        app: &App,
        organisation: OrganisationId,
        origin: &str,
    ) -> anyhow::Result<SiteView> {
        let op = OpContext {
            actor: Actor::System { organisation },
            request_id: "demo".to_owned(),
            at: app.clock.now(),
        };
        let on = OrganisationRef(organisation);
        let grant = app.access.authorize::<clerestory_access::ListSites>(&op, on, None).await??;
        let origin: clerestory_intake::Origin = origin.parse()?;
        let known = app.intake.sites(grant).await?.into_iter().find(|site| site.name == "Fernwick shop");
        if let Some(site) = known {
            if site.origins.iter().any(|known| known == origin.as_str()) {
                return Ok(site);
            }
            // The demo came back on another port: its shop is the same shop.
            let change = clerestory_intake::SiteChange {
                origins: Some(vec![origin]),
                ..clerestory_intake::SiteChange::default()
            };
            let on = SiteRef { organisation, id: site.id };
            return Ok(app.intake.change_site(&op, on, change).await?);
        }
        let rules = Rules::parse(include_bytes!("demo-policy.json"))?;
        let new = NewSite { name: "Fernwick shop".to_owned(), origins: vec![origin] };
        let site = app.intake.add_site_with(&op, on, new, rules).await?;
        if !self.empty {
            let on = SiteRef { organisation, id: site.id };
            for name in Sessions::iter().filter(|name| name.ends_with(".json.gz")) {
                let Some(file) = Sessions::get(&name) else { continue };
                let imported = import::import(app, on, None, file.data.into_owned()).await;
                imported.with_context(|| format!("bringing in the recorded session {name}"))?;
            }
        }
        Ok(site)
    }

    fn tell(&self, doors: &Doors, app: &App, sign_in: &str, passwords: &[String]) {
        if self.json {
            let people: Vec<_> = PEOPLE
                .iter()
                .zip(passwords)
                .map(|((organisation, name, email, role), password)| {
                    serde_json::json!({ "organisation": organisation, "name": name, "email": email,
                        "role": role.word(), "password": password })
                })
                .collect();
            let line = serde_json::json!({
                "console": doors.origins.console, "content": doors.origins.content, "shop": doors.origins.shop,
                "sign_in": sign_in, "pid": std::process::id(), "data": app.places.data,
                "keys": app.places.keys, "fingerprint": doors.fingerprint, "people": people,
            });
            say(&line.to_string());
            return;
        }
        say("");
        say(&format!("  Console   {sign_in}"));
        say("            (this link signs you in once; start the demo again for another)");
        if let ([(_, _, email, _), ..], [password, ..]) = (PEOPLE, passwords) {
            say(&format!("  Password  {password}  ({email}; asked again before what cannot be undone)"));
        }
        if let Some(shop) = &doors.origins.shop {
            say(&format!("  Shop      {shop}"));
        }
        if let Some(fingerprint) = &doors.fingerprint {
            say(&format!("  Certificate, SHA-256  {fingerprint}"));
        }
        say(&format!("  Data      {}", app.places.data.display()));
        say(&format!("  Keys      {}", app.places.keys.display()));
        say("");
        say("  Click around in the shop, then look for yourself in the console. Ctrl-C ends the demo.");
        say("");
    }
}

/// The demo's organisations and people, made on the first start; the first organisation.
async fn set_up_people(app: &App) -> anyhow::Result<OrganisationId> {
    let known = known_organisations(app).await?;
    if let Some(first) = known.first() {
        return Ok(*first);
    }
    let mut made: Vec<(&str, OrganisationId)> = Vec::new();
    for (organisation, name, email, role) in PEOPLE {
        let id = match made.iter().find(|(known, _)| *known == organisation) {
            Some((_, id)) => *id,
            None => {
                let id = admin::add_organisation(app, organisation.to_owned()).await?;
                made.push((organisation, id));
                id
            }
        };
        admin::add_person(app, id, role, name.to_owned(), email.to_owned(), None).await?;
    }
    made.first().map(|(_, id)| *id).context("the demo has an organisation")
}

async fn known_organisations(app: &App) -> anyhow::Result<Vec<OrganisationId>> {
    let found: Result<Vec<OrganisationId>, clerestory_sql::SqlError> =
        app.database.read(|tx| Box::pin(async move { organisations::all(tx).await })).await;
    Ok(found?)
}

/// New passwords at every start: nothing the demo prints once works the next time.
async fn new_passwords(app: &App) -> anyhow::Result<Vec<String>> {
    let mut passwords = Vec::new();
    for (_, _, email, _) in PEOPLE {
        let password: String = Token::generate().reveal().chars().take(20).collect();
        admin::set_password(app, email.to_owned(), &password).await?;
        passwords.push(password);
    }
    Ok(passwords)
}
