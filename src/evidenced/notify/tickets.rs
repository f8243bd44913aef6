//! One ticket a finding, whatever tracker keeps it: looked for before it is made, commented when the finding changes, closed and
//! opened again with it.
//!
//! A marker in the ticket says whose it is, so that a stop between making and remembering it makes no second one; a marker in a
//! comment does the same for a change.

use super::compose::Told;
use super::send::{Destined, Parcel, Trouble};
use super::words::lines;
use model::Digest;

/// What becomes of a finding's ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// There is something to do.
    Open,
    /// It is done.
    Done,
    /// There is nothing to do: it is none.
    Dropped,
}

/// What a tracker can do.
pub(super) trait Tracking: Sync {
    /// The ticket with this marker.
    fn find(&self, marker: &str) -> impl Future<Output = Result<Option<String>, Trouble>> + Send;
    /// Makes one; its reference.
    fn make(&self, ticket: &Ticket) -> impl Future<Output = Result<String, Trouble>> + Send;
    /// Whether a comment of it holds `marker`.
    fn has_comment(&self, reference: &str, marker: &str) -> impl Future<Output = Result<bool, Trouble>> + Send;
    /// Adds one.
    fn comment(
        &self,
        reference: &str,
        text: &[String],
        marker: &str,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;
    /// Opens or closes it, where it does not stand so already.
    fn stand(&self, reference: &str, stand: Stand) -> impl Future<Output = Result<(), Trouble>> + Send;
}

/// A ticket to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ticket {
    pub(super) title: String,
    /// Paragraphs.
    pub(super) text: Vec<String>,
    pub(super) marker: String,
}

/// Brings the ticket of the parcel's finding to where the finding is.
pub(super) async fn follow(tracker: &impl Tracking, parcel: &Parcel) -> Result<Destined, Trouble> {
    let digest = &parcel.digest;
    let Some(last) = digest.told.last() else { return Ok(Destined::default()) };
    let marker = marker(&digest.log, &last.id);
    let known = match &parcel.ticket {
        Some(reference) => Some(reference.clone()),
        None => tracker.find(&marker).await?,
    };
    let reference = match known {
        Some(reference) => {
            let comment = format!("evidenced-{}", digest.id);
            // it may have arrived, and only the answer got lost
            if !(parcel.again && tracker.has_comment(&reference, &comment).await?) {
                tracker.comment(&reference, &changes(&digest.told), &comment).await?;
            }
            reference
        }
        None => tracker.make(&Ticket { title: title(last), text: text(parcel, last), marker }).await?,
    };
    let stand = match last.state.as_deref() {
        Some("dismissed") => Stand::Dropped,
        _ if last.is_over() => Stand::Done,
        _ => Stand::Open,
    };
    tracker.stand(&reference, stand).await?;
    Ok(Destined { ticket: (!digest.is_test).then(|| (last.id.clone(), reference)) })
}

/// What a finding's ticket is found by: one word, the same for ever, another for another log.
fn marker(log: &str, finding: &str) -> String {
    let mut of_log = Digest::of(log.as_bytes()).to_string();
    of_log.truncate(8);
    format!("evidenced-{of_log}-{finding}")
}

fn title(told: &Told) -> String {
    told.title.as_ref().map_or_else(|| format!("Finding {}", told.id), |title| format!("{title} ({})", told.id))
}

fn text(parcel: &Parcel, told: &Told) -> Vec<String> {
    let mut text = vec![told.headline.clone()];
    text.extend(lines(told));
    text.push(format!("Look: {}", told.look));
    let keeps = "This ticket follows the finding: it is commented and closed with it. What is decided is decided there, not here.";
    let people = if parcel.digest.personal { "" } else { " People and accounts are counted here, not named." };
    text.push(format!("{keeps}{people}"));
    text
}

fn changes(told: &[Told]) -> Vec<String> {
    let mut text = Vec::new();
    for one in told {
        text.push(one.headline.clone());
        text.extend(one.due.iter().map(|due| format!("due: {due}")));
        text.extend(one.owner.iter().map(|owner| format!("owner: {owner}")));
        text.extend(one.members.iter().map(|member| format!("- {member}")));
    }
    text.dedup();
    text
}

/// The finding that a test speaks of: its ticket is made once, and is closed at once.
pub(super) fn trial() -> Told {
    Told {
        key: "test".to_owned(),
        event: "test".to_owned(),
        kind: "finding".to_owned(),
        id: "test".to_owned(),
        headline: "This is a test: somebody ran `evidenced notify test`. Nothing happened.".to_owned(),
        title: Some("This is a test of evidenced".to_owned()),
        state: Some(workflow::State::Closed.as_str().to_owned()),
        look: "evidenced notify list".to_owned(),
        ..Told::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_one_word_of_one_log() {
        let marker_of = |log| marker(log, "leaver_still_active-1");
        assert_eq!(marker_of("acme.example/evidence"), marker_of("acme.example/evidence"));
        assert_ne!(marker_of("acme.example/evidence"), marker_of("other.example/evidence"));
        assert!(marker_of("x").chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        assert!(marker_of("x").ends_with("-leaver_still_active-1"));
    }
}
