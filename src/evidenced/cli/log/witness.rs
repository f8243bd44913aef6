//! `evidenced log witness`: asks every configured witness now.

use crate::cli::args::{Format, Global};
use crate::cli::print;
use crate::failure::{Exit, Failure};
use crate::line::{Line, Outcome};
use crate::settings::Settings;
use model::time::seconds_text;
use serde_json::{Value, json};

pub(super) async fn witness(settings: Settings, global: &Global) -> Result<Exit, Failure> {
    if settings.log.witnesses.is_empty() {
        return Err(Failure::usage("no witness is configured", "add a `[[log.witness]]` section"));
    }
    let line = Line::borrow(settings)?;
    let settings = line.settings();
    let answers = line.witness().await?;
    let mut all = true;
    let mut rows = Vec::new();
    let mut documents: Vec<Value> = Vec::new();
    for (answer, witness) in answers.iter().zip(&settings.log.witnesses) {
        let (size, at, problem) = match &answer.outcome {
            Outcome::Cosigned(cosigned) => {
                let at = ledger::cosignature::verify(cosigned.checkpoint(), &witness.key).map_err(Failure::store)?;
                (Some(cosigned.checkpoint().size()), Some(at), None)
            }
            // one that a restore entry has given up: anything else has ended the command
            Outcome::Held(held) => (None, None, Some(format!("{}; a restore entry has given that up", held.problem))),
            Outcome::Nothing { problem, .. } => (None, None, Some(problem.clone())),
        };
        all &= problem.is_none();
        documents.push(json!({"witness": answer.witness, "size": size, "cosigned_at": at, "problem": problem}));
        rows.push([
            answer.witness.clone(),
            size.map(|size| size.to_string()).unwrap_or_default(),
            at.map(seconds_text).unwrap_or_default(),
            problem.unwrap_or_default(),
        ]);
    }
    match global.format() {
        Format::Json => print::json(&json!({"schema": "evidenced/log-witness/v1", "witnesses": documents}))?,
        Format::Table => print::table(["WITNESS", "ENTRIES", "COSIGNED", "PROBLEM"], rows)?,
    }
    line.close()?;
    Ok(if all { Exit::Done } else { Exit::Inconclusive })
}
