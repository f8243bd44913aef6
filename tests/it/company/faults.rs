//! What goes wrong on known days, and what a source still gives then.

use super::days::Day;
use super::lives::{Listed, Shown, Source};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The source cannot be reached, or its file is gone.
    Down,
    /// The credential lost its permission.
    Refused,
    /// A file that holds half of the people.
    Half,
    /// A file or an answer that was cut.
    Cut,
    /// A listing that ends a page early.
    PageMissing,
    /// Somebody comes twice.
    Twice,
    /// Nobody collected it that day.
    Forgotten,
    /// The source's clock is two days behind.
    Skewed,
}

/// How the evidence of a source stands then, in the words of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Failed,
    Incomplete,
    Suspect,
    Stale,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Incomplete => "incomplete",
            Self::Suspect => "suspect",
            Self::Stale => "stale",
        }
    }
}

impl Fault {
    pub(super) fn state(self) -> State {
        match self {
            Self::Down | Self::Refused => State::Failed,
            Self::Half => State::Suspect,
            Self::Cut | Self::PageMissing | Self::Twice => State::Incomplete,
            Self::Forgotten | Self::Skewed => State::Stale,
        }
    }

    /// What of `all` a listing of pages of `page` still shows.
    pub(super) fn left(self, source: Source, all: Vec<Shown>, page: usize) -> Vec<Shown> {
        match self {
            // the same line once more
            Self::Twice if source == Source::Crm => all,
            Self::Down | Self::Refused => Vec::new(),
            Self::PageMissing => all[..page.min(all.len())].to_vec(),
            // the second page begins with the last of the first
            Self::Twice => {
                let place = page.min(all.len() - 1);
                all.iter().enumerate().filter(|(index, _)| *index != place).map(|(_, one)| one.clone()).collect()
            }
            Self::Cut => all[..all.len() - 1].to_vec(),
            Self::Half | Self::Forgotten | Self::Skewed => all,
        }
    }

    pub(super) fn left_of_roster(self, all: Vec<Listed>) -> Vec<Listed> {
        match self {
            Self::Down | Self::Refused => Vec::new(),
            Self::Half => all[..all.len() / 2].to_vec(),
            Self::Cut => all[..all.len() - 1].to_vec(),
            _ => all,
        }
    }
}

/// The faults of a collection: one in `every` has some. `pause` is the days since the one before.
pub(super) fn of(turn: usize, every: usize, pause: Day) -> Vec<(Source, Fault)> {
    const PLAN: &[&[(Source, Fault)]] = &[
        &[(Source::Hr, Fault::Half)],
        &[(Source::Idp, Fault::PageMissing)],
        &[(Source::Crm, Fault::Down)],
        &[(Source::Aws, Fault::Refused)],
        &[(Source::Hr, Fault::Cut)],
        &[(Source::Crm, Fault::Forgotten)],
        &[(Source::Aws, Fault::Skewed)],
        &[(Source::Idp, Fault::Twice)],
        &[(Source::Host, Fault::Cut)],
        &[(Source::Hr, Fault::Twice)],
        &[(Source::Idp, Fault::Refused)],
        &[(Source::Crm, Fault::Cut)],
        &[(Source::Hr, Fault::Down)],
        &[(Source::Host, Fault::Down), (Source::Crm, Fault::Down)],
        &[(Source::Hr, Fault::Forgotten)],
        &[(Source::Crm, Fault::Twice)],
    ];
    if turn < every || !turn.is_multiple_of(every) {
        return Vec::new();
    }
    let faults = PLAN[(turn / every - 1) % PLAN.len()];
    // what a clock two days behind shows must not lie before what was shown already
    if pause <= 2 && faults.iter().any(|(_, fault)| *fault == Fault::Skewed) {
        return Vec::new();
    }
    faults.to_vec()
}
