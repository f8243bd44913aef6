//! `evidenced log timestamp`: have the log stamped now.

use crate::cli::args::{Format, Global};
use crate::cli::print;
use crate::failure::{Exit, Failure};
use crate::line::Line;
use crate::line::anchor::Asked;
use crate::settings::{Settings, did_you_mean};
use model::time::seconds_text;
use serde_json::{Value, json};

pub(super) async fn timestamp(settings: Settings, authority: Option<&str>, global: &Global) -> Result<Exit, Failure> {
    let known = settings.log.authorities.iter().map(|authority| authority.name.as_str());
    if known.clone().next().is_none() {
        return Err(Failure::usage(
            "no authority is configured",
            "add a `[[log.timestamp]]` section with `url` and `roots`; `evidenced schema reference` shows it",
        ));
    }
    if let Some(name) = authority
        && !known.clone().any(|known| known == name)
    {
        return Err(Failure::usage(format!("there is no authority `{name}`"), did_you_mean(name, known)));
    }
    let line = Line::borrow(settings)?;
    let asked = line.anchor(authority).await?;
    match global.format() {
        Format::Json => {
            let rows: Vec<Value> = asked.iter().map(row).collect();
            print::json(&json!({"schema": "evidenced/log-timestamp/v1", "asked": rows}))?;
        }
        Format::Table if asked.is_empty() => print::text_line("nothing new to stamp")?,
        Format::Table => {
            for asked in &asked {
                print::text_line(&text(asked))?;
            }
        }
    }
    line.close()?;
    Ok(if asked.iter().all(|asked| asked.outcome.is_ok()) { Exit::Done } else { Exit::Inconclusive })
}

fn row(asked: &Asked) -> Value {
    match &asked.outcome {
        Ok(stamped) => json!({
            "authority": asked.authority, "size": asked.size, "entry": stamped.index,
            "gen_time": stamped.proven.gen_time, "signer": stamped.proven.signer, "policy": stamped.proven.policy,
            "serial": stamped.proven.serial, "certificate_expires": stamped.proven.not_after,
        }),
        Err(refused) => json!({
            "authority": asked.authority, "size": asked.size, "problem": refused.problem, "help": refused.help,
        }),
    }
}

fn text(asked: &Asked) -> String {
    match &asked.outcome {
        Ok(stamped) => format!(
            "{}: {} entries existed at {} (entry {}, signed by {})",
            asked.authority,
            asked.size,
            seconds_text(stamped.proven.gen_time),
            stamped.index,
            print::safe(&stamped.proven.signer)
        ),
        Err(refused) => format!(
            "{}: not stamped: {}\n  help: {}",
            asked.authority,
            print::safe(&refused.problem),
            print::safe(&refused.help)
        ),
    }
}
