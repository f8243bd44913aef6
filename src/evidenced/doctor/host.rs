//! This host: configuration, key, store, disk, clock.

use super::{Finding, Level};
use crate::line;
use crate::settings::{SecretRef, Settings, Source};
use evaluate::{Confinement, Sandbox};
use ledger::cosignature;
use model::Timestamp;
use model::time::{duration_text, seconds_text};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const GIBIBYTE: u64 = 1 << 30;
/// Below this a collection may not fit any more.
const DISK_FAIL_BYTES: u64 = GIBIBYTE / 2;
/// Below this somebody should look soon.
const DISK_WARN_BYTES: u64 = 5 * GIBIBYTE;
/// More makes `observed_at` and `collected_at` tell different stories.
const SKEW_WARN_SECONDS: i64 = 10;

/// `1 source`, `2 sources`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The configuration as loaded, and what in it cannot have been meant.
pub(super) fn configuration(settings: &Settings) -> Vec<Finding> {
    let area = "configuration";
    let file = settings.file.display();
    let mut findings = Vec::new();
    match settings.sources.len() as u64 {
        0 => findings.push(Finding::warn(area, format!("{file} names no source"), "add a `[sources.NAME]` section")),
        count => findings.push(Finding::ok(
            area,
            format!("{file}: {}, zone {}", counted(count, "source", "sources"), settings.organisation.timezone_name),
        )),
    }
    findings.extend(settings.sources.iter().filter_map(always_stale));
    findings
}

/// How the process that runs the SQL of checks is confined here: a worker is started and asked.
pub(super) fn sandbox(settings: &Settings) -> Finding {
    let asked = line::worker(settings).map_err(|failure| failure.message);
    let asked = asked.and_then(|worker| evaluate::confinement(&worker));
    judge_sandbox(asked, settings.checks.sandbox)
}

fn judge_sandbox(asked: Result<Confinement, String>, sandbox: Sandbox) -> Finding {
    let area = "checks";
    match (asked, sandbox) {
        (Err(problem), _) => Finding::fail(area, problem, "every check is inconclusive until this is mended"),
        (Ok(confinement), _) if confinement.lacks.is_empty() => {
            Finding::ok(area, format!("their worker process has {}", confinement.holds.join(", ")))
        }
        (Ok(confinement), Sandbox::BestEffort) => Finding::warn(
            area,
            format!("their worker process lacks: {}", confinement.lacks.join("; ")),
            "allow landlock and seccomp in the container's profile, or use a kernel that has them; its limits of memory, \
             time and open files hold all the same",
        ),
        (Ok(confinement), Sandbox::Required) => Finding::fail(
            area,
            format!("their worker process lacks: {}", confinement.lacks.join("; ")),
            "every check is inconclusive here: use a kernel that has these, or set `[checks] sandbox = \"best_effort\"`",
        ),
    }
}

/// A source that is collected less often than its evidence stays fresh is stale half of the time.
fn always_stale(source: &Source) -> Option<Finding> {
    let schedule = source.schedule.as_ref()?;
    let first = schedule.next_after(Timestamp::now())?;
    let second = schedule.next_after(first)?;
    let apart = second.duration_since(first);
    (apart > source.max_age).then(|| {
        Finding::warn(
            &source.name,
            format!(
                "it is collected every {} but its evidence is stale after {}",
                duration_text(apart),
                duration_text(source.max_age)
            ),
            "collect it more often, or raise `max_age`",
        )
    })
}

