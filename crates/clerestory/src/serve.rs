//! Serving: listeners, routes, the jobs that run beside them, and an orderly end.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clerestory_api::{Finding, Hosts, Parts};
use clerestory_audit::Held;
use clerestory_confine::{ConfineError, Confined};
use clerestory_http::{Limits, Listener, Server};
use clerestory_lifecycle::{EraseError, Step};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::watch::Watch;
use crate::{App, SettleAfter, authority, custody, ledger, previews, scrub, settle, sweep, verifier};

/// Silent recordings are looked for this often.
const CLOSE_EVERY: Duration = Duration::from_secs(60);
/// A new day's epoch is looked for this often.
const ROLL_OVER_EVERY: Duration = Duration::from_secs(15 * 60);

/// Erasures are looked for, and carried on, this often.
const ERASE_EVERY: Duration = Duration::from_secs(1);

/// Mail that is due is looked for this often.
const MAIL_EVERY: Duration = Duration::from_secs(5);

/// Requests of recorded people that are to be told of by mail are looked for this often.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// The log's reserve of disk is looked at this often, and counted denials of nobody known whose minute is over are put
/// on record.
const DENIALS_EVERY: Duration = Duration::from_secs(10);

/// What is served where.
pub struct Serving {
    /// Listeners for people and recorders.
    pub listeners: Vec<Listener>,
    /// Which host is which.
    pub hosts: Hosts,
    /// Where metrics are told, on a private port.
    pub metrics: Option<SocketAddr>,
    /// Sentences for the health page that only the caller knows.
    pub remarks: Vec<Finding>,
    /// How long segments of a recording that goes on lie in the ingest log.
    pub settle_after: SettleAfter,
    /// The installation is not meant to last: nobody is asked for shares and drills.
    pub throw_away: bool,
}

/// Serves until `shutdown`, then drains.
///
/// # Errors
/// When the metrics port cannot be had.
pub async fn serve(app: App, serving: Serving, shutdown: CancellationToken) -> anyhow::Result<()> {
    let (drain, draining) = watch::channel(false);
    let mut server = Server::new(Limits::default());
    for listener in serving.listeners {
        server = server.listen(listener);
    }
    let stats = server.stats();
    if let Some(address) = serving.metrics {
        let handle = PrometheusBuilder::new().install_recorder()?;
        let private = Server::new(Limits::default()).listen(Listener::plain_loopback(address).await?);
        tracing::info!(addresses = ?private.local_addrs(), "metrics are told here");
        let router = metrics_router(app.clone(), handle, stats);
        let end = shutdown.clone();
        tokio::spawn(async move { private.serve(router, end).await });
    }
    let watch = Arc::new(Watch::default());
    let watched = Arc::clone(&watch);
    let mut remarks = serving.remarks;
    if app.places.bucket.is_some() {
        remarks.push(Finding {
            id: "objects",
            level: "ok",
            sentence: format!("Sealed objects lie in {}.", app.vault.objects().shown()),
            what_to_do: None,
        });
    }
    remarks.insert(0, custody::places(&app));
    remarks.push(confinement(&app).await);
    let (keys, confined) = (Arc::clone(app.vault.keys()), app.confined.clone());
    // It takes a moment, in which the server serves already.
    let films = Arc::new(OnceLock::new());
    let (found, tried) = (Arc::clone(&films), confined.clone());
    tokio::spawn(async move { found.set(making_films(&tried).await) });
    let lifecycle = app.lifecycle.clone();
    let console = serving.hosts.origins().console.clone();
    let api = Parts {
        database: app.database.clone(),
        access: app.access.clone(),
        vault: app.vault.clone(),
        identity: app.identity.clone(),
        intake: app.intake.clone(),
        playback: app.playback.clone(),
        coaching: app.coaching.clone(),
        lifecycle: app.lifecycle.clone(),
        confined: app.confined.clone(),
        clock: Arc::clone(&app.clock),
        hosts: Arc::new(serving.hosts),
        data_directory: app.places.data.display().to_string().into(),
        draining,
        findings: Arc::new(move || {
            let mut all = findings(&remarks, &watched);
            all.extend(films.get().cloned());
            all.extend(broken(&confined));
            all.extend(verifier::finding(&lifecycle.unverified_erasures()));
            all.extend(keys.findings().iter().map(of_keys));
            all
        }),
    };
    let integrating = tokio::spawn(ledger::keep(app.clone(), Arc::clone(&watch), shutdown.clone()));
    let erasing = tokio::spawn(erase(app.clone(), shutdown.clone()));
    let posting = tokio::spawn(send_mail(app.clone(), console, Arc::clone(&watch), shutdown.clone()));
    let replaying = tokio::spawn(authority::keep(app.clone(), Arc::clone(&watch), shutdown.clone()));
    let settling = settle::keep(app.clone(), serving.settle_after, Arc::clone(&watch), shutdown.clone());
    let settling = tokio::spawn(settling);
    let caring = (!serving.throw_away)
        .then(|| tokio::spawn(custody::keep(app.clone(), Arc::clone(&watch), shutdown.clone())));
    let showing = tokio::spawn(previews::keep(app.clone(), Arc::clone(&watch), shutdown.clone()));
    let scrubbing = tokio::spawn(scrub::keep(app.clone(), Arc::clone(&watch), shutdown.clone()));
    let sweeping = tokio::spawn(sweep::keep(app.clone(), Arc::clone(&watch), shutdown.clone()));
    let jobs = tokio::spawn(run_jobs(app, watch, shutdown.clone()));
    let end = shutdown.clone();
    let drained = tokio::spawn(async move {
        end.cancelled().await;
        // Streams look at this and end, so that draining does not wait for them.
        drain.send_replace(true);
    });
    let outcome = server.serve(clerestory_api::router(api), shutdown).await;
    if outcome.cut > 0 {
        tracing::warn!(cut = outcome.cut, "connections were still busy at the end");
    }
    jobs.await?;
    integrating.await?;
    replaying.await?;
    settling.await?;
    if let Some(caring) = caring {
        caring.await?;
    }
    showing.await?;
    scrubbing.await?;
    sweeping.await?;
    erasing.await?;
    posting.await?;
    drained.await?;
    Ok(())
}

