//! `00_README`: what a pack is, what it proves and does not, and how to examine it with and without this program.
//!
//! One list of blocks gives the text and the HTML, which holds no script and no link.

use crate::plan::Plan;
use crate::report::html::escape;
use crate::summary::{Summary, days, instant};
use model::{Outcome, SnapshotStatus};
use std::fmt::Write as _;

enum Block {
    Heading(String),
    Text(String),
    List(Vec<String>),
    Code(String),
    Pairs(Vec<(String, String)>),
}

/// What the README says beyond the summary.
pub(crate) struct Facts<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) summary: &'a Summary,
}

/// The text form.
pub(crate) fn text(facts: &Facts<'_>) -> String {
    let title: String = title(facts).chars().filter(|c| !c.is_control()).collect();
    let mut out = format!("{title}\n{}\n", "=".repeat(title.chars().count()));
    for block in blocks(facts) {
        // writing to a String cannot fail
        let _ = match block {
            Block::Heading(heading) => write!(out, "\n{heading}\n{}\n", "-".repeat(heading.chars().count())),
            Block::Text(text) => write!(out, "\n{}\n", wrap(&text, "")),
            Block::List(items) => items.iter().try_for_each(|item| write!(out, "\n* {}\n", wrap(item, "  "))),
            // a here-document must keep its lines when it is pasted
            Block::Code(code) if code.contains("<<") => write!(out, "\n{}\n", code.trim_end()),
            Block::Code(code) => {
                let lines: String = code.lines().fold(String::new(), |mut lines, line| {
                    let _ = writeln!(lines, "{}", format!("    {line}").trim_end());
                    lines
                });
                write!(out, "\n{lines}")
            }
            Block::Pairs(pairs) => {
                let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
                let indent = " ".repeat(width + 4);
                out.push('\n');
                pairs.iter().try_for_each(|(name, value)| writeln!(out, "  {name:width$}  {}", wrap(value, &indent)))
            }
        };
    }
    out
}

