//! Timestamp tokens of a log: how far it was at which time, by somebody else's clock, and how long nobody looked.
//!
//! A token counts when the checkpoint it is over is one of this log, and when it leads up to roots that whoever verifies
//! trusts. Roots that came with the evidence prove nothing.

use super::findings::Findings;
use super::history::History;
use super::policy::{Policy, TimestampRule};
use ledger::timestamp::{Token, is_authority_name};
use ledger::{KeyChain, SignedCheckpoint};
use model::time::seconds_text;
use model::{Digest, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Tokens beyond these are not looked at: one every ten minutes for seven years.
const MAX_STAMPS: usize = 400_000;
/// Gaps that are named one by one.
const MAX_GAPS: usize = 5;

/// Where tokens lie, and how they are read.
pub(super) struct Stamps {
    /// `log/anchors/` or `anchors/`.
    pub(super) place: &'static str,
    /// By size of the log: the names of authorities.
    by_size: BTreeMap<u64, Vec<String>>,
}

/// Reads the file at a path of the evidence.
pub(super) type Read<'a> = &'a dyn Fn(&str) -> Result<Vec<u8>, String>;

/// One authority's times: of how many entries, and when.
type Times = Vec<(u64, Timestamp)>;

impl Stamps {
    /// Those among `paths`, which are relative to `place`. Everything else there is somebody else's business.
    pub(super) fn of<'a>(place: &'static str, paths: impl Iterator<Item = &'a str>) -> Self {
        let mut stamps = Self { place, by_size: BTreeMap::new() };
        for path in paths.take(MAX_STAMPS) {
            let Some((size, file)) = path.split_once('/') else { continue };
            let Some(authority) = file.strip_suffix(".tsr").filter(|name| is_authority_name(name)) else { continue };
            if let Some(size) = size.parse::<u64>().ok().filter(|number| number.to_string() == size) {
                stamps.by_size.entry(size).or_default().push(authority.to_owned());
            }
        }
        stamps
    }

    /// Sizes of the log at which the root is needed.
    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        self.by_size.keys().copied()
    }

    /// Verifies every token, and says what follows. `period` is what the cadence is looked at over.
    pub(super) fn examine(
        &self,
        chain: &KeyChain,
        history: &History,
        period: (Timestamp, Timestamp),
        policy: Option<&Policy>,
        read: Read<'_>,
        findings: &mut Findings,
    ) {
        let rule = policy.and_then(|policy| policy.timestamps.as_ref());
        let (mut trusted, mut claimed): (BTreeMap<&str, Times>, Times) = (BTreeMap::new(), Times::new());
        let mut shipped = BTreeSet::new();
        let recorded: BTreeSet<(u64, Timestamp, &str)> =
            history.anchors.values().map(|noted| (noted.size, noted.gen_time, noted.authority.as_str())).collect();
        for (size, authorities) in &self.by_size {
            let path = format!("{}{size}/checkpoint", self.place);
            let checkpoint = match self.checkpoint(*size, chain, history, read) {
                Ok(checkpoint) => checkpoint,
                Err(problem) => {
                    findings.problem(path, problem);
                    continue;
                }
            };
            let imprint = Digest::of(checkpoint.log_signed_text().as_bytes());
            for authority in authorities {
                let path = format!("{}{size}/{authority}.tsr", self.place);
                let roots = rule.and_then(|rule| rule.authorities.get(authority));
                let judged = read(&path).and_then(|bytes| {
                    let token = Token::from_response(&bytes).map_err(|error| error.to_string())?;
                    let claim = token.examine(imprint, None).map_err(|error| error.to_string())?;
                    let at = claim.gen_time();
                    let digest = Digest::of(&bytes);
                    if history.anchors.get(&digest).is_some_and(|noted| (noted.size, noted.gen_time) != (*size, at)) {
                        return Err("its entry in the log says another size or time".to_owned());
                    }
                    // no signature covers every certificate that comes with a token; the digest in the log does
                    if !history.anchors.contains_key(&digest) && recorded.contains(&(*size, at, authority)) {
                        return Err("it is not the token whose digest the log holds".to_owned());
                    }
                    shipped.insert(digest);
                    match roots {
                        Some(roots) => claim
                            .chain(roots)
                            .map(|stamped| (true, stamped.gen_time))
                            .map_err(|error| error.to_string()),
                        None => Ok((false, at)),
                    }
                });
                match judged {
                    Ok((true, at)) => trusted.entry(authority).or_default().push((*size, at)),
                    Ok((false, at)) => claimed.push((*size, at)),
                    Err(problem) => findings.problem(path, problem),
                }
            }
        }
        let absent = history.anchors.keys().filter(|token| !shipped.contains(*token)).count();
        if absent > 0 {
            findings.doubt(format!(
                "{absent} of the {} timestamps that the log records: their tokens are not here",
                history.anchors.len()
            ));
        }
        for (authority, times) in &trusted {
            describe(authority, times, history.size(), period, findings);
        }
        if let Some(rule) = rule {
            demand(rule, &trusted, period, self.place, findings);
        }
        match claimed.iter().max() {
            Some((size, at)) => findings.doubt(format!(
                "that the first {size} entries existed at {}: {} tokens say so, by authorities whose roots you did not give (--policy)",
                seconds_text(*at),
                claimed.len()
            )),
            None if trusted.is_empty() => findings.doubt(
                "when things happened, beyond the collecting machine's clock and the dates sources sent: no timestamp authority's token is here",
            ),
            None => {}
        }
    }

    /// The checkpoint that was stamped, shown to be one of this log.
    fn checkpoint(
        &self,
        size: u64,
        chain: &KeyChain,
        history: &History,
        read: Read<'_>,
    ) -> Result<SignedCheckpoint, String> {
        let bytes = read(&format!("{}{size}/checkpoint", self.place))?;
        let checkpoint = chain.open(&bytes).map_err(|error| error.to_string())?;
        if checkpoint.log_signed_text().as_bytes() != bytes {
            return Err("it holds more than the log signed".to_owned());
        }
        if checkpoint.size() != size {
            return Err(format!("it is of {} entries", checkpoint.size()));
        }
        if history.root_at(size) != Some(checkpoint.root()) {
            return Err("it is not a checkpoint of this history: there is a second one, or it was rewritten".to_owned());
        }
        Ok(checkpoint)
    }
}