fn findings(remarks: &[Finding], watch: &Watch) -> Vec<Finding> {
    let sealing = Finding {
        id: "sealing",
        level: "ok",
        sentence: "Everything captured is sealed with AES-256-GCM under a key of its own track.".to_owned(),
        what_to_do: None,
    };
    let mut all = vec![sealing];
    all.extend_from_slice(remarks);
    all.extend(watch.findings());
    all
}

/// That processes were broken by what they read: somebody tries to, or a library changed under the server.
fn broken(confined: &Confined) -> Option<Finding> {
    let times = confined.broken();
    (times > 0).then(|| Finding {
        id: "confined",
        level: "attention",
        sentence: format!(
            "Since the start, {times} {} broke the process that decodes them. It could reach nothing.",
            if times == 1 { "picture" } else { "pictures" }
        ),
        what_to_do: Some(
            "See the log for how. If every picture fails, start again: a library may have changed under the server."
                .to_owned(),
        ),
    })
}

/// Whether hostile bytes can be worked on, and by what that is confined; said once in the log too where it is less than
/// it could be.
async fn confinement(app: &App) -> Finding {
    let (level, sentence, what_to_do) = match app.confined.check().await {
        Ok(lacking) if lacking.is_empty() => (
            "ok",
            "Pictures are decoded in a process that may open no file, no connection and no other process."
                .to_owned(),
            None,
        ),
        Ok(lacking) => (
            "attention",
            format!(
                "The process that decodes pictures is confined without {}, which this kernel lacks: its filter of system \
                 calls alone keeps it from files and connections.",
                lacking.join(", ")
            ),
            Some("Run a kernel that has it switched on (`lsm=` names it)."),
        ),
        Err(error) => (
            "failed",
            format!("Pictures cannot be taken: {error}."),
            Some(
                "See that the kernel lets processes filter their own system calls (seccomp), and start again.",
            ),
        ),
    };
    if level != "ok" {
        tracing::warn!(sentence, "confined processes");
    }
    Finding { id: "confined", level, sentence, what_to_do: what_to_do.map(str::to_owned) }
}