/// The log's signing key: there, closed to others, the key of the configured origin.
pub(super) fn key(settings: &Settings) -> Finding {
    let area = "key";
    let reference = &settings.log.key;
    if let Err(failure) = line::signing_key(settings) {
        return Finding { area: area.to_owned(), level: Level::Fail, message: failure.message, help: failure.help };
    }
    match reference {
        SecretRef::Env(_) => Finding::warn(
            area,
            format!("the log's key is in the {reference}, which other programs of the same user can read"),
            "put it into a file of mode 0600: `key = { file = \"…\" }`",
        ),
        SecretRef::File(path) => match std::fs::metadata(path).map(|metadata| metadata.mode() & 0o7777) {
            Ok(mode @ (0o600 | 0o400)) => {
                Finding::ok(area, format!("{reference} signs `{}`, mode {mode:04o}", settings.log.origin))
            }
            Ok(mode) => Finding::warn(
                area,
                format!("{reference} has mode {mode:04o}: its group can read it"),
                format!("chmod 600 {reference}, unless a service manager hands it over"),
            ),
            Err(error) => Finding::fail(area, format!("{reference}: {error}"), "`evidenced init` makes one"),
        },
    }
}

/// The store: its log opens and verifies, its folders can be written.
pub(super) fn store(settings: &Settings) -> Finding {
    let area = "store";
    let size = match line::reader(settings).and_then(|reader| Ok(reader.checkpoint()?.checkpoint().size)) {
        Ok(size) => size,
        Err(failure) => {
            return Finding { area: area.to_owned(), level: Level::Fail, message: failure.message, help: failure.help };
        }
    };
    for folder in [&settings.store.dir, &settings.store.blobs] {
        if let Err(error) = rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
            return Finding::fail(
                area,
                format!("{} cannot be written: {error}", folder.display()),
                "run evidenced as the user that owns the store",
            );
        }
    }
    Finding::ok(area, format!("{}: {}", settings.store.dir.display(), counted(size, "log entry", "log entries")))
}

/// The authorities that stamp the log: stamps that are late, tokens that no longer verify, certificates that expire.
pub(super) fn trusted_time(settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let area = "time";
    if settings.log.authorities.is_empty() {
        return vec![Finding::ok(
            area,
            "no authority stamps the log: it proves the order of things, not when they were",
        )];
    }
    // a store that cannot be read is a finding of its own
    let Ok(reader) = line::reader(settings) else { return Vec::new() };
    let failed = |failure: crate::failure::Failure| Finding {
        area: area.to_owned(),
        level: Level::Fail,
        message: failure.message,
        help: failure.help,
    };
    let states = match line::anchor::authorities(&settings.log, &reader, now) {
        Ok(states) => states,
        Err(failure) => return vec![failed(failure)],
    };
    let mut findings = Vec::new();
    for (state, authority) in states.iter().zip(&settings.log.authorities) {
        let text = format!("{}: {}", state.name, state.text(now));
        findings.push(if state.overdue {
            let help = "look into the daemon's log, or run `evidenced log timestamp`, which says why";
            Finding::warn(area, text, help)
        } else {
            Finding::ok(area, text)
        });
        match line::anchor::concern(&reader, authority, now) {
            Ok(Some(concern)) => {
                findings.push(Finding::warn(area, format!("{}: {}", state.name, concern.problem), concern.help));
            }
            Ok(None) => {}
            Err(failure) => findings.push(failed(failure)),
        }
    }
    findings
}

/// What is known of damage to what is stored, and when all of it was last looked at.
pub(super) fn evidence(settings: &Settings) -> Option<Finding> {
    let area = "evidence";
    let reader = line::reader(settings).ok()?;
    let (damage, position) = (reader.damage().ok()?, reader.scrub_position().ok()?);
    let looked = match position {
        (_, Some(at)) => format!("last gone through {}", model::time::seconds_text(at)),
        (0, None) => "not gone through yet by `evidenced run`".to_owned(),
        (_, None) => "being gone through".to_owned(),
    };
    if damage.is_empty() {
        return Some(Finding::ok(area, format!("nothing stored is known to be damaged, {looked}")));
    }
    let mut things: Vec<&model::Digest> = damage.iter().map(|row| &row.digest).collect();
    things.dedup();
    let mut snapshots: Vec<String> = damage
        .iter()
        .filter(|row| !row.snapshot.is_empty())
        .map(|row| format!("{} of {}", row.snapshot, row.source))
        .collect();
    snapshots.sort();
    snapshots.dedup();
    let first = &damage[0];
    Some(Finding::fail(
        area,
        format!(
            "{} damaged ({}: {}); resting on it: {}",
            counted(things.len() as u64, "stored thing is", "stored things are"),
            first.path,
            first.problem,
            if snapshots.is_empty() { "no snapshot".to_owned() } else { snapshots.join(", ") }
        ),
        "bring the named files back from a backup, then run `evidenced scrub`; `evidenced scrub` lists all of them",
    ))
}