fn describe(authority: &str, times: &Times, size: u64, period: (Timestamp, Timestamp), findings: &mut Findings) {
    let Some((stamped, at)) = times.iter().max_by_key(|(size, at)| (*size, std::cmp::Reverse(*at))) else { return };
    findings.prove(format!(
        "the first {stamped} of the {size} entries existed before {}, and have not been changed since: a token of `{authority}`, by the roots you gave, says so",
        seconds_text(*at)
    ));
    let gaps = gaps(times, period);
    if let Some((from, to)) = gaps.first() {
        findings.prove(format!(
            "{} tokens of `{authority}`; over the period from {} to {} the greatest gap between them is {}, from {} to {}",
            times.len(),
            seconds_text(period.0),
            seconds_text(period.1),
            length(*from, *to),
            seconds_text(*from),
            seconds_text(*to),
        ));
    }
}

/// Whether the authorities that are demanded stamped, and as often.
fn demand(
    rule: &TimestampRule,
    trusted: &BTreeMap<&str, Times>,
    period: (Timestamp, Timestamp),
    place: &str,
    findings: &mut Findings,
) {
    let mut kept = 0;
    let mut problems = Vec::new();
    for authority in rule.authorities.keys() {
        let Some(times) = trusted.get(authority.as_str()) else {
            problems.push(format!("`{authority}`: no valid token"));
            continue;
        };
        let gaps = gaps(times, period);
        let wide: Vec<_> =
            gaps.iter().filter(|(from, to)| rule.max_gap.is_some_and(|most| to.duration_since(*from) > most)).collect();
        if wide.is_empty() {
            kept += 1;
        }
        for (from, to) in wide.iter().take(MAX_GAPS) {
            let gap = length(*from, *to);
            problems.push(format!(
                "`{authority}`: {gap} without a token, from {} to {}",
                seconds_text(*from),
                seconds_text(*to)
            ));
        }
        if wide.len() > MAX_GAPS {
            problems.push(format!("`{authority}`: {} more such gaps", wide.len() - MAX_GAPS));
        }
    }
    if kept < rule.required {
        findings.problem(
            place.trim_end_matches('/'),
            format!(
                "your policy asks for {} authorities{}, {kept} did: {}",
                rule.required,
                rule.max_gap.map_or_else(String::new, |most| format!(" with a token at least every {most:#}")),
                problems.join("; ")
            ),
        );
    }
}

/// The times within `period` without a token, widest first; its ends count as if there were one.
fn gaps(times: &Times, (from, to): (Timestamp, Timestamp)) -> Vec<(Timestamp, Timestamp)> {
    let mut marks: Vec<Timestamp> = times.iter().map(|(_, at)| *at).filter(|at| (from..=to).contains(at)).collect();
    marks.extend([from, to]);
    marks.sort_unstable();
    let mut gaps: Vec<_> = marks.windows(2).map(|pair| (pair[0], pair[1])).collect();
    gaps.sort_by_key(|(from, to)| std::cmp::Reverse(to.duration_since(*from)));
    gaps
}

/// `2d 3h 4m`, to the minute.
fn length(from: Timestamp, to: Timestamp) -> String {
    let minutes = to.duration_since(from).as_mins();
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_ends_of_the_period_count_and_tokens_outside_it_do_not() {
        let times = ["2025-12-31T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-03T05:00:00Z", "2026-03-01T00:00:00Z"]
            .map(|text| (1, at(text)))
            .to_vec();
        let period = (at("2026-01-01T00:00:00Z"), at("2026-01-04T00:00:00Z"));
        let gaps = gaps(&times, period);
        let lengths: Vec<_> = gaps.iter().map(|(from, to)| length(*from, *to)).collect();
        assert_eq!(lengths, ["2 d 0 h 0 min", "19 h 0 min", "5 h 0 min"]);
        assert_eq!(super::gaps(&Vec::new(), period), [period], "no token at all is one gap");
    }

    #[test]
    fn only_the_documented_paths_are_tokens() {
        let paths =
            ["7/a.tsr", "7/b.tsr", "07/a.tsr", "7/checkpoint", "roots/a.pem", "x/a.tsr", "7/A.tsr", "7/../a.tsr"];
        let stamps = Stamps::of("anchors/", paths.into_iter());
        assert_eq!(stamps.by_size, BTreeMap::from([(7, vec!["a".to_owned(), "b".to_owned()])]));
    }
}
