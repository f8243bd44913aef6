//! `evidenced run`: the daemon.

use crate::daemon::{self, WallClock};
use crate::failure::{Exit, Failure};
use crate::line::{self, KeptLine, Lending, Line};
use crate::settings::Settings;
use crate::web;
use std::sync::Arc;
use tokio::sync::oneshot;

pub(super) async fn run(settings: Settings) -> Result<Exit, Failure> {
    let checks = line::load_checks(Some(&settings))?;
    let (jobs, file, listen) = (line::jobs(&settings), settings.file.clone(), settings.serve.listen);
    // the store first: of two daemons the second is told so, and not that its port is taken
    let line = Line::open(settings)?;
    let listener = match listen {
        Some(listen) => Some(web::bind(listen).await?),
        None => None,
    };
    line.note_configuration()?;
    let lending = Lending::begin(&line);
    let page = listener.map(|listener| {
        let (stop, stopped) = oneshot::channel::<()>();
        let address = listener.local_addr().map(|address| address.to_string()).unwrap_or_default();
        tracing::info!(address, "page served");
        let serving = tokio::spawn(web::serve(listener, line.settings(), async {
            // a dropped sender stops the page as well
            let _ = stopped.await;
        }));
        (stop, serving)
    });
    tracing::info!(configuration = %file.display(), sources = jobs.len(), "keeping schedules");
    let events = daemon::signals().map_err(Failure::store)?;
    let kept = Arc::new(KeptLine::new(line, checks));
    let scrubbing = line::Scrubbing::begin(Arc::clone(&kept)).map_err(Failure::store)?;
    let outcome = tokio::select! {
        outcome = daemon::keep(Arc::clone(&kept), &WallClock, jobs, events) => outcome,
        error = daemon::witness(kept.as_ref(), &WallClock) => Err(error),
        // the store cannot be relied on any more: what runs cannot be sealed either
        failure = kept.keep_anchored(&WallClock) => Err(failure.into()),
        failure = kept.keep_told(&WallClock) => Err(failure.into()),
        failure = async { match &lending {
            Some(lending) => lending.keep(Arc::clone(&kept)).await,
            None => std::future::pending().await,
        }} => Err(failure.into()),
    };
    drop((scrubbing, lending));
    if let Some((stop, serving)) = page {
        drop(stop);
        // a page that ended badly must not hide how the daemon ended
        let _ = serving.await;
    }
    outcome.map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(error) => Failure::store(format!("{error:#}")),
    })?;
    // a run that outlived its grace still holds it, and its store is closed as a kill would
    if let Some(kept) = Arc::into_inner(kept) {
        kept.close()?;
    }
    tracing::info!("stopped");
    Ok(Exit::Done)
}
