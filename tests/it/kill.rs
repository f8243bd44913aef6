//! SIGKILL at random moments of collect and seal: what was reported sealed is there, and the store is sound.

use crate::support::{Audit, long};
use std::collections::BTreeSet;
use std::io::Read;
use std::process::Stdio;
use std::time::Instant;

/// Kills in a bounded run, and with `tests/run --long`.
const KILLS: (u32, u32) = (50, 500);

#[test]
fn a_kill_at_any_moment_loses_nothing_that_was_reported_sealed() {
    let audit = Audit::with(
        "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n\
         columns = { employee_id = \"ID\", name = \"Name\", start_date = \"Start\" }\n\
         [sources.staff]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n\
         columns = { employee_id = \"ID\", name = \"Name\", start_date = \"Start\" }\n",
    );
    let started = Instant::now();
    roster(&audit, 0);
    assert_eq!(audit.run(&["collect"]).code, 0);
    let whole = started.elapsed();

    let kills = if long() { KILLS.1 } else { KILLS.0 };
    let mut random = Random(u64::from(std::process::id()) | 1);
    println!("{kills} kills, seed {}", random.0);
    let (mut reported, mut interrupted) = (BTreeSet::new(), 0);
    for round in 1..=kills {
        roster(&audit, round);
        let mut child = audit.command(&["collect"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(random.fraction()));
        let _ = child.kill();
        let mut output = String::new();
        child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
        if !child.wait().unwrap().success() {
            interrupted += 1;
        }
        // a whole line was printed only after the snapshot was sealed
        for line in output.split_inclusive('\n').filter(|line| line.ends_with(")\n")) {
            if let Some(id) = line.rsplit_once('(').map(|(_, id)| id.trim_end().trim_end_matches(')')) {
                reported.insert(id.to_owned());
            }
        }
        if round % 10 == 0 {
            // the next start repairs what a kill left unfinished; nothing sealed may be missing after it
            assert_eq!(audit.run(&["collect", "hr"]).code, 0);
            audit.assert_sound();
        }
    }
    let listed = audit.json(0, &["snapshots", "list"]);
    let listed: BTreeSet<String> =
        listed["snapshots"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    let lost: Vec<&String> = reported.difference(&listed).collect();
    assert!(lost.is_empty(), "reported sealed and lost: {lost:?}");
    println!("{interrupted} of {kills} runs interrupted, {} snapshots reported sealed, none lost", reported.len());
    assert!(interrupted > kills / 4, "the kills must hit running collections");
}

/// A roster that differs in every round, so that new blobs are written.
fn roster(audit: &Audit, round: u32) {
    let rows: String = (0..200).map(|row| format!("E{row},Person {row} of {round},2020-01-01\n")).collect();
    audit.write("hr.csv", &format!("ID,Name,Start\n{rows}"));
}

/// A small xorshift generator: the seed is printed, so a failure can be repeated.
struct Random(u64);

impl Random {
    fn fraction(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }
}
