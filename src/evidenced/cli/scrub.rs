//! `evidenced scrub`.

use super::args::{Format, Global};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, Standing};
use crate::settings::{Settings, bytes_a_second};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use store::ScrubOptions;

pub(super) fn scrub(settings: Settings, rate: Option<&str>, global: &Global) -> Result<Exit, Failure> {
    let rate = match rate {
        None => None,
        Some(text) => Some(
            bytes_a_second(text)
                .ok_or_else(|| Failure::usage(format!("`{text}` is no rate"), "write it like `50 MiB/s`"))?,
        ),
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 16);
    let options = ScrubOptions { threads, rate, from: 0, budget: None };
    let target = if global.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} things, {msg}") {
        bar.set_style(style);
    }
    let started = Instant::now();
    let scrubbed = store::scrub(&line::paths(&settings), &options, &AtomicBool::new(false), &|things, bytes| {
        if things % 64 == 0 {
            bar.set_position(things);
            bar.set_message(format!("{} MiB", bytes >> 20));
        }
    });
    bar.finish_and_clear();
    let scrubbed = scrubbed?;
    let seconds = started.elapsed().as_secs_f64();
    let (standing, changed) = line::standing(&line::reader(&settings)?, &scrubbed.damage)?;
    let mut recorded = None;
    let mut unrecorded = None;
    match super::writing(settings, |line| line.note_looked_through(&scrubbed.damage)) {
        Ok(index) => recorded = index,
        Err(failure) if changed && failure.exit == Exit::Busy => {
            unrecorded = Some("a daemon writes to the store: its own scrub will seal what is damaged");
        }
        // a disk that can be read and not written: what was found is said all the same
        Err(failure) if !changed => {
            tracing::warn!(problem = failure.message, "that it was looked through is not noted");
        }
        Err(failure) => return Err(failure),
    }
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/scrub/v1", "things": scrubbed.things, "bytes": scrubbed.bytes, "seconds": seconds,
            "damage": standing.iter().map(as_json).collect::<Vec<Value>>(), "recorded": recorded, "note": unrecorded,
        }))?,
        Format::Table => {
            print::text_line(&format!(
                "{} things, {} bytes hashed in {seconds:.2} s, {} damaged",
                scrubbed.things,
                scrubbed.bytes,
                standing.len()
            ))?;
            for Standing { damage, snapshots } in &standing {
                let path = damage.path.display().to_string();
                print::text_line(&format!("  {}: {}", print::safe(&path), print::safe(&damage.problem)))?;
                for (snapshot, source) in snapshots {
                    print::text_line(&format!("    snapshot {} of {}", print::safe(snapshot), print::safe(source)))?;
                }
            }
            if let Some(index) = recorded {
                print::text_line(&format!("sealed as entry {index}: checks that rest on this are inconclusive"))?;
            }
            if let Some(note) = unrecorded {
                print::text_line(note)?;
            }
        }
    }
    Ok(if standing.is_empty() { Exit::Done } else { Exit::Failed })
}

fn as_json(standing: &Standing) -> Value {
    let Standing { damage, snapshots } = standing;
    json!({
        "sha256": damage.digest, "path": damage.path, "problem": damage.problem,
        "snapshots": snapshots.iter().map(|(id, source)| json!({"id": id, "source": source})).collect::<Vec<_>>(),
    })
}
