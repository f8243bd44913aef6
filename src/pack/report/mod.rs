//! What an auditor reads: `report.html`, `report.pdf`, a page a control and a statement a population.
//!
//! Pages are made from what was sealed and from the plan. They judge nothing, load nothing, and hold no script.

mod blocks;
mod calendar;
mod content;
mod controls;
pub(crate) mod html;
pub(crate) mod pdf;
mod populations;

pub(crate) use blocks::{Block, Document, mark, paragraph, plain, table};

use crate::error::PackError;
use crate::layout;
use crate::names::segment;
use crate::plan::Plan;
use crate::summary::{Change, EvidenceRow, Summary};

/// What the pages are made from.
pub(crate) struct Facts<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) summary: &'a Summary,
    /// Rows of the index.
    pub(crate) evidence: &'a [EvidenceRow],
    /// Changes of checks and configuration.
    pub(crate) changes: &'a [Change],
}

/// Every page, with its path.
pub(crate) fn pages(facts: &Facts<'_>) -> Result<Vec<(String, Vec<u8>)>, PackError> {
    let report = content::report(facts);
    let mut pages = vec![
        (layout::REPORT_HTML.to_owned(), html::page(&report, "").into_bytes()),
        (layout::REPORT_PDF.to_owned(), pdf::pdf(&report, &facts.plan.organisation)?),
    ];
    for framework in &facts.plan.frameworks {
        for control in &framework.controls {
            let page = controls::page(facts, framework, control);
            let path = layout::control(&framework.id, &control.id);
            pages.push((path, html::page(&page, "../../../").into_bytes()));
        }
    }
    for (source, note) in &facts.summary.populations {
        let statement = populations::statement(facts.plan, note);
        let path = format!("populations/{}", segment(source));
        let page = populations::page(&statement, note);
        pages.push((format!("{path}.html"), html::page(&page, "../").into_bytes()));
        pages.push((format!("{path}.json"), crate::summary::pretty(&statement)?));
    }
    Ok(pages)
}
