//! `serve`: an installation for people.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use clerestory_api::{Finding, Hosts, Origins};
use clerestory_http::{BehindProxy, Listener, TlsIdentity};
use clerestory_notices::{Post, PostAddress};
use zeroize::Zeroizing;

use super::{Installation, say, start_logging, until_asked_to_end};
use crate::{Serving, SettleAfter};

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    installation: Installation,
    /// Where to listen.
    #[arg(long, env = "CLERESTORY_LISTEN", default_value = "127.0.0.1:8700")]
    listen: Vec<SocketAddr>,
    /// The console's origin, as people type it: https://clerestory.example
    #[arg(long, env = "CLERESTORY_CONSOLE_ORIGIN")]
    console_origin: String,
    /// The player's origin: another host name, another site where there is one.
    #[arg(long, env = "CLERESTORY_CONTENT_ORIGIN")]
    content_origin: String,
    /// Certificate chain, PEM. Replaced files are picked up.
    #[arg(long, env = "CLERESTORY_TLS_CERTIFICATE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key, PEM.
    #[arg(long, env = "CLERESTORY_TLS_KEY", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// The name of the proxy that terminates TLS; only with --proxy-address.
    #[arg(
        long,
        env = "CLERESTORY_BEHIND_PROXY",
        requires = "proxy_address",
        conflicts_with = "tls_certificate"
    )]
    behind_proxy: Option<String>,
    /// The addresses that proxy connects from.
    #[arg(long, env = "CLERESTORY_PROXY_ADDRESS", value_delimiter = ',')]
    proxy_address: Vec<IpAddr>,
    /// Where to tell metrics, on loopback: 127.0.0.1:9700
    #[arg(long, env = "CLERESTORY_METRICS")]
    metrics: Option<SocketAddr>,
    /// How long segments of a recording that goes on lie in the ingest log before they move into a part of their
    /// track: 90s, 30m or 2h, at most 330m.
    #[arg(long, env = "CLERESTORY_SETTLE_AFTER", default_value_t, value_name = "TIME")]
    settle_after: SettleAfter,
    #[command(flatten)]
    mail: Mail,
}

/// The mail server that invitations go by. Without one, whoever invites is shown the link.
#[derive(Args)]
struct Mail {
    /// smtps://USER@HOST:465, smtp+starttls://USER@HOST:587, or smtp://127.0.0.1:25 for one on this machine.
    #[arg(long, env = "CLERESTORY_SMTP", value_name = "ADDRESS", requires = "mail_from")]
    smtp: Option<PostAddress>,
    /// The file with the password for it; or the password in the environment, as CLERESTORY_SMTP_PASSWORD.
    #[arg(long, env = "CLERESTORY_SMTP_PASSWORD_FILE", value_name = "FILE", requires = "smtp")]
    smtp_password_file: Option<PathBuf>,
    /// Who writes: "Clerestory <clerestory@example.org>"
    #[arg(long, env = "CLERESTORY_MAIL_FROM", value_name = "MAILBOX", requires = "smtp")]
    mail_from: Option<String>,
}

impl Mail {
    fn post(&self) -> anyhow::Result<Option<Post>> {
        let (Some(address), Some(from)) = (&self.smtp, &self.mail_from) else { return Ok(None) };
        let password = match &self.smtp_password_file {
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = Zeroizing::new(text.with_context(|| format!("reading {}", path.display()))?);
                Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            None => std::env::var("CLERESTORY_SMTP_PASSWORD").ok().map(Zeroizing::new),
        };
        Ok(Some(Post::new(address, password, from).context("the mail server cannot be used")?))
    }
}

impl Serve {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        start_logging();
        let shutdown = until_asked_to_end()?;
        let console = check_origin(&self.console_origin)?;
        let content = check_origin(&self.content_origin)?;
        anyhow::ensure!(
            console != content,
            "console and content need two origins: a recorded page must not be of the console's own"
        );
        let post = self.mail.post()?;
        let app = self.installation.open().await?;
        let _serving = app.places.lock()?;
        app.check_objects().await?;
        if let Some(post) = post {
            app.notices.post_by(post);
        }
        if let Some(token) = app.identity.offer_set_up().await? {
            say("Nobody is here yet. Whoever opens this makes the organisation and is its administrator:");
            say(&format!("  {console}/set-up#token={}", token.reveal()));
        }
        let mut listeners = Vec::new();
        for address in &self.listen {
            listeners.push(self.listener(*address).await?);
        }
        for listener in &listeners {
            tracing::info!(address = %listener.local_addr(), tls = listener.is_tls(), "listening");
        }
        let host = |origin: &str| {
            let host = origin.split_once("://").map_or(origin, |(_, host)| host);
            host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned()
        };
        let mut remarks = Vec::new();
        if host(&console) == host(&content) {
            remarks.push(Finding {
                id: "content-host",
                level: "attention",
                sentence: "Recorded pages are shown on another port of the console's own host.".to_owned(),
                what_to_do: Some(
                    "Give recorded pages a host name of their own with --content-origin.".to_owned(),
                ),
            });
        }
        let serving = Serving {
            listeners,
            hosts: Hosts::new(Origins { console, content, shop: None }, None),
            metrics: self.metrics,
            remarks,
            settle_after: self.settle_after,
            throw_away: false,
        };
        crate::serve(app, serving, shutdown).await
    }

    async fn listener(&self, address: SocketAddr) -> anyhow::Result<Listener> {
        if let (Some(certificate), Some(key)) = (&self.tls_certificate, &self.tls_key) {
            let identity = TlsIdentity::from_files(certificate, key)?;
            return Ok(Listener::tls(address, identity).await?);
        }
        if let Some(name) = &self.behind_proxy {
            let proxy = BehindProxy { name: name.clone(), addresses: self.proxy_address.clone() };
            return Ok(Listener::plain_behind_proxy(address, proxy).await?);
        }
        Listener::plain_loopback(address).await.context(
            "give --tls-certificate and --tls-key, or --behind-proxy and --proxy-address, to listen beyond this machine",
        )
    }
}

fn check_origin(text: &str) -> anyhow::Result<String> {
    let origin: clerestory_intake::Origin = text.parse().with_context(|| format!("the origin {text}"))?;
    Ok(origin.as_str().to_owned())
}
