//! Names of files in a pack: plain ASCII that means the same on every system, and never leads out of the pack.

#[cfg(feature = "write")]
use std::collections::BTreeSet;

/// Longest path segment made from foreign text.
const MAX_SEGMENT: usize = 80;
/// Longest path accepted from a pack.
const MAX_PATH: usize = 600;

/// One path segment made from foreign text (an operation, a source, an id): letters, digits, `-`, `_` and `.` only.
pub(crate) fn segment(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let safe = c.is_ascii_alphanumeric() || c == '_' || (c == '.' && !name.ends_with('.'));
        if safe {
            name.push(c);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() >= MAX_SEGMENT {
            break;
        }
    }
    let name = name.trim_matches(['.', '-']);
    match name {
        "" => "unnamed".to_owned(),
        name if reserved(name) => format!("_{name}"),
        name => name.to_owned(),
    }
}

/// Whether `path` is one that [`segment`] and the pack's layout can give: relative, no `.` or `..`, no other character.
pub(crate) fn is_safe_path(path: &str) -> bool {
    path.len() <= MAX_PATH
        && path.split('/').all(|segment| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && !segment.ends_with('.')
                && !reserved(segment)
                && segment.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        })
}

/// Device names of Windows, with or without an extension.
fn reserved(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || (stem.len() == 4
            && (stem.starts_with("com") || stem.starts_with("lpt"))
            && stem.ends_with(|c: char| c.is_ascii_digit()))
}

/// Names given out so far; two that differ only in case would be one file on some systems.
#[cfg(feature = "write")]
#[derive(Debug, Default)]
pub(crate) struct Taken(BTreeSet<String>);

#[cfg(feature = "write")]
impl Taken {
    /// `wanted`, or `wanted-2`, `wanted-3` ... when that is taken.
    pub(crate) fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 2;
        while !self.0.insert(name.to_ascii_lowercase()) {
            name = format!("{wanted}-{number}");
            number += 1;
        }
        name
    }
}

#[cfg(test)]
#[cfg(feature = "write")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn operations_become_readable_segments() {
        assert_eq!(segment("GET /orgs/{org}/members"), "GET-orgs-org-members");
        assert_eq!(segment("iam:ListUsers"), "iam-ListUsers");
    }

    #[test]
    fn names_never_lead_out_of_the_pack() {
        for hostile in
            ["../../etc/passwd", "/etc/passwd", "..", ".", "C:\\x", "a\0b", "", "aux", "COM1.txt", "\u{202e}txt"]
        {
            let name = segment(hostile);
            assert!(is_safe_path(&name), "{hostile:?} gave {name:?}");
            assert!(!name.contains('/'));
        }
        for hostile in ["../x", "/x", "a/../b", "a//b", "a/", "x\\y", "a/.b", "nul.txt", "a b", "c:x", "ü"] {
            assert!(!is_safe_path(hostile), "{hostile:?}");
        }
    }

    #[test]
    fn names_that_differ_in_case_only_are_kept_apart() {
        let mut taken = Taken::default();
        assert_eq!(taken.unique("HR"), "HR");
        assert_eq!(taken.unique("hr"), "hr-2");
    }

    proptest! {
        #[test]
        fn any_text_gives_a_safe_segment(text in any::<String>()) {
            let name = segment(&text);
            prop_assert!(is_safe_path(&name), "{name:?}");
            prop_assert!(name.len() <= MAX_SEGMENT + 1);
        }
    }
}
