//! CSV: one row a member, and one for a check without members, so that no check is missing. Cells that a spreadsheet would run as
//! a formula begin with an apostrophe, as in packs.

use super::Report;
use crate::failure::Failure;
use model::time::seconds_text;
use pack::text_cell;

const HEADER: [&str; 14] = [
    "id",
    "check",
    "title",
    "outcome",
    "why",
    "subject",
    "verdict",
    "reason",
    "source",
    "severity",
    "controls",
    "as_of",
    "log_index",
    "snapshots",
];

pub(super) fn write(report: &Report) -> Result<String, Failure> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(HEADER).map_err(Failure::store)?;
    for entry in &report.entries {
        let (why, controls) = (entry.why.join("; "), entry.controls.join(" "));
        let (as_of, log_index) = (seconds_text(entry.as_of), entry.log_index.to_string());
        let snapshots: Vec<String> = entry
            .inputs
            .iter()
            .filter_map(|input| {
                let sha256 = input.sha256.map(|sha256| format!("@sha256:{sha256}")).unwrap_or_default();
                input.snapshot.as_ref().map(|snapshot| format!("{snapshot}{sha256}"))
            })
            .collect();
        let snapshots = snapshots.join(" ");
        let mut row = |subject: &str, verdict: &str, reason: &str, source: &str| {
            let cells = [
                &entry.id,
                &entry.check,
                &entry.title,
                entry.outcome.as_str(),
                &why,
                subject,
                verdict,
                reason,
                source,
                &entry.severity,
                &controls,
                &as_of,
                &log_index,
                &snapshots,
            ];
            writer.write_record(cells.map(|cell| text_cell(cell).into_owned())).map_err(Failure::store)
        };
        for member in &entry.members {
            let source = member.source.as_deref().unwrap_or_default();
            row(&member.subject, member.verdict.as_str(), &member.reason, source)?;
        }
        if entry.members.is_empty() {
            row("", "", "", "")?;
        }
    }
    let bytes = writer.into_inner().map_err(Failure::store)?;
    String::from_utf8(bytes).map_err(Failure::store)
}