/// The HTML form.
pub(crate) fn html(facts: &Facts<'_>) -> String {
    let title = escape(&title(facts));
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>\n\
         body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }}\n\
         pre {{ background: #f3f3f3; color: #111; padding: .75rem; overflow-x: auto; }}\n\
         th {{ text-align: left; vertical-align: top; padding-right: 1rem; font-weight: 600; white-space: nowrap; }}\n\
         td {{ overflow-wrap: anywhere; }}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    for block in blocks(facts) {
        // writing to a String cannot fail
        let _ = match block {
            Block::Heading(heading) => writeln!(out, "<h2>{}</h2>", escape(&heading)),
            Block::Text(text) => writeln!(out, "<p>{}</p>", escape(&text)),
            Block::Code(code) => writeln!(out, "<pre>{}</pre>", escape(&code)),
            Block::List(items) => {
                let items = items.iter().fold(String::new(), |mut html, item| {
                    let _ = writeln!(html, "<li>{}</li>", escape(item));
                    html
                });
                writeln!(out, "<ul>\n{items}</ul>")
            }
            Block::Pairs(pairs) => {
                let rows = pairs.iter().fold(String::new(), |mut html, (name, value)| {
                    let _ =
                        writeln!(html, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", escape(name), escape(value));
                    html
                });
                writeln!(out, "<table>\n{rows}</table>")
            }
        };
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn title(facts: &Facts<'_>) -> String {
    let plan = facts.plan;
    format!("Evidence pack: {}, {} to {}", plan.organisation, plan.first_day(), plan.last_day())
}

fn blocks(facts: &Facts<'_>) -> Vec<Block> {
    let mut blocks = what_it_is(facts);
    blocks.extend(at_a_glance(facts));
    blocks.extend(what_it_proves(facts));
    blocks.extend(how_to_verify(facts));
    blocks.extend(how_to_read(facts));
    blocks
}

fn what_it_is(facts: &Facts<'_>) -> Vec<Block> {
    let plan = facts.plan;
    let mut files = vec![
        ("01_SCOPE.json", "organisation, period, systems, what is left out and why"),
        (
            "02_EVIDENCE_INDEX.csv, .json, .xlsx",
            "one row per sealed document, with its digest and its position in the log",
        ),
        (
            "03_REQUESTS.csv",
            "the auditor's requests, our word and theirs in columns apart; empty when none is recorded",
        ),
        (
            "04_COVERAGE.csv",
            "runs that were due against runs that took place, each gap with its reason; so for timestamp tokens that were late",
        ),
        (
            "05_EXCEPTIONS.csv",
            "decisions to tolerate failures: who asked, who approved, why, until when; empty when there is none",
        ),
        ("06_CHECK_CHANGES.csv", "when a check, its parameters or the configuration changed within the period"),
        ("report.html, report.pdf", "the report: outcomes, controls, findings, coverage, populations; read this first"),
        ("controls/", "what the checks said about each control, a page each"),
        ("populations/", "per source: what the population is, how it was read, what shows that it is complete"),
        (
            "evidence/",
            "per source, day and snapshot: manifest.json, the answers of the source as received, the tables read from them",
        ),
        (
            "evaluations/",
            "every run of a check: a verdict and a reason for each member of the population, passing ones included",
        ),
        ("findings/", "failing subjects, when each was first and last seen, when it was resolved"),
        ("checks/", "the checks themselves (SQL), ready to be performed again"),
        ("evidence.sqlite", "all tables in one database, for performing the checks again"),
        ("log/", "the whole log: entries, signed checkpoint, a proof for every document shipped, public key"),
        ("log/anchors/", "timestamp tokens, each with the checkpoint it is over and the growth of the log from there"),
        ("log/previous/", "if a pack was exported before: which, and the proof that the log only grew since"),
        ("verify.sh", "verifies the pack with bash, openssl and coreutils alone"),
        ("SHA256SUMS", "the digest of every file"),
        ("MANIFEST.json, .sig", "the same, signed with the key of the log"),
    ];
    files.retain(|(name, _)| match *name {
        "controls/" => !plan.frameworks.is_empty(),
        "log/anchors/" => !plan.anchors.is_empty(),
        "evidence.sqlite" => plan.database.is_some(),
        "checks/" => !plan.checks.is_empty(),
        "findings/" => !facts.summary.findings.is_empty(),
        _ => true,
    });
    vec![
        Block::Heading("What this is".to_owned()),
        Block::Text(format!(
            "Audit evidence of {}, collected by the program evidenced from the systems in 01_SCOPE.json, sealed in a \
             tamper-evident log, and checked. The pack was made by {}; MANIFEST.json says when. You need \
             neither an account nor a network to examine it, and you do not have to trust the program that made it: \
             everything below works with tools you have.",
            plan.organisation, plan.tool
        )),
        Block::Pairs(files.into_iter().map(|(name, what)| (name.to_owned(), what.to_owned())).collect()),
    ]
}

fn at_a_glance(facts: &Facts<'_>) -> Vec<Block> {
    let (plan, summary) = (facts.plan, facts.summary);
    let snapshots = |status: SnapshotStatus| summary.snapshots.iter().filter(|one| one.status == status).count();
    let latest = summary.latest();
    let outcomes = |outcome: Outcome| latest.values().filter(|one| one.outcome == outcome).count();
    let gaps = plan.slots.iter().filter(|slot| slot.outcome != "complete").count();
    let (findings, open) = summary.findings.counts();
    let mut pairs = vec![
        ("Organisation".to_owned(), plan.organisation.clone()),
        (
            "Period".to_owned(),
            format!(
                "{} to {}, days of {}: from {} until {}",
                plan.first_day(),
                plan.last_day(),
                plan.zone_name(),
                instant(plan.from),
                instant(plan.to)
            ),
        ),
        (
            "Framework".to_owned(),
            plan.framework
                .as_deref()
                .map_or("none in particular", |id| {
                    plan.frameworks.iter().find(|known| known.id == id).map_or(id, |known| &known.title)
                })
                .to_owned(),
        ),
        (
            "Snapshots".to_owned(),
            format!(
                "{}: {} complete, {} incomplete, {} suspect, {} failed",
                summary.snapshots.len(),
                snapshots(SnapshotStatus::Complete),
                snapshots(SnapshotStatus::Incomplete),
                snapshots(SnapshotStatus::Suspect),
                snapshots(SnapshotStatus::Failed)
            ),
        ),
        ("Evidence".to_owned(), days(plan, summary).0.text()),
        (
            "Due runs".to_owned(),
            format!("{}, of which {gaps} did not end complete (04_COVERAGE.csv)", plan.slots.len()),
        ),
        (
            "Checks".to_owned(),
            format!(
                "{}, by their last evaluation: {} pass, {} fail, {} inconclusive, {} not applicable",
                latest.len(),
                outcomes(Outcome::Pass),
                outcomes(Outcome::Fail),
                outcomes(Outcome::Inconclusive),
                outcomes(Outcome::NotApplicable)
            ),
        ),
        ("Findings".to_owned(), format!("{findings}, of which {open} are open")),
        ("Log".to_owned(), format!("{}, every entry of it in log/entries.jsonl", plan.log_key.name())),
        ("Key of the log".to_owned(), plan.log_key.to_string()),
    ];
    let gaps = match summary.gaps.len() {
        0 => String::new(),
        count => format!("; gaps longer than the cadence allows: {count} (04_COVERAGE.csv)"),
    };
    pairs.push(("Trusted time".to_owned(), format!("{}{gaps}", summary.waiting.text())));
    if summary.other > 0 {
        pairs.push(("Other documents".to_owned(), format!("{} (02_EVIDENCE_INDEX.csv)", summary.other)));
    }
    let mut blocks = vec![Block::Heading("At a glance".to_owned()), Block::Pairs(pairs)];
    let samples: Vec<&str> = {
        let mut sources: Vec<&str> =
            summary.snapshots.iter().filter(|one| one.sample).map(|one| one.source.as_str()).collect();
        sources.sort_unstable();
        sources.dedup();
        sources
    };
    if !samples.is_empty() {
        blocks.push(Block::Text(format!(
            "SAMPLE DATA: what is under evidence/ for {} is invented and comes with the program. It is evidence of nothing.",
            samples.join(", ")
        )));
    }
    if !plan.damage.is_empty() {
        blocks.push(Block::Text(format!("DAMAGED STORE: {DAMAGED}")));
        blocks.push(Block::List(plan.damage.iter().map(ToString::to_string).collect()));
    }
    let unsure: Vec<String> = latest
        .values()
        .filter(|one| matches!(one.outcome, Outcome::Fail | Outcome::Inconclusive))
        .map(|one| {
            if one.outcome == Outcome::Fail {
                format!("{}: fails for {} of its population", one.check, one.verdicts.fail)
            } else {
                format!("{}: inconclusive: {}", one.check, one.why.join("; "))
            }
        })
        .collect();
    if !unsure.is_empty() {
        blocks.push(Block::Text("What did not pass:".to_owned()));
        blocks.push(Block::List(unsure));
    }
    blocks
}

fn what_it_proves(facts: &Facts<'_>) -> Vec<Block> {
    let items = |items: &[&str]| Block::List(items.iter().map(|item| (*item).to_owned()).collect());
    vec![
        Block::Heading("What it proves".to_owned()),
        Block::Text("If the steps below succeed, and the key is the organisation's:".to_owned()),
        items(&[
            "The files are those the holder of the key signed: none was changed, added or removed since.",
            "Every document indexed in 02_EVIDENCE_INDEX is in the log that log/checkpoint signs. Its answers (exchanges/) \
             and tables are the bytes that were hashed when it was sealed; the answers were hashed before anything read them.",
            "The log is here whole. Entries hold no personal data, so none is withheld: you can count what exists, see what \
             was not shipped to you, and draw a sample from a population that nobody chose for you.",
            "The checks that are shipped are the files that were run, and each evaluation names the snapshots it used.",
        ]),
        Block::Heading("What it does not prove".to_owned()),
        items(&not_proven(facts.summary)),
        Block::Text(format!(
            "The index, coverage, controls, findings and this page are summaries that {} made from the sealed documents; the \
             signature covers them, the log does not. So it is with evidence.sqlite. Where they differ from manifest.json, \
             tables/*.jsonl or evaluations/, those count.",
            facts.plan.tool
        )),
    ]
}

fn how_to_verify(facts: &Facts<'_>) -> Vec<Block> {
    let origin = facts.plan.log_key.name();
    let code = |code: &str| Block::Code(code.replace("ORIGIN", origin));
    let example = facts.summary.rows.iter().find(|row| row.kind == "snapshot").or_else(|| facts.summary.rows.first());
    let mut blocks = vec![
        Block::Heading("How to verify it with evidenced".to_owned()),
        code(
            "evidenced verify PACK.zip\n\
             evidenced verify PACK.zip --key 'KEY FROM ANOTHER CHANNEL' --checkpoint CHECKPOINT-YOU-KEPT",
        ),
        Block::Text(
            "It needs no network, writes nothing, works on the ZIP file and on the unpacked folder, and says what is proven and \
             what is not. Exit code 0: verified; 1: tampering or damage, each file named; 2: not a pack."
                .to_owned(),
        ),
        Block::Heading("How to verify it without evidenced".to_owned()),
        Block::Text(
            "The commands are those of Linux, with OpenSSL 3; on Windows, Git for Windows or WSL has them, on macOS the packages \
             coreutils, openssl and sqlite. Unpack the pack and go to its folder."
                .to_owned(),
        ),
        Block::Text("1. No file was changed or lost (prints nothing):".to_owned()),
        code("sha256sum --quiet --check SHA256SUMS"),
        Block::Text("No file was added (prints nothing):".to_owned()),
        code("find . -type f ! -name SHA256SUMS | sed 's|^\\./||' | LC_ALL=C sort > /tmp/found\ncut -c67- SHA256SUMS | LC_ALL=C sort | diff - /tmp/found"),
        Block::Text(
            "2. The key in the pack is the one you were given: both commands print it, without the name it has in the log, and so \
             does the first for the key you were given by another channel."
                .to_owned(),
        ),
        code(
            "cut -d+ -f3- log/log-key.vkey | base64 -d | tail -c 32 | base64\n\
             openssl pkey -pubin -in log/log-key.pem -outform DER | tail -c 32 | base64",
        ),
        Block::Text(
            "3. The key signed the manifest. The first command takes the signed text out of the signature file, the \
             second the signature, the third checks it, and the last two must print the same digest:"
                .to_owned(),
        ),
        code(
            "sed '/^$/,$d' MANIFEST.json.sig > /tmp/text\n\
             sed -n 's/^— [^ ]* //p' MANIFEST.json.sig | head -n 1 | base64 -d | tail -c 64 > /tmp/signature\n\
             openssl pkeyutl -verify -pubin -inkey log/log-key.pem -rawin -in /tmp/text -sigfile /tmp/signature\n\
             sed -n 's/^sha256 //p' /tmp/text\n\
             sha256sum MANIFEST.json",
        ),
        Block::Text("4. The same key signed the checkpoint of the log:".to_owned()),
        code(
            "sed '/^$/,$d' log/checkpoint > /tmp/text\n\
             sed -n 's/^— [^ ]* //p' log/checkpoint | head -n 1 | base64 -d | tail -c 64 > /tmp/signature\n\
             openssl pkeyutl -verify -pubin -inkey log/log-key.pem -rawin -in /tmp/text -sigfile /tmp/signature",
        ),
        Block::Text(
            "5. The entries are those of the checkpoint: the root of their tree (RFC 6962, section 2.1) is its third line. Any tool \
             for such logs shows it, for example these lines of Python; both commands must print the same:"
                .to_owned(),
        ),
        code(ROOT),
    ];
    if let Some(row) = example {
        let index = row.log_index;
        blocks.push(Block::Text(format!(
            "6. A document is the one an entry stands for. For the document at log index {index}, {}: its digest is in the \
             opening, and the digest of the opening is the `commit` of the entry. (The opening holds a random number so that \
             nobody can guess a short document from its entry.)",
            row.path
        )));
        blocks.push(Block::Code(format!(
            "sha256sum {}\ngrep sha256 log/openings/{index}.txt\n\nsha256sum log/openings/{index}.txt\nsed -n {}p log/entries.jsonl",
            row.path,
            index + 1
        )));
        blocks.push(Block::Text(
            "7. A snapshot's manifest.json gives the digest (sha256) of every answer in exchanges/, by its number, and of every \
             table in tables/*.jsonl, an evaluation the digests of the check it ran (check_sha256, of the file in \
             checks/original/) and of the manifests it used: compare them with sha256sum. The CSV files beside the tables show \
             the same rows for reading."
                .to_owned(),
        ));
    }
    if !facts.plan.anchors.is_empty() {
        blocks.push(Block::Text(
            "8. A timestamp authority saw the log. Each folder log/anchors/SIZE holds the checkpoint of the first SIZE entries and \
             the authority's answers about it, as they came; the name of a file is that of the authority, and ROOTS.pem its root \
             certificates, from the authority itself. Each must say OK; the first entry that names the digest of the \
             answer (sha256sum) is the one that stands for it. That the log only grew from there is in the file `consistency` \
             (C2SP tlog-witness), or shown by the Python lines above over the first SIZE lines of the entries."
                .to_owned(),
        ));
        blocks.push(Block::Code(
            "for answer in log/anchors/*/*.tsr; do\n  \
             openssl ts -verify -data \"$(dirname \"$answer\")/checkpoint\" -in \"$answer\" -CAfile ROOTS.pem\ndone"
                .to_owned(),
        ));
    }
    blocks.push(Block::Text(
        "If the log records that a pack was exported before this one, log/previous/pack.json says which (the digest of its \
         MANIFEST.json, and the log_size and log_root in it), and log/previous/consistency proves that the log only grew from \
         there (C2SP tlog-witness; RFC 9162, section 2.1.4). The Python lines above show the same over the first log_size \
         lines of the entries, and verify.sh checks both. If you kept that pack, give its log/checkpoint to \
         verify.sh --checkpoint."
            .to_owned(),
    ));
    if facts.plan.database.is_some() && !facts.plan.checks.is_empty() {
        blocks.push(Block::Heading("How to perform a check again".to_owned()));
        let as_of = facts.plan.database.as_ref().map(|database| database.as_of);
        let name = facts
            .plan
            .checks
            .iter()
            .map(|check| check.name.as_str())
            .find(|name| facts.summary.repeatable(name, as_of).is_some())
            .or_else(|| facts.plan.checks.first().map(|check| check.name.as_str()))
            .unwrap_or_default();
        blocks.push(Block::Code(format!("sqlite3 -readonly evidence.sqlite < {}", crate::layout::check(name))));
        blocks.push(Block::Text(format!(
            "It prints one row per member of the population, as the evaluation at {} in evaluations/ holds them. The file sets \
             the parameter values of that evaluation and then is the check, unchanged. The query gives the rows; whether they \
             may count as a pass is decided by the state of the inputs, which the evaluation lists: with an input that was \
             incomplete, stale, suspect, failed or missing no check passes. A member under an exception comes out as fail \
             here, and as excepted in the evaluation, which names the exception.",
            as_of.map(instant).unwrap_or_default()
        )));
    }
    blocks
}

/// What a pack does not prove, however well it verifies; the report says it too.
pub(crate) fn not_proven(summary: &Summary) -> [&'static str; 7] {
    let when = if summary.waiting.last.is_some() { STAMPED } else { UNSTAMPED };
    let witnesses = if summary.cosigned { COSIGNED } else { UNSEEN };
    [
        "That a source told the truth, or that the machine that collected was honest at that moment.",
        "That no second history was prepared beside this one. Only a checkpoint held by somebody else shows that: ask for \
             the checkpoint when your engagement starts, keep it, and compare later packs with it (evidenced verify \
             --checkpoint KEPT).",
        witnesses,
        when,
        "That the key belongs to the organisation. Get the key from the organisation by another channel and compare it \
             with the one above.",
        "That a population was seen whole, beyond the completeness statement in each manifest: read its basis. \
             A snapshot that is not complete never supports a pass.",
        "Anything about systems that are not in 01_SCOPE.json, or about controls marked as manual evidence.",
    ]
}

/// What `not_applicable` means; the reason given with it says which.
pub(crate) const NOT_APPLICABLE: &str = "nothing to check: that is declared, or nothing fell into the population, or no source is \
    configured for it; it never counts as satisfied";

/// What damage in the store means for a pack made from it.
pub(crate) const DAMAGED: &str = "When this pack was made, these parts of the store it was made from were known not to be what \
    was sealed any more. What is in the pack was proven when it was written; what rests on the damage can be missing from it, and \
    checks on it are inconclusive:";

const UNSEEN: &str = "That anybody but the organisation has seen this log: no witness cosigned its checkpoint.";

const COSIGNED: &str = "That the signatures beside the log's own in log/checkpoint are those of witnesses you trust. A witness \
    cosigns a log only as long as it grows, so that two histories cannot both be cosigned: get its key from whoever runs it, and \
    name it in a policy (evidenced verify --policy).";

const UNSTAMPED: &str = "When things happened, beyond the clock of the collecting machine and the dates the sources sent. \
    No timestamp authority countersigns this log yet. The order of the entries is proven.";

const STAMPED: &str = "When exactly things happened. A timestamp token proves that the entries under its checkpoint existed at \
    its time, by the authority's clock, and that the entries which name it were written after it; it does not prove that they \
    were written soon after what they speak of, or anything of entries that no token covers. Get the authority's root from the \
    authority: the one in log/anchors/roots is the organisation's word.";

const ROOT: &str = r#"python3 - <<'END'
import base64, hashlib
def sha256(data): return hashlib.sha256(data).digest()
def root(entries):
    if not entries: return sha256(b"")
    if len(entries) == 1: return sha256(b"\0" + entries[0])
    k = 1 << ((len(entries) - 1).bit_length() - 1)
    return sha256(b"\1" + root(entries[:k]) + root(entries[k:]))
lines = open("log/entries.jsonl", "rb").read().split(b"\n")[:-1]
print(base64.b64encode(root(lines)).decode())
END
sed -n 3p log/checkpoint"#;

fn how_to_read(facts: &Facts<'_>) -> Vec<Block> {
    let pairs = |pairs: &[(&str, &str)]| {
        Block::Pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    };
    let mut blocks = vec![
        Block::Heading("How to read it".to_owned()),
        Block::Text("A snapshot is:".to_owned()),
        pairs(&[
            ("complete", "the population was seen whole; the manifest says how that is known"),
            ("incomplete", "something was not seen; the reasons say what"),
            ("suspect", "seen whole, but implausible until a person confirms it"),
            ("failed", "the run gave no usable population; what was received is kept"),
        ]),
        Block::Text("A check's outcome is:".to_owned()),
        pairs(&[
            ("pass", "the whole population was seen, and nobody fails"),
            ("fail", "at least one member fails, and that is proven"),
            ("inconclusive", "it cannot be said from this evidence; never read it as a pass"),
            ("not_applicable", NOT_APPLICABLE),
        ]),
        Block::Text(
            "In CSV files a cell that a spreadsheet would run as a formula begins with an apostrophe that is not part of the \
             value, and an empty cell means that the source did not report a value or reported an empty text; the exact values \
             are in the JSON beside. In 02_EVIDENCE_INDEX owner, reviewer and classification are the organisation's word, and \
             empty where it said none; retain_until is the end of the time it set, or `hold` where a legal hold keeps the \
             item until it is released. Times are UTC. Raw answers other than JSON end in .txt or .bin, so that nothing \
             opens them as more than text."
                .to_owned(),
        ),
    ];
    if !facts.plan.redact.is_empty() {
        blocks.push(Block::Heading("What is redacted".to_owned()));
        blocks.push(Block::List(facts.plan.redact.iter().map(|(table, column)| format!("{table}.{column}")).collect()));
        blocks.push(Block::Text(
            "Each field of these columns stands as a salted commitment, {\"redacted\": SHA-256 of salt and value}, in \
             tables/*.redacted.jsonl. The answers of the snapshots concerned are withheld, and so is every other document that \
             names a hidden value, and evidence.sqlite; MANIFEST.json lists them. So these tables cannot be proven to be the \
             sealed ones from this pack: their sealed digests cover the hidden fields. Ask the organisation to open single \
             fields (evidenced pack reveal), which must give the commitments here, or to show the whole table, whose digest \
             must be the one in manifest.json. Values shorter than three characters are not looked for in other documents, and no value \
             is looked for in the tables and answers of other snapshots, which may hold it too; and whoever can guess a whole table can confirm the guess by its digest."
                .to_owned(),
        ));
    }
    if !facts.plan.exclusions.is_empty() {
        blocks.push(Block::Heading("What is left out".to_owned()));
        blocks.push(Block::List(
            facts.plan.exclusions.iter().map(|one| format!("{}: {}", one.what, one.reason)).collect(),
        ));
    }
    blocks
}

/// Breaks `text` into lines of about 100 characters; lines after the first begin with `indent`.
fn wrap(text: &str, indent: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > 100_usize.saturating_sub(indent.len()) {
            out.push('\n');
            out.push_str(indent);
            width = 0;
        } else if width > 0 {
            out.push(' ');
            width += 1;
        }
        // foreign text may hold control characters that a terminal would obey
        out.extend(word.chars().filter(|c| !c.is_control()));
        width += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_inert_in_html_and_on_a_terminal() {
        assert_eq!(escape("<script>\"'&"), "&lt;script&gt;&quot;&#39;&amp;");
        assert_eq!(wrap("a\u{1b}[31m b", ""), "a[31m b");
    }

    #[test]
    fn long_paragraphs_are_wrapped_and_indented() {
        let text = wrap(&"word ".repeat(60), "  ");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("  word")));
    }
}
