//! What a configured source gives: its tables and the way to the vocabulary, by its collector's or by its own declaration.

use super::inputs::Latest;
use crate::failure::{Exit, Failure};
use crate::settings::Source;
use egress::{Collector, Shape};
use model::SnapshotStatus;

/// What `source` gives as it is configured now.
pub(crate) fn shape(source: &Source) -> Result<Shape, Failure> {
    let collector = collectors::find(&source.collector)
        .ok_or_else(|| Failure::usage(format!("there is no collector `{}`", source.collector), "name another"))?;
    collector.shape(&source.name, &source.settings).map_err(|error| Failure {
        exit: Exit::Usage,
        message: format!("source `{}`: {error}", source.name),
        help: error.help(),
    })
}

/// What the rows of `latest` are to be read as. Rows that a source declares itself are read as they were declared when they were
/// collected, for that is sealed with them: a verdict follows from what is sealed. Rows that nothing can be made of count as not
/// seen, never as no rows.
pub(super) fn of(collector: &dyn Collector, source: &Source, latest: Option<&mut Latest>) -> Result<Shape, Failure> {
    let now = shape(source)?;
    let Some(latest) = latest else { return Ok(now) };
    if latest.collector != source.collector {
        let was = &latest.collector;
        spoil(
            latest,
            &format!("it was read by the collector `{was}`, and `{}` reads the source now", source.collector),
        );
        return Ok(now);
    }
    let is_declared = collector.spec().table_settings.is_some();
    if !is_declared || latest.input.tables.is_empty() {
        return Ok(now);
    }
    match collector.shape(&source.name, &latest.settings) {
        Ok(then) => {
            if then.mapping != now.mapping {
                tracing::warn!(
                    source = source.name,
                    "its mapping changed since it was collected and counts from the next collection on: collect it again"
                );
            }
            Ok(then)
        }
        Err(error) => {
            spoil(latest, &format!("its tables were declared otherwise when it was collected: {error}"));
            Ok(now)
        }
    }
}

fn spoil(latest: &mut Latest, why: &str) {
    latest.input.status = SnapshotStatus::Failed;
    latest.input.tables.clear();
    latest.input.reasons = vec![format!("{why}; collect it again")];
}
