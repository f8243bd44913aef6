//! `evidenced run`: the daemon.

use super::print;
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
        Some(listen) => Some(web::bind(listen, Some(&line.settings().serve)).await?),
        None => None,
    };
    line.note_configuration()?;
    let lending = Lending::begin(&line);
    let kept = Arc::new(KeptLine::new(line, checks));
    let page = match listener {
        Some(listener) => {
            let address = listener.local_addr().map_err(Failure::store)?;
            let app = web::App::new(Arc::clone(&kept), address)?;
            if let Some(invitation) = app.invitation()? {
                // not to the log, where secrets have no place
                print::line_to_stderr(&invitation);
            }
            let (stop, stopped) = oneshot::channel::<()>();
            tracing::info!(%address, "pages served");
            let serving = tokio::spawn(web::serve(listener, app, async {
                // a dropped sender stops the pages as well
                let _ = stopped.await;
            }));
            Some((stop, serving))
        }
        None => None,
    };
    tracing::info!(configuration = %file.display(), sources = jobs.len(), "keeping schedules");
    let events = daemon::signals().map_err(Failure::store)?;
    let scrubbing = line::Scrubbing::begin(Arc::clone(&kept)).map_err(Failure::store)?;
    let outcome = tokio::select! {
        outcome = daemon::keep(Arc::clone(&kept), &WallClock, jobs, events) => outcome,
        error = daemon::witness(kept.as_ref(), &WallClock) => Err(error),
        // the store cannot be relied on any more: what runs cannot be sealed either
        failure = kept.keep_anchored(&WallClock) => Err(failure.into()),
        failure = kept.keep_told(&WallClock) => Err(failure.into()),
        failure = kept.keep_reviewed(&WallClock) => Err(failure.into()),
        failure = async { match &lending {
            Some(lending) => lending.keep(Arc::clone(&kept)).await,
            None => std::future::pending().await,
        }} => Err(failure.into()),
    };
    drop((scrubbing, lending));
    if let Some((stop, serving)) = page {
        drop(stop);
        // pages that ended badly must not hide how the daemon ended
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