/// What outside the store tells a rolled back or doubled copy: the mirror, the witnesses.
pub(super) fn elsewhere(settings: &Settings) -> Vec<Finding> {
    let area = "log";
    // that the store cannot be read is said already
    let Ok(reader) = line::reader(settings) else { return Vec::new() };
    let mut findings = Vec::new();
    match reader.behind(settings.log.mirror.as_deref()) {
        Ok(None) => {}
        Ok(Some(problem)) => findings.push(Finding::fail(
            area,
            format!("this store is not the newest copy of its log: {problem}"),
            "bring back the newest copy, or go on from this one: `evidenced log restore --help`",
        )),
        Err(error) => findings.push(Finding::fail(area, error.to_string(), error.help().unwrap_or_default())),
    }
    if settings.log.mirror.is_none() && settings.log.witnesses.is_empty() {
        // a choice, and no fault: it must not keep a sound installation from being called one
        findings.push(Finding::ok(
            area,
            "no mirror and no witness is configured: nothing outside the store would tell a rolled back or doubled copy",
        ));
    }
    let (Ok(checkpoint), Ok(cosigned)) = (reader.checkpoint(), reader.cosigned()) else { return findings };
    for witness in &settings.log.witnesses {
        let name = witness.name();
        let last = cosigned.iter().find(|cosigned| cosigned.names(&witness.key));
        let verified =
            last.map(|last| (last.checkpoint().size(), cosignature::verify(last.checkpoint(), &witness.key)));
        findings.push(match verified {
            Some((size, Ok(at))) => {
                let of = format!(
                    "witness `{name}` cosigned {size} of {} entries at {}",
                    checkpoint.size(),
                    seconds_text(at)
                );
                Finding::ok(area, of)
            }
            Some((_, Err(error))) => Finding::fail(area, error.to_string(), "run `evidenced log witness`"),
            None => Finding::warn(
                area,
                format!("witness `{name}` has cosigned nothing yet"),
                "run `evidenced log witness`: it says what stands in the way",
            ),
        });
    }
    findings
}

/// Room on the store's disk.
pub(super) fn disk(dir: &Path) -> Finding {
    let area = "disk";
    let help = "free some space, or move the store to a larger disk";
    match rustix::fs::statvfs(dir) {
        Err(error) => Finding::fail(area, format!("{}: {error}", dir.display()), "`evidenced init` makes the store"),
        Ok(disk) => room(disk.f_bavail.saturating_mul(disk.f_frsize), help),
    }
}

fn room(free: u64, help: &str) -> Finding {
    let message = format!("{}.{} GiB free", free / GIBIBYTE, free % GIBIBYTE * 10 / GIBIBYTE);
    match free {
        0..DISK_FAIL_BYTES => Finding::fail("disk", message, help),
        DISK_FAIL_BYTES..DISK_WARN_BYTES => Finding::warn("disk", message, help),
        _ => Finding::ok("disk", message),
    }
}

/// The clock, against what the sources say and what the time service says.
pub(super) fn clock(skews: &[(String, i64)]) -> Finding {
    judge_clock(skews, Path::new("/run/systemd/timesync/synchronized").exists())
}

