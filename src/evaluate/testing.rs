//! What the tests of this room share.

use crate::inputs::Inputs;
use jiff::tz::TimeZone;

/// Inputs without sources.
pub(crate) fn inputs(as_of: &str) -> Inputs {
    Inputs {
        as_of: as_of.parse().unwrap(),
        timezone: TimeZone::UTC,
        domains: Vec::new(),
        fold_local_part: false,
        sources: Vec::new(),
        snapshots: Vec::new(),
        slots: Vec::new(),
        links: Vec::new(),
        accounts: Vec::new(),
    }
}
