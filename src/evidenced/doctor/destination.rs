//! Destinations: whether each would be reached, and what it did not take. Nobody is told anything.

use super::Finding;
use crate::line;
use crate::notify;
use crate::settings::Settings;
use model::Timestamp;
use store::MessageState;

const AREA: &str = "notify";

pub(super) async fn examine(settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let mut findings = Vec::new();
    for destination in &settings.notify {
        let reached = match notify::trial(settings, destination, now) {
            Ok(parcel) => notify::reach(&parcel).await.map_err(|trouble| (trouble.problem, trouble.help)),
            Err(failure) => Err((failure.message, failure.help.unwrap_or_default())),
        };
        let name = &destination.name;
        findings.push(match reached {
            Ok(sentence) => Finding::ok(AREA, format!("{name}: {sentence}")),
            Err((problem, help)) => Finding::fail(AREA, format!("{name}: {problem}"), help),
        });
    }
    if !settings.notify.is_empty() {
        findings.extend(outbox(settings));
    }
    findings
}

/// What the destinations did not take.
fn outbox(settings: &Settings) -> Option<Finding> {
    // a store that cannot be read is told elsewhere
    let open = line::reader(settings).ok()?.messages(true).ok()?;
    let given_up = open.iter().filter(|message| message.state == MessageState::GivenUp).count();
    let stuck =
        open.iter().filter(|message| message.state == MessageState::Waiting && message.problem.is_some()).count();
    match (given_up, stuck) {
        (0, 0) => None,
        (0, stuck) => Some(Finding::warn(
            AREA,
            format!("{stuck} messages were not taken yet, and are tried again"),
            "`evidenced notify list` says why",
        )),
        (given_up, _) => Some(Finding::warn(
            AREA,
            format!("{given_up} messages were given up: nobody was told what is in them"),
            "`evidenced notify list` says why; then `evidenced notify send --given-up`",
        )),
    }
}
