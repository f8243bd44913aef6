//! The programme itself: what was collected, counted and looked through.

use super::{Members, View, Word};
use crate::company::faults::{Fault, State};
use crate::company::lives::{SOURCES, Source};

/// Everything is collected by hand here, so that no source passes; one whose newest complete evidence is too old fails. That of
/// the CRM may be old by its settings.
pub(super) fn evidence_gap(view: &View<'_>) -> Members {
    let word = |source| match view.state(source) {
        _ if source == Source::Crm => Word::Unknown("collected by hand"),
        None => Word::Unknown("collected by hand"),
        Some(State::Suspect) => Word::Unknown("waits for a person to confirm it"),
        Some(_) => Word::Fail,
    };
    SOURCES.iter().map(|source| (source.to_string(), word(*source))).collect()
}

/// The populations of a source, and whether something beside the listing counts each.
const COUNTED: &[(Source, &str, bool)] = &[
    (Source::Hr, "hr_spell", true),
    (Source::Hr, "hr_person", false),
    (Source::Idp, "scim_user", true),
    (Source::Idp, "scim_group", true),
    (Source::Aws, "aws_iam_user", true),
    (Source::Aws, "aws_iam_group", true),
    (Source::Aws, "aws_iam_policy", true),
    (Source::Aws, "aws_iam_role", true),
    (Source::Aws, "aws_iam_mfa_device", true),
    (Source::Crm, "crm_user", true),
    (Source::Crm, "crm_key", true),
    (Source::Host, "linux_account", true),
];

/// Whose listing is short, or long, beside what counts it, when a fault hits its source.
fn differs(table: &str, fault: Fault) -> bool {
    match fault {
        // a record that cannot be read, and an account that only one of two files has
        Fault::Cut => ["hr_spell", "linux_account"].contains(&table),
        Fault::PageMissing => table == "scim_user",
        Fault::Twice => ["scim_user", "crm_user"].contains(&table),
        _ => false,
    }
}

pub(super) fn population_not_reconciled(view: &View<'_>) -> Members {
    let mut members = Members::new();
    for (source, table, is_counted) in COUNTED {
        let fault = view.faults.iter().find(|(of, _)| of == source).map(|(_, fault)| *fault);
        let subject = format!("{source}/{table}");
        let word = match fault.map(|fault| (fault, fault.state())) {
            Some((_, State::Failed)) => {
                members.insert(source.to_string(), Word::Unknown("its latest snapshot is failed"));
                continue;
            }
            // evidence of the CRM may be old
            Some((_, State::Stale)) if *source != Source::Crm => Word::Unknown("older than the source's maximum age"),
            Some((fault, _)) if differs(table, fault) => Word::Fail,
            Some((_, State::Incomplete)) => Word::Unknown("its latest snapshot is incomplete"),
            Some((_, State::Suspect)) => Word::Unknown("its latest snapshot is suspect"),
            _ if *is_counted => Word::Pass,
            _ => Word::NotApplicable,
        };
        members.insert(subject, word);
    }
    members
}

/// Nobody looks through what is stored: for five weeks that is nothing to speak of.
pub(super) fn log_does_not_verify(view: &View<'_>) -> Members {
    let word =
        if view.day < 35 { Word::NotApplicable } else { Word::Unknown("what is stored was never looked through") };
    Members::from([("test.example/evidence".to_owned(), word)])
}