/// Whether recordings of screens can be made into films.
async fn making_films(confined: &Confined) -> Finding {
    let (level, sentence, what_to_do) = match confined.check_film().await {
        Ok(()) => (
            "ok",
            "Films are made by ffmpeg in a process that reads no file but programs and libraries, writes none and has no \
             connection."
                .to_owned(),
            None,
        ),
        Err(ConfineError::NoFfmpeg) => (
            "ok",
            "ffmpeg is not installed: recordings of screens are watched here and not taken along as films.".to_owned(),
            None,
        ),
        Err(ConfineError::NoProgram(named)) => (
            "attention",
            format!("CLERESTORY_FFMPEG names {}, and there is no program: no films are made.", named.display()),
            Some("Name the ffmpeg that is there, or leave the variable out, then start again."),
        ),
        Err(error) => (
            "attention",
            format!("ffmpeg is installed, and makes no films: {error}."),
            Some(
                "See that it is version 5.1 or later with libx264, and that the kernel has Landlock and seccomp; then start \
                 again.",
            ),
        ),
    };
    Finding { id: "films", level, sentence, what_to_do: what_to_do.map(str::to_owned) }
}

/// What the key registry found, as the health page says it.
fn of_keys(finding: &clerestory_keys::Finding) -> Finding {
    use clerestory_keys::Finding as Keys;
    let (id, level) = match finding {
        Keys::ClockJumped { .. } => ("clock", "failed"),
        Keys::JustStarted { .. } => ("clock", "ok"),
        Keys::PlaceFailed { .. } => ("epoch-place", "failed"),
        Keys::RootFailed { .. } => ("root", "failed"),
        Keys::BackupNeeds { .. } => ("epoch-backup", "attention"),
        Keys::PageNeeds { .. } => ("epoch-page", "attention"),
        Keys::PageDoesNotOpen { .. } => ("key-page", "failed"),
    };
    Finding { id, level, sentence: finding.sentence(), what_to_do: Some(finding.what_to_do().to_owned()) }
}

/// Carries erasures on, whoever asked for them, until `shutdown`: what is left then goes on after the next start. Nothing
/// waits for the looks at what is left of others.
async fn erase(app: App, shutdown: CancellationToken) {
    tokio::join!(
        every_while(&shutdown, || app.lifecycle.destroy()),
        every_while(&shutdown, || app.lifecycle.work_at(Step::Removed)),
    );
}

async fn every_while<F>(shutdown: &CancellationToken, work: impl Fn() -> F)
where
    F: Future<Output = Result<u64, EraseError>>,
{
    let mut tick = tokio::time::interval(ERASE_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tick.tick() => {}
        }
        if let Err(error) = work().await {
            tracing::error!(error = &error as &dyn std::error::Error, "erasures could not be looked up");
        }
    }
}

/// Writes mails about requests, with links to the console at this origin, and sends mail that is due, until `shutdown`:
/// what is left then is sent after the next start.
async fn send_mail(app: App, console: String, watch: Arc<Watch>, shutdown: CancellationToken) {
    if !app.notices.has_post() {
        return;
    }
    let mut tick = tokio::time::interval(MAIL_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut tell = tokio::time::interval(TELL_EVERY);
    tell.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = tell.tick() => {
                if let Err(error) = app.lifecycle.tell_of_requests(&console).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "requests could not be looked up");
                }
            }
            _ = tick.tick() => {}
        }
        match app.notices.send_due().await {
            Ok(told) if told.failed > 0 || told.given_up > 0 => watch.say(Finding {
                id: "mail",
                level: "attention",
                sentence: format!(
                    "The mail server did not take {} mails; they are tried again. {} were given up.",
                    told.failed, told.given_up
                ),
                what_to_do: Some("The server's log says why. Check --smtp and its password.".to_owned()),
            }),
            Ok(told) if told.sent > 0 => watch.say(Finding {
                id: "mail",
                level: "ok",
                sentence: "The mail server takes what is sent.".to_owned(),
                what_to_do: None,
            }),
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "mail could not be looked up");
            }
        }
    }
}

