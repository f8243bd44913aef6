//! The client's side of C2SP tlog-witness: what to send, and what each answer means. It sends nothing itself.
//!
//! An answer is a claim of somebody else's server. A cosignature counts when it verifies; a size only ever makes this side
//! prove more or stop, never sign or forget anything.

use crate::checkpoint::SignedCheckpoint;
use crate::consistency::ConsistencyFile;
use crate::cosignature;
use crate::key::VerifierKey;
use crate::note::{Note, NoteSignature};
use crate::text;
use crate::tree::Consistency;

/// Requests of one dialogue: one with the size believed, one with the size the witness names, one more where it went on meanwhile.
const MOST_REQUESTS: u32 = 3;

/// Media type of a size.
const SIZE: &str = "text/x.tlog.size";

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The witness's lines over the checkpoint, verified.
    Cosigned(Vec<NoteSignature>),
    /// Ask again, from [`Dialogue::old_size`].
    Again,
    /// The witness holds a log of so many entries, more than were shown to it.
    Ahead(u64),
    /// The witness holds another log of so many entries.
    Forked(u64),
    /// No cosignature, and nothing is said of the log.
    Refused(Refusal),
}

/// Why a witness gave no cosignature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// 400.
    #[error("it finds the request malformed: {0}")]
    Malformed(String),
    /// 403.
    #[error("it does not trust the key that signed the checkpoint")]
    Key,
    /// 404.
    #[error("it does not know this log, or the address is not a witness's")]
    Unknown,
    /// 409 again and again.
    #[error("it keeps naming another size than the one it named before")]
    Restless,
    /// 409 without a size.
    #[error("it answered 409 without the size it holds")]
    NoSize,
    /// 422 where nothing had to be proven.
    #[error("it does not accept an empty proof from an empty log")]
    Proof,
    /// 200 without a cosignature of its key that holds.
    #[error("it answered with no cosignature that holds: {0}")]
    Cosignature(String),
    /// Anything else.
    #[error("it answered {0}")]
    Status(u16),
}

impl Refusal {
    /// How to mend it.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Key | Self::Unknown => {
                "give whoever runs the witness the log's origin and verifier key (`evidenced log checkpoint --format json`)"
            }
            Self::Cosignature(_) => "look whether `key` is the present key of that witness",
            Self::Status(300..=399) => {
                "write the address it redirects to into the configuration, if it is still the witness's"
            }
            Self::Malformed(_) | Self::NoSize | Self::Restless | Self::Proof | Self::Status(_) => {
                "look at the witness, or ask whoever runs it; it is asked again at the next cadence"
            }
        }
    }
}

/// Getting one checkpoint cosigned by one witness.
#[derive(Debug, Clone)]
pub struct Dialogue {
    checkpoint: SignedCheckpoint,
    witness: VerifierKey,
    old: u64,
    /// Whether `old` is the witness's own word.
    told: bool,
    requests: u32,
}

impl Dialogue {
    /// Begins with the size the witness is believed to hold; 0 when nothing is known.
    pub fn new(checkpoint: &SignedCheckpoint, witness: &VerifierKey, believed: u64) -> Self {
        let checkpoint = checkpoint.without_cosignatures();
        let old = believed.min(checkpoint.size());
        Self { checkpoint, witness: witness.clone(), old, told: false, requests: 0 }
    }

    /// The size from which growth has to be proven in the next request.
    pub const fn old_size(&self) -> u64 {
        self.old
    }

    /// The request: `growth` leads from [`Self::old_size`] to the checkpoint.
    pub fn request(&self, growth: Consistency) -> String {
        ConsistencyFile::new(growth, &self.checkpoint).to_string()
    }

    /// What the answer to that request means.
    pub fn answer(&mut self, status: u16, media_type: &str, body: &[u8]) -> Step {
        self.requests += 1;
        match status {
            200 => self.cosigned(body),
            409 => self.conflict(media_type, body),
            // the proof was ours and whole: where the witness had the size it starts from, it has another root there
            422 if self.old > 0 => Step::Forked(self.old),
            422 => Step::Refused(Refusal::Proof),
            400 => {
                let words = String::from_utf8_lossy(body).chars().filter(|c| !c.is_control()).take(120).collect();
                Step::Refused(Refusal::Malformed(words))
            }
            403 => Step::Refused(Refusal::Key),
            404 => Step::Refused(Refusal::Unknown),
            other => Step::Refused(Refusal::Status(other)),
        }
    }

