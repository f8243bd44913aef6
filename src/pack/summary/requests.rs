//! `03_REQUESTS.csv`: the auditor's request list as the configuration records it, our word and theirs in columns apart.
//!
//! What answers a request is looked up by its controls and sources; whether that is enough is the auditor's to say.

use super::EvidenceRow;
use crate::cells::Sheet;
use crate::plan::{Plan, Request};

/// Whether an evidence item was asked for by `request`.
pub(super) fn asks_for(request: &Request, row: &EvidenceRow) -> bool {
    let control = row.controls.split(' ').any(|control| request.controls.iter().any(|asked| asked == control));
    control || request.sources.contains(&row.source)
}

/// The sheet; only its header when no request is recorded.
pub(crate) fn requests_csv(plan: &Plan, rows: &[EvidenceRow]) -> Result<Vec<u8>, csv::Error> {
    let mut sheet = Sheet::new(&[
        "request_id",
        "request",
        "controls",
        "sources",
        "due",
        "our_status",
        "our_note",
        "auditor_status",
        "auditor_note",
        "evidence_items",
    ])?;
    for request in &plan.requests {
        let items = rows.iter().filter(|row| asks_for(request, row)).count();
        sheet.row([
            request.id.as_str(),
            &request.text,
            &request.controls.join(" "),
            &request.sources.join(" "),
            request.due.as_deref().unwrap_or_default(),
            request.our_status.as_deref().unwrap_or_default(),
            request.our_note.as_deref().unwrap_or_default(),
            request.auditor_status.as_deref().unwrap_or_default(),
            request.auditor_note.as_deref().unwrap_or_default(),
            &items.to_string(),
        ])?;
    }
    sheet.finish()
}
