//! The JSON lines a program prints (`evidenced schema envelope`): `start`, `record`s and `problem`s, then `end` with its
//! counts. Without that end nothing is complete, and nothing may follow it.

use crate::provider::declared::{Declared, Gather, Record, observe};
use crate::provider::tool::malformed;
use egress::Context;
use model::{Caller, CollectError, Observation, Reason, ReasonCode, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;

const SCHEMA: &str = "evidenced/envelope/v1";

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Start {
        schema: String,
        #[serde(default)]
        caller: Option<Caller>,
        #[serde(default)]
        observed_at: Option<Timestamp>,
    },
    Record {
        table: String,
        row: Record,
    },
    Problem {
        message: String,
        #[serde(default)]
        table: Option<String>,
    },
    End {
        counts: BTreeMap<String, u64>,
    },
}

/// What `output` says of `tables`.
pub(super) fn read<T>(
    ctx: &Context,
    operation: &str,
    output: &[u8],
    tables: &[Declared<T>],
    tenant: Option<&str>,
) -> Result<Observation, CollectError> {
    let text = std::str::from_utf8(output).map_err(|error| malformed(operation, error.to_string()))?;
    let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let wrong = |number: usize, problem: &str| malformed(operation, format!("line {number} of its output {problem}"));
    let parse = |number: usize, line: &str| {
        serde_json::from_str::<Line>(line)
            .map_err(|error| wrong(number, &format!("is no line of the envelope: {error}")))
    };

    let Some((_, first)) = lines.next() else {
        return Err(malformed(operation, "it printed nothing".to_owned()));
    };
    let Line::Start { schema, caller, observed_at } = parse(1, first)? else {
        return Err(wrong(1, "is no `start`"));
    };
    if schema != SCHEMA {
        return Err(wrong(1, &format!("says `{schema}`; this version reads `{SCHEMA}`")));
    }
    check_tenant(caller.as_ref(), tenant)?;

    let mut gathered: Vec<Gather<'_, T>> = tables.iter().map(Gather::new).collect();
    let mut reasons = Vec::new();
    let mut counts = None;
    while let Some((number, line)) = lines.next() {
        // the last line of a program that was stopped is often half a line
        let parsed = match parse(number, line) {
            Err(_) if counts.is_none() && lines.next().is_none() && !text.ends_with('\n') => break,
            other => other?,
        };
        if counts.is_some() {
            return Err(wrong(number, "comes after the `end`"));
        }
        let known = |table: &str| {
            gathered.iter().position(|gather| gather.declared.name == table).ok_or_else(|| {
                wrong(number, &format!("is about the table `{table}`, which the configuration does not declare"))
            })
        };
        match parsed {
            Line::Start { .. } => return Err(wrong(number, "is a second `start`")),
            Line::Record { table, row } => {
                let at = known(&table)?;
                gathered[at].add(&format!("line {number}"), &row.0);
            }
            Line::Problem { message, table: Some(table) } => {
                let at = known(&table)?;
                gathered[at].miss(ReasonCode::MemberFailed, message);
            }
            Line::Problem { message, table: None } => reasons.push(Reason::new(ReasonCode::MemberFailed, message)),
            Line::End { counts: given } => {
                if let Some(table) = given.keys().find(|table| known(table).is_err()) {
                    known(table)?;
                }
                counts = Some(given);
            }
        }
    }
    match counts {
        None => {
            reasons.push(Reason::new(ReasonCode::Failed, "its output has no `end`, so nobody says that this is all"));
        }
        Some(counts) => {
            for gather in &mut gathered {
                match counts.get(&gather.declared.name) {
                    Some(count) => gather.declare(*count, "the `end` of its output"),
                    None => {
                        gather.miss(ReasonCode::CountsDisagree, "the `end` of its output does not count this table");
                    }
                }
            }
        }
    }
    let basis = "the program ended with exit code 0, and the counts of its `end` are those of the records";
    Ok(observe(ctx, gathered, basis, reasons, caller, observed_at))
}

fn check_tenant(caller: Option<&Caller>, tenant: Option<&str>) -> Result<(), CollectError> {
    let Some(expected) = tenant else { return Ok(()) };
    let found = caller.map(|caller| caller.tenant.as_str());
    if found == Some(expected) {
        return Ok(());
    }
    Err(CollectError::Misconfigured {
        message: match found {
            Some(found) => format!("the program asked `{found}`, `tenant` says `{expected}`"),
            None => format!("`tenant` says `{expected}`, and the `start` of the program's output names no caller"),
        },
        help: "look at the credential the program uses".to_owned(),
    })
}
