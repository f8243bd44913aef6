//! Names of people, as they type them.

/// `name` as two of them are compared: without regard to case and to white space around or within.
pub fn plain_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}
