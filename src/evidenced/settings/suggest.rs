//! "Did you mean": the known name nearest to a mistyped one.

/// `did you mean …`, when one of `known` is near enough to `written` to be meant; else a list of what is known.
pub(crate) fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(written, &known) {
        Some(name) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "nothing is known here".to_owned(),
        None if known.len() <= 24 => format!("known are {}", listed(&known)),
        None => "see `evidenced schema config`".to_owned(),
    }
}

/// The one of `known` that `written` was meant to be.
pub(crate) fn nearest<'a>(written: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let written = plain(written);
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&written, &plain(name)), *name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance <= 1.max(name.chars().count() / 3))
        .map(|(_, name)| name)
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["schedule", "collector", "max_age", "path"];
        assert_eq!(nearest("shedule", &known), Some("schedule"));
        assert_eq!(nearest("scehdule", &known), Some("schedule"));
        assert_eq!(nearest("Max-Age", &known), Some("max_age"));
        assert_eq!(nearest("paht", &known), Some("path"));
        assert_eq!(nearest("owner", &known), None);
        assert_eq!(did_you_mean("owner", ["path", "org"]), "known are `path`, `org`");
    }
}
