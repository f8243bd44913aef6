//! What rosters share: the words for kinds of employment.

/// The usual words for the two types that checks know; others stay as they are, lower-case.
pub(crate) fn employment_type(value: &str) -> String {
    let lower = value.to_lowercase();
    let plain: String = lower.chars().filter(|c| c.is_alphanumeric()).collect();
    match plain.as_str() {
        "employee" | "employed" | "permanent" | "fulltime" | "parttime" | "fte" | "regular" | "staff" | "internal" => {
            "employee".to_owned()
        }
        "contractor" | "contract" | "freelance" | "freelancer" | "consultant" | "contingent" | "external"
        | "agency" => "contractor".to_owned(),
        _ => lower,
    }
}

#[cfg(test)]
mod tests {
    use super::employment_type;

    #[test]
    fn the_usual_words_for_employment_types_are_understood() {
        assert_eq!(employment_type("Full-Time"), "employee");
        assert_eq!(employment_type("Freelancer"), "contractor");
        assert_eq!(employment_type("Board Member"), "board member");
    }
}
