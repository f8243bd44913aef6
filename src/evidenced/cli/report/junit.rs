//! JUnit XML: a test case a check. A failing check is a failure, an inconclusive one an error, and what does not apply is skipped.

use super::{Report, concerns};
use model::Outcome;
use model::time::seconds_text;
use std::fmt::Write as _;

/// Members listed in the text of one test case; all are in the other formats.
const MOST_MEMBERS: usize = 1000;

pub(super) fn write(report: &Report) -> String {
    let count = |outcome| report.entries.iter().filter(|entry| entry.outcome == outcome).count();
    let (failures, errors) = (count(Outcome::Fail), count(Outcome::Inconclusive));
    let (tests, skipped) = (report.entries.len(), count(Outcome::NotApplicable));
    let at = report.entries.iter().map(|entry| entry.as_of).max().map(seconds_text).unwrap_or_default();
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // writing to a String cannot fail
    let _ = writeln!(
        xml,
        "<testsuites name=\"evidenced\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">\n  \
         <testsuite name=\"{}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" \
         timestamp=\"{}\">",
        escaped(&report.organisation),
        at.trim_end_matches('Z')
    );
    for entry in &report.entries {
        let _ = writeln!(
            xml,
            "    <testcase name=\"{}\" classname=\"evidenced.{}\">",
            escaped(&entry.id),
            escaped(&entry.check)
        );
        let mut lines: Vec<String> = entry
            .members
            .iter()
            .filter(|member| concerns(member))
            .map(|member| format!("{} {}: {}", member.verdict.as_str(), member.subject, member.reason))
            .collect();
        if lines.len() > MOST_MEMBERS {
            let more = lines.split_off(MOST_MEMBERS).len();
            lines.push(format!("and {more} more"));
        }
        lines.extend(entry.why.iter().map(|why| format!("because {why}")));
        let element = match entry.outcome {
            Outcome::Pass => None,
            Outcome::Fail => Some(("failure", "fail")),
            Outcome::Inconclusive => Some(("error", "inconclusive")),
            Outcome::NotApplicable => Some(("skipped", "not_applicable")),
        };
        if let Some((element, kind)) = element {
            let (message, text) = (escaped(&entry.sentence()), escaped(&lines.join("\n")));
            let _ = writeln!(xml, "      <{element} type=\"{kind}\" message=\"{message}\">{text}</{element}>");
        }
        let mut out =
            vec![format!("as of {}", seconds_text(entry.as_of)), format!("controls {}", entry.controls.join(" "))];
        out.extend(entry.citations(&report.origin));
        let _ = writeln!(xml, "      <system-out>{}</system-out>\n    </testcase>", escaped(&out.join("\n")));
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

/// `text` as content or attribute of XML 1.0, which has no way to write most control characters.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
