//! Evidence that people add: a document, a screenshot, an export, with who, when, and for what.

use crate::finding::Word;
use crate::refusal::{Guard, Refusal, named, said};
use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// What is added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addition {
    /// What it is.
    pub title: String,
    /// The file's own name, without a folder.
    pub file: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// Its media type.
    pub media_type: String,
    /// Controls it speaks for: `iso27001:2022/A.5.1`.
    pub controls: Vec<String>,
    /// First instant of the time it speaks of.
    pub from: Timestamp,
    /// First instant after that time.
    pub to: Timestamp,
    /// First instant it may no longer be relied on; none: it does not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// Evidence that a person added (`evidenced/evidence/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// `evidence-<n>`.
    pub id: String,
    /// What was added.
    #[serde(flatten)]
    pub addition: Addition,
    /// Who added it, and when.
    pub added: Word,
    /// Who said that it may not be relied on after all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Word>,
}

/// An evidence event (`evidenced/evidence-event/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceEvent {
    /// `evidenced/evidence-event/v1`.
    pub schema: String,
    /// `added` or `withdrawn`.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// The whole of it after the event.
    pub evidence: Evidence,
}

impl EvidenceEvent {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/evidence-event/v1";
    /// Media type of a sealed event.
    pub const MEDIA_TYPE: &'static str = "application/vnd.evidenced.evidence-event+json";

    fn new(event: &str, word: &Word, evidence: Evidence) -> Self {
        Self { schema: Self::SCHEMA.to_owned(), event: event.to_owned(), at: word.at, by: word.by.clone(), evidence }
    }
}

impl Evidence {
    /// Adds a file. `number` counts them from 1.
    pub fn add(
        number: usize,
        addition: Addition,
        by: &str,
        note: &str,
        at: Timestamp,
    ) -> Result<EvidenceEvent, Refusal> {
        named(by)?;
        said(Guard::Reason, "what it is", &addition.title)?;
        if addition.controls.is_empty() {
            return Err(Refusal::new(Guard::Scope, "it speaks for no control", "name one with --control"));
        }
        if addition.to <= addition.from {
            return Err(Refusal::new(Guard::Date, "the time it speaks of ends before it begins", "swap its ends"));
        }
        if addition.bytes == 0 {
            return Err(Refusal::new(Guard::Evidence, "the file is empty", "an empty file shows nothing"));
        }
        if addition.expires.is_some_and(|expires| expires <= at) {
            return Err(Refusal::new(Guard::Expiry, "it has expired already", "name an end in the future, or none"));
        }
        let added = Word { by: by.trim().to_owned(), at, note: note.trim().to_owned() };
        let evidence = Self { id: format!("evidence-{number}"), addition, added: added.clone(), withdrawn: None };
        Ok(EvidenceEvent::new("added", &added, evidence))
    }

    /// Says that it may not be relied on after all. The file stays sealed.
    pub fn withdraw(&self, reason: &str, by: &str, at: Timestamp) -> Result<EvidenceEvent, Refusal> {
        named(by)?;
        said(Guard::Reason, "why it is withdrawn", reason)?;
        if let Some(before) = &self.withdrawn {
            let problem = format!("{} was withdrawn by {} already", self.id, before.by);
            return Err(Refusal::new(Guard::State, problem, "add the file that replaces it"));
        }
        let word = Word { by: by.trim().to_owned(), at, note: reason.trim().to_owned() };
        let evidence = Self { withdrawn: Some(word.clone()), ..self.clone() };
        Ok(EvidenceEvent::new("withdrawn", &word, evidence))
    }

    /// `valid`, `expired` or `withdrawn` at that instant.
    pub fn standing(&self, at: Timestamp) -> &'static str {
        match (&self.withdrawn, self.addition.expires) {
            (Some(_), _) => "withdrawn",
            (None, Some(expires)) if at >= expires => "expired",
            (None, _) => "valid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    fn addition() -> Addition {
        Addition {
            title: "Minutes of the management review".into(),
            file: "minutes.pdf".into(),
            bytes: 3,
            sha256: Digest::of(b"pdf"),
            media_type: "application/pdf".into(),
            controls: vec!["iso27001:2022/9.3".into()],
            from: at(-100),
            to: at(-50),
            expires: Some(at(100)),
        }
    }

    #[test]
    fn it_is_valid_until_it_expires_or_is_withdrawn() {
        let added = Evidence::add(1, addition(), " Ada ", "", at(0)).unwrap();
        assert_eq!((added.event.as_str(), added.by.as_str()), ("added", "Ada"));
        let evidence = added.evidence;
        assert_eq!([99, 100].map(|second| evidence.standing(at(second))), ["valid", "expired"]);
        let withdrawn = evidence.withdraw("the wrong year", "Grace", at(5)).unwrap().evidence;
        assert_eq!(withdrawn.standing(at(6)), "withdrawn");
        assert_eq!(withdrawn.withdraw("again", "Grace", at(6)).unwrap_err().guard, Guard::State);
        assert_eq!(evidence.withdraw(" ", "Grace", at(6)).unwrap_err().guard, Guard::Reason);
    }

    #[test]
    fn every_guard_refuses() {
        let guard = |addition, by: &str| Evidence::add(1, addition, by, "", at(0)).unwrap_err().guard;
        assert_eq!(guard(addition(), ""), Guard::Person);
        assert_eq!(guard(Addition { title: " ".into(), ..addition() }, "Ada"), Guard::Reason);
        assert_eq!(guard(Addition { controls: vec![], ..addition() }, "Ada"), Guard::Scope);
        assert_eq!(guard(Addition { to: at(-100), ..addition() }, "Ada"), Guard::Date);
        assert_eq!(guard(Addition { bytes: 0, ..addition() }, "Ada"), Guard::Evidence);
        assert_eq!(guard(Addition { expires: Some(at(0)), ..addition() }, "Ada"), Guard::Expiry);
    }
}