/// Closing silent recordings and beginning a new day's epoch; each says what went wrong and goes on.
async fn run_jobs(app: App, watch: Arc<Watch>, shutdown: CancellationToken) {
    let mut close = tokio::time::interval(CLOSE_EVERY);
    let mut roll_over = tokio::time::interval(ROLL_OVER_EVERY);
    let mut denials = tokio::time::interval(DENIALS_EVERY);
    let mut said_full = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return write_denials(&app, true).await,
            _ = denials.tick() => {
                hold_reserve(&app, &watch, &mut said_full).await;
                write_denials(&app, false).await;
                if let Err(error) = app.access.tend_settings(app.clock.now()).await {
                    tracing::error!(error = &error as &dyn std::error::Error, "settings could not be tended");
                }
            }
            _ = close.tick() => {
                app.intake.tidy();
                app.identity.tidy();
                match app.intake.close_silent().await {
                    Ok(closed) if closed.is_empty() => {}
                    Ok(closed) => tracing::info!(recordings = closed.len(), "closed recordings that fell silent"),
                    Err(error) => tracing::error!(%error, "silent recordings could not be closed"),
                }
            }
            _ = roll_over.tick() => {
                if let Err(error) = app.vault.forget_lost_objects().await {
                    tracing::error!(%error, "objects whose sender is gone could not be forgotten");
                }
                if let Err(error) = app.vault.keys().roll_over().await {
                    tracing::error!(%error, "the epoch could not be rolled over");
                }
            }
        }
    }
}

/// Makes the log's reserve of disk, at start and again when there is room after it was given up. Of a server whose rows are
/// elsewhere it says whether its own disk has room.
async fn hold_reserve(app: &App, watch: &Watch, said_full: &mut bool) {
    let audit = app.access.audit().clone();
    let rows_here = app.places.postgres.is_none();
    let held = match tokio::task::spawn_blocking(move || audit.reserve().hold()).await {
        Err(_) | Ok(Ok(Held::Unused)) => return,
        Ok(held) => held,
    };
    match &held {
        Ok(_) if std::mem::take(said_full) => {
            tracing::info!("there is room on the disk again; what is captured is taken again");
        }
        Err(error) if !std::mem::replace(said_full, true) => {
            tracing::error!(%error, "the disk is full: nothing captured is taken that would lie on it");
        }
        _ => {}
    }
    let (level, sentence) = match (&held, rows_here, app.places.bucket.is_some()) {
        (Ok(_), true, _) => (
            "ok",
            "The audit log has a reserve on the disk, so that a decision can be recorded when it is full.",
        ),
        (Ok(_), false, _) => ("ok", "There is room on this server's disk."),
        (Err(_), true, _) => (
            "failed",
            "The disk is full. Decisions are still recorded, in the reserve of the audit log; nothing captured is taken, \
             and recorders keep it.",
        ),
        (Err(_), false, false) => (
            "failed",
            "This server's disk is full. Nothing captured is taken, and recorders keep it; the database is elsewhere, and \
             decisions are recorded.",
        ),
        (Err(_), false, true) => (
            "attention",
            "This server's disk is full. What is captured is taken, because rows and objects are elsewhere; a restart may \
             fail.",
        ),
    };
    let what_to_do = "Make room on the disk of the data directory; the server goes on by itself.";
    watch.say(Finding {
        id: if rows_here { "disk-reserve" } else { "disk" },
        level,
        sentence: sentence.to_owned(),
        what_to_do: held.is_err().then(|| what_to_do.to_owned()),
    });
}

async fn write_denials(app: &App, ending: bool) {
    if let Err(error) = app.access.audit().write_denials(&app.database, app.clock.now(), ending).await {
        tracing::error!(error = &error as &dyn std::error::Error, "counted denials could not be recorded");
    }
}

fn metrics_router(app: App, handle: PrometheusHandle, stats: Arc<clerestory_http::Stats>) -> axum::Router {
    let tell = move || {
        let writer = app.database.writer_stats();
        let log = app.vault.log_stats();
        for (name, value) in [
            ("clerestory_connections_open", stats.open()),
            ("clerestory_connections_refused_total", stats.refused()),
            ("clerestory_connections_timed_out_total", stats.timed_out()),
            ("clerestory_sql_commits_total", writer.commits),
            ("clerestory_sql_bodies_total", writer.bodies),
            ("clerestory_ingest_log_flushes_total", log.flushes),
            ("clerestory_ingest_log_segments_total", log.segments),
            ("clerestory_ingest_log_bytes_total", log.bytes),
        ] {
            metrics::gauge!(name).set(value as f64);
        }
        let text = handle.render();
        async move { text }
    };
    axum::Router::new().route("/metrics", axum::routing::get(tell))
}
