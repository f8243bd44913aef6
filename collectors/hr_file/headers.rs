//! Which header feeds which column. Every problem is named at once; nothing is matched by likeness. Pure.

use model::CollectError;
use std::collections::BTreeMap;

/// Columns a roster can hold; the keys of the setting `columns`.
pub(super) const COLUMNS: &[&str] = &[
    "employee_id",
    "name",
    "work_email",
    "manager",
    "department",
    "employment_type",
    "start_date",
    "end_date",
    "end_recorded_at",
    "status",
];

/// The headers of a file, and where each mapped column is.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    pub(super) names: Vec<String>,
    places: BTreeMap<&'static str, usize>,
}

impl Headers {
    /// Matches `names` with the mapping `columns`.
    pub(super) fn match_up(names: Vec<String>, columns: &BTreeMap<String, String>) -> Result<Self, CollectError> {
        let mut problems = Vec::new();
        let mut guesses = Vec::new();
        let mut places = BTreeMap::new();
        for (column, header) in columns {
            let header = header.trim();
            let Some(known) = COLUMNS.iter().find(|known| *known == column) else {
                problems.push(format!("`columns` maps `{column}`, which is no column of a roster"));
                guesses.push(format!("the columns are: {}", COLUMNS.join(", ")));
                continue;
            };
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == header).map(|(place, _)| place);
            match (found.next(), found.count()) {
                (Some(place), 0) => {
                    places.insert(*known, place);
                }
                (Some(_), more) => problems.push(format!(
                    "the roster has the header `{header}`, which `columns.{column}` names, {} times",
                    more + 1
                )),
                (None, _) => {
                    problems.push(format!("the roster has no header `{header}`, which `columns.{column}` names"));
                    guesses
                        .extend(nearest(header, &names).map(|guess| format!("did you mean `{column} = \"{guess}\"`?")));
                }
            }
        }
        if !columns.contains_key("employee_id") {
            problems.push("`columns` does not map `employee_id`, the header that identifies a person".to_owned());
        }
        if problems.is_empty() {
            return Ok(Self { names, places });
        }
        let found = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        guesses.push(format!("headers found: {found}"));
        if names.len() == 1 {
            guesses.push("only one column was found, so `delimiter` may be wrong".to_owned());
        }
        Err(CollectError::Misconfigured { message: problems.join("; "), help: guesses.join("; ") })
    }

    /// How many of the mapped headers `names` holds.
    pub(super) fn matched(names: &[String], columns: &BTreeMap<String, String>) -> usize {
        columns.values().filter(|header| names.iter().any(|name| name == header.trim())).count()
    }

    /// Where `column` is; none when it is not mapped.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.places.get(column).copied()
    }

    /// The columns that the header at `place` feeds.
    pub(super) fn feeds(&self, place: usize) -> Vec<&'static str> {
        self.places.iter().filter(|(_, at)| **at == place).map(|(column, _)| *column).collect()
    }
}

/// The header that differs from `wanted` only in case, blanks and punctuation, or contains it.
fn nearest<'a>(wanted: &str, headers: &'a [String]) -> Option<&'a String> {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let wanted = plain(wanted);
    headers.iter().find(|header| plain(header) == wanted).or_else(|| {
        headers.iter().find(|header| {
            let header = plain(header);
            !header.is_empty() && !wanted.is_empty() && (header.contains(&wanted) || wanted.contains(&header))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::Headers;
    use std::collections::BTreeMap;

    fn columns(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(column, header)| ((*column).to_owned(), (*header).to_owned())).collect()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let columns = columns(&[
            ("employe_id", "ID"),
            ("end_date", "Last day"),
            ("name", "Name"),
            ("start_date", "Start"),
            ("work_email", "Email"),
        ]);
        let error = Headers::match_up(names(&["ID", "Name", "start", "Name", "E-Mail"]), &columns).unwrap_err();
        let message = error.to_string();
        for problem in [
            "`columns` maps `employe_id`",
            "no header `Last day`",
            "the header `Name`, which `columns.name` names, 2 times",
            "no header `Start`",
            "no header `Email`",
            "does not map `employee_id`",
        ] {
            assert!(message.contains(problem), "{problem}: {message}");
        }
        let help = error.help().unwrap();
        assert!(help.contains("did you mean `start_date = \"start\"`?"), "{help}");
        assert!(help.contains("did you mean `work_email = \"E-Mail\"`?"), "{help}");
        assert!(help.contains("headers found: `ID`, `Name`, `start`, `Name`, `E-Mail`"), "{help}");
    }

    #[test]
    fn a_header_that_no_column_needs_may_come_twice() {
        let headers =
            Headers::match_up(names(&["Notes", "ID", "Notes", ""]), &columns(&[("employee_id", "ID"), ("name", "ID")]))
                .unwrap();
        assert_eq!(headers.place("employee_id"), Some(1));
        assert_eq!(headers.place("end_date"), None);
        assert_eq!(headers.feeds(1), ["employee_id", "name"]);
        assert!(headers.feeds(0).is_empty());
    }

    #[test]
    fn headers_are_matched_as_written() {
        // composed and decomposed, and a letter of another script: alike to the eye, and other headers
        for other in ["Pre\u{301}nom", "Prénom ", "Рrénom", "prénom"] {
            let matched = Headers::match_up(names(&[other]), &columns(&[("employee_id", "Prénom")]));
            assert!(matched.is_err(), "{other:?}");
        }
    }
}