fn judge_clock(skews: &[(String, i64)], synchronised: bool) -> Finding {
    let area = "clock";
    let help = "start a time service (systemd-timesyncd, chrony), then look again";
    match (skews.iter().max_by_key(|(_, skew)| skew.abs()), synchronised) {
        (Some((source, skew)), _) if skew.abs() > SKEW_WARN_SECONDS => {
            let side = if *skew > 0 { "ahead of" } else { "behind" };
            Finding::warn(area, format!("{} s {side} the clock of source `{source}`", skew.abs()), help)
        }
        (Some((source, skew)), _) => Finding::ok(area, format!("{} s from the clock of source `{source}`", skew.abs())),
        (None, true) => Finding::ok(area, "the time service says that it is synchronised"),
        (None, false) => Finding::warn(area, "nothing here tells whether it is synchronised", help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::Schedule;
    use jiff::SignedDuration;
    use jiff::tz::TimeZone;

    #[test]
    fn a_full_disk_fails_and_a_filling_one_warns() {
        assert_eq!(room(0, "").level, Level::Fail);
        assert_eq!(room(GIBIBYTE / 2 - 1, "").level, Level::Fail);
        assert_eq!(room(GIBIBYTE / 2, "").level, Level::Warn);
        let enough = room(5 * GIBIBYTE + GIBIBYTE / 2, "");
        assert_eq!((enough.level, enough.message.as_str()), (Level::Ok, "5.5 GiB free"));
        assert_eq!(disk(Path::new("/no/such/folder")).level, Level::Fail);
    }

    #[test]
    fn the_clock_is_judged_by_the_source_that_disagrees_most() {
        let skews = |seconds: &[i64]| -> Vec<(String, i64)> {
            seconds.iter().map(|skew| (format!("s{skew}"), *skew)).collect()
        };
        assert_eq!(judge_clock(&skews(&[0, -1, 2]), false).level, Level::Ok);
        let behind = judge_clock(&skews(&[3, -40]), true);
        assert_eq!((behind.level, behind.message.as_str()), (Level::Warn, "40 s behind the clock of source `s-40`"));
        assert_eq!(judge_clock(&[], true).level, Level::Ok);
        assert_eq!(judge_clock(&[], false).level, Level::Warn);
    }

    #[test]
    fn a_worker_that_is_not_wholly_confined_is_never_passed_over() {
        let held = |lacks: &[&str]| {
            let lacks = lacks.iter().map(|lack| (*lack).to_owned()).collect();
            Ok(Confinement { holds: vec!["no file".to_owned()], lacks })
        };
        for sandbox in [Sandbox::BestEffort, Sandbox::Required] {
            assert_eq!(judge_sandbox(held(&[]), sandbox).message, "their worker process has no file");
            assert_eq!(judge_sandbox(Err("it died".to_owned()), sandbox).level, Level::Fail);
        }
        let best_effort = judge_sandbox(held(&["no file: no landlock"]), Sandbox::BestEffort);
        assert_eq!((best_effort.level, best_effort.message.contains("no landlock")), (Level::Warn, true));
        assert_eq!(judge_sandbox(held(&["no file: no landlock"]), Sandbox::Required).level, Level::Fail);
    }

    #[test]
    fn a_source_collected_less_often_than_it_stays_fresh_is_named() {
        let source = |schedule: &str, hours: i64| Source {
            name: "hr".into(),
            collector: "hr_file".into(),
            schedule: Some(Schedule::parse(schedule, TimeZone::UTC).unwrap()),
            max_age: SignedDuration::from_hours(hours),
            retention: None,
            custody: crate::settings::Custody::default(),
            expect_empty: false,
            drop_guard_percent: 30,
            sample: false,
            settings: serde_json::json!({}),
            secrets: std::collections::BTreeMap::new(),
        };
        assert_eq!(always_stale(&source("0 2 * * *", 24)), None);
        let weekly = always_stale(&source("0 2 * * 1", 24)).unwrap();
        assert_eq!(weekly.message, "it is collected every 7 d but its evidence is stale after 24 h");
    }
}
