//! A new check to start from: a query that runs and cases that hold, on accounts whose password is too old.

use crate::diagnostic::Diagnostic;

const SQL: &str = include_str!("scaffold.sql");
const CASES: &str = include_str!("scaffold.cases.toml");

/// The two files of a new check, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaffold {
    /// `NAME.sql` and its text.
    pub sql: (String, &'static str),
    /// `NAME.cases.toml` and its text.
    pub cases: (String, &'static str),
}

/// The files of a check `name`; what is wrong with a name that is none.
pub fn scaffold(name: &str) -> Result<Scaffold, Diagnostic> {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(Diagnostic {
            file: format!("{name}.sql"),
            line: 1,
            column: 1,
            problem: format!("`{name}` is no name for a check"),
            help: "lower case letters, digits and `_`, beginning with a letter: say what goes wrong, like `password_too_old`"
                .to_owned(),
        });
    }
    Ok(Scaffold { sql: (format!("{name}.sql"), SQL), cases: (format!("{name}.cases.toml"), CASES) })
}