    fn cosigned(&self, body: &[u8]) -> Step {
        let refused = |problem: String| Step::Refused(Refusal::Cosignature(problem));
        let lines = match Note::parse_signatures(body) {
            Ok(lines) => lines,
            Err(error) => return refused(error.to_string()),
        };
        // lines of keys that nobody here knows are left out
        let lines: Vec<NoteSignature> = lines.into_iter().filter(|line| line.names(&self.witness)).collect();
        let mut cosigned = self.checkpoint.clone();
        for line in &lines {
            if let Err(error) = cosigned.add(line.clone()) {
                return refused(error.to_string());
            }
        }
        match cosignature::verify(&cosigned, &self.witness) {
            Ok(_) => Step::Cosigned(lines),
            Err(error) => refused(error.to_string()),
        }
    }

    fn conflict(&mut self, media_type: &str, body: &[u8]) -> Step {
        let size = std::str::from_utf8(body).ok().and_then(|body| text::decimal(body.strip_suffix('\n')?));
        let Some(size) = size.filter(|_| media_type == SIZE) else { return Step::Refused(Refusal::NoSize) };
        let shown = self.checkpoint.size();
        if size > shown {
            Step::Ahead(size)
        } else if size == shown && self.old == shown {
            // asked from the very size it holds, it can only mean another root
            Step::Forked(size)
        } else if self.requests >= MOST_REQUESTS || (self.told && size <= self.old) {
            // a witness never goes back, and one that names the size it was asked from is not making sense
            Step::Refused(Refusal::Restless)
        } else {
            (self.old, self.told) = (size, true);
            Step::Again
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{self, MemoryNodes};
    use crate::{Checkpoint, SigningKey, WitnessKey};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn key() -> SigningKey {
        SigningKey::from_seed("log.example/a", &[1; 32]).unwrap()
    }

    fn witness_key() -> WitnessKey {
        WitnessKey::from_seed("witness.example/w", &[2; 32]).unwrap()
    }

    /// A log of `size` entries; those from `fork` on are of another history.
    fn log(size: u64, fork: u64) -> (MemoryNodes, SignedCheckpoint) {
        let mut nodes = MemoryNodes::new();
        for n in 0..size {
            let history = u8::from(n >= fork);
            nodes.push(tree::leaf_hash(&[&n.to_be_bytes()[..], &[history]].concat())).unwrap();
        }
        let root = tree::root(&nodes, size).unwrap();
        let checkpoint = Checkpoint { origin: key().name().to_owned(), size, root }.sign(&key()).unwrap();
        (nodes, checkpoint)
    }

    /// The server's side, by the specification.
    fn serve(latest: &mut Option<SignedCheckpoint>, request: &str) -> (u16, &'static str, Vec<u8>) {
        let file = ConsistencyFile::parse(request.as_bytes()).unwrap();
        let checkpoint = SignedCheckpoint::open(&file.checkpoint, key().verifier()).unwrap();
        let held = latest.as_ref().map_or(0, SignedCheckpoint::size);
        if file.consistency.old_size > checkpoint.size() {
            return (400, "text/plain", b"old is larger".to_vec());
        }
        let size = |size: u64| (409, SIZE, format!("{size}\n").into_bytes());
        if file.consistency.old_size != held {
            return size(held);
        }
        if let Some(latest) = latest {
            if latest.size() == checkpoint.size() && latest.root() != checkpoint.root() {
                return size(held);
            }
            if file.verify(latest, key().verifier()).is_err() {
                return (422, "text/plain", Vec::new());
            }
        }
        let line = witness_key().cosign(&checkpoint, Timestamp::from_second(1_800_000_000).unwrap()).unwrap();
        *latest = Some(checkpoint);
        (200, "text/plain", format!("{line}\n").into_bytes())
    }

    fn talk(nodes: &MemoryNodes, dialogue: &mut Dialogue, latest: &mut Option<SignedCheckpoint>) -> (Step, u32) {
        for n in 1..10 {
            let size = dialogue.checkpoint.size();
            let growth = tree::consistency_proof(nodes, dialogue.old_size(), size).unwrap();
            let (status, media_type, body) = serve(latest, &dialogue.request(growth));
            match dialogue.answer(status, media_type, &body) {
                Step::Again => {}
                step => return (step, n),
            }
        }
        panic!("the dialogue does not end")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn whatever_is_believed_an_honest_witness_cosigns_within_two_requests(
            size in 1_u64..40, held in 0_u64..40, believed in 0_u64..60,
        ) {
            prop_assume!(held <= size);
            let (nodes, checkpoint) = log(size, 99);
            let mut latest = (held > 0).then(|| log(held, 99).1);
            let mut dialogue = Dialogue::new(&checkpoint, witness_key().verifier(), believed);
            let (step, requests) = talk(&nodes, &mut dialogue, &mut latest);
            prop_assert!(matches!(step, Step::Cosigned(_)), "{step:?}");
            prop_assert!(requests <= 2);
            prop_assert_eq!(latest.unwrap().size(), size);
        }

        #[test]
        fn a_witness_ahead_or_of_another_history_is_told_apart_from_all_else(
            size in 1_u64..40, held in 1_u64..40, fork in 0_u64..40, believed in 0_u64..60,
        ) {
            let (nodes, checkpoint) = log(size, 99);
            let other = log(held, fork).1;
            let mut latest = Some(other.clone());
            let mut dialogue = Dialogue::new(&checkpoint, witness_key().verifier(), believed);
            let (step, _) = talk(&nodes, &mut dialogue, &mut latest);
            if held > size {
                prop_assert_eq!(step, Step::Ahead(held));
            } else if fork < held {
                prop_assert_eq!(step, Step::Forked(held));
                prop_assert_eq!(latest, Some(other));
            } else {
                prop_assert!(matches!(step, Step::Cosigned(_)), "{step:?}");
            }
        }

        #[test]
        fn no_answers_at_all_keep_a_dialogue_going_or_pass_for_a_cosignature(
            answers in proptest::collection::vec((
                prop_oneof![Just(200_u16), Just(409), Just(422), Just(400), Just(403), Just(404), any::<u16>()],
                prop_oneof![Just(SIZE), Just("text/plain")],
                prop_oneof![(0_u64..60).prop_map(|n| format!("{n}\n").into_bytes()), proptest::collection::vec(any::<u8>(), 0..40)],
            ), 6),
            believed in 0_u64..60,
        ) {
            let (_, checkpoint) = log(20, 99);
            let mut dialogue = Dialogue::new(&checkpoint, witness_key().verifier(), believed);
            let mut ended = false;
            for (n, (status, media_type, body)) in answers.iter().enumerate() {
                prop_assert!(dialogue.old_size() <= 20);
                let step = dialogue.answer(*status, media_type, body);
                prop_assert!(!matches!(step, Step::Cosigned(_)));
                if let Step::Ahead(size) = step {
                    prop_assert!(size > 20);
                }
                if step != Step::Again {
                    ended = true;
                    prop_assert!(n < MOST_REQUESTS as usize);
                    break;
                }
            }
            prop_assert!(ended);
        }
    }

    #[test]
    fn a_cosignature_of_another_checkpoint_or_key_is_none() {
        let (_, checkpoint) = log(5, 99);
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let stranger = WitnessKey::from_seed("witness.example/w", &[3; 32]).unwrap();
        let own = witness_key().cosign(&checkpoint, at).unwrap();
        let foreign = stranger.cosign(&checkpoint, at).unwrap();
        let stale = witness_key().cosign(&log(4, 99).1, at).unwrap();
        let answer = |body: String| {
            Dialogue::new(&checkpoint, witness_key().verifier(), 0).answer(200, "text/plain", body.as_bytes())
        };
        assert_eq!(answer(format!("{foreign}\n{own}\n")), Step::Cosigned(vec![own.clone()]));
        for body in [format!("{foreign}\n"), format!("{stale}\n"), format!("{own}"), String::new(), "\n".into()] {
            assert!(matches!(answer(body.clone()), Step::Refused(Refusal::Cosignature(_))), "{body:?}");
        }
    }
}
