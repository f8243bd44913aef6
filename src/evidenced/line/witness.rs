//! Witnesses: somebody else's servers that cosign the log as long as it only grows, and that tell a copy from the one log.
//!
//! One that does not answer stops nothing. One that knows another log stops all writing.

use super::{Line, proxy};
use crate::failure::Failure;
use crate::settings::{Settings, Witness};
use egress::{Proxy, add_checkpoint};
use ledger::SignedCheckpoint;
use ledger::witness::{Dialogue, Step};
use std::time::Duration;
use store::{Asked, Cosigned, Held, Reader};

/// Time for one request in the background.
const PATIENCE: Duration = Duration::from_secs(30);

/// Time for one request while a command waits to open the store.
const PATIENCE_AT_OPEN: Duration = Duration::from_secs(5);

/// What came of asking one witness.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its name.
    pub(crate) witness: String,
    /// What it said.
    pub(crate) outcome: Outcome,
}

/// What a witness said.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It cosigned.
    Cosigned(Cosigned),
    /// It holds a log that this one does not extend.
    Held(Held),
    /// Nothing that can be used.
    Nothing {
        /// Why.
        problem: String,
        /// What mends it.
        help: String,
    },
}

/// Shows `checkpoint` to every witness of `settings`, all at once.
async fn ask(settings: &Settings, reader: &Reader, checkpoint: &SignedCheckpoint, patience: Duration) -> Vec<Answer> {
    let way = proxy(settings);
    let mut asking = tokio::task::JoinSet::new();
    for (position, witness) in settings.log.witnesses.iter().cloned().enumerate() {
        let (reader, checkpoint) = (reader.clone(), checkpoint.clone());
        let way = way.as_ref().map(Clone::clone).map_err(|failure| Outcome::Nothing {
            problem: failure.message.clone(),
            help: failure.help.clone().unwrap_or_default(),
        });
        asking.spawn(async move {
            let outcome = match way {
                Ok(proxy) => ask_one(&witness, &reader, &checkpoint, (patience, proxy)).await,
                Err(outcome) => outcome,
            };
            (position, Answer { witness: witness.name().to_owned(), outcome })
        });
    }
    let mut answers: Vec<(usize, Answer)> = asking.join_all().await;
    answers.sort_by_key(|(position, _)| *position);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn ask_one(
    witness: &Witness,
    reader: &Reader,
    checkpoint: &SignedCheckpoint,
    (patience, proxy): (Duration, Option<Proxy>),
) -> Outcome {
    let name = witness.name();
    let known = reader.cosigned().unwrap_or_default();
    let believed =
        known.iter().filter(|cosigned| cosigned.names(&witness.key)).map(|cosigned| cosigned.checkpoint().size()).max();
    let mut dialogue = Dialogue::new(checkpoint, &witness.key, believed.unwrap_or_default());
    let shown = checkpoint.size();
    loop {
        let growth = match reader.consistency_between(dialogue.old_size(), shown) {
            Ok(growth) => growth,
            Err(error) => {
                let help = error.help().unwrap_or_default();
                return Outcome::Nothing { problem: error.to_string(), help };
            }
        };
        let reply = match add_checkpoint(&witness.url, dialogue.request(growth), patience, proxy.clone()).await {
            Ok(reply) => reply,
            Err(error) => {
                let help = "look whether it is up and this host may reach it; it is asked again at the next cadence";
                return Outcome::Nothing { problem: error.to_string(), help: help.to_owned() };
            }
        };
        let held = |size, problem| Outcome::Held(Held { by: name.to_owned(), size, checkpoint: None, problem });
        return match dialogue.answer(reply.status, &reply.media_type, &reply.body) {
            Step::Again => continue,
            Step::Cosigned(lines) => match Cosigned::new(checkpoint, &witness.key, &lines) {
                Ok(cosigned) => Outcome::Cosigned(cosigned),
                Err(error) => Outcome::Nothing { problem: error.to_string(), help: String::new() },
            },
            Step::Ahead(size) => {
                held(size, format!("witness `{name}` has cosigned a log of {size} entries, {shown} are signed here"))
            }
            Step::Forked(size) => held(
                size,
                format!("witness `{name}` has cosigned a log of {size} entries that the {shown} here do not extend"),
            ),
            Step::Refused(refusal) => {
                Outcome::Nothing { problem: refusal.to_string(), help: refusal.help().to_owned() }
            }
        };
    }
}

/// What the store has to know of it.
fn asked(answers: &[Answer]) -> Asked {
    let mut asked = Asked::default();
    for answer in answers {
        match &answer.outcome {
            Outcome::Cosigned(cosigned) => asked.cosigned.push(cosigned.clone()),
            Outcome::Held(held) => asked.held.push(held.clone()),
            Outcome::Nothing { problem, help } => {
                tracing::warn!(witness = answer.witness, problem, help, "witness not heard");
            }
        }
    }
    asked
}

/// Asks while a store is being opened, by a command that may run outside any runtime or inside one.
pub(super) fn consult(settings: &Settings, reader: &Reader, checkpoint: &SignedCheckpoint) -> Asked {
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let answers = runtime.map(|runtime| runtime.block_on(ask(settings, reader, checkpoint, PATIENCE_AT_OPEN)));
            answers.unwrap_or_else(|error| {
                tracing::warn!(%error, "witnesses not asked");
                Vec::new()
            })
        });
        asked(&asking.join().unwrap_or_default())
    })
}

impl Line {
    /// Asks every witness to cosign the published checkpoint, and keeps what they say. Fails when one of them knows
    /// another log: then nothing more is written.
    pub(crate) async fn witness(&self) -> Result<Vec<Answer>, Failure> {
        let settings = self.settings();
        if settings.log.witnesses.is_empty() {
            return Ok(Vec::new());
        }
        let reader = self.reader()?;
        let checkpoint = reader.checkpoint()?;
        let answers = ask(&settings, &reader, &checkpoint, PATIENCE).await;
        self.store()?.witnessed(&asked(&answers))?;
        Ok(answers)
    }

    /// The same where nobody waits for a future, with less patience.
    pub(crate) fn witness_now(&self) -> Result<(), Failure> {
        let settings = self.settings();
        if settings.log.witnesses.is_empty() {
            return Ok(());
        }
        let reader = self.reader()?;
        let asked = consult(&settings, &reader, &reader.checkpoint()?);
        Ok(self.store()?.witnessed(&asked)?)
    }

    /// Whether a witness has not seen all there is.
    pub(crate) fn has_unwitnessed(&self) -> Result<bool, Failure> {
        let settings = self.settings();
        let reader = self.reader()?;
        let size = reader.checkpoint()?.size();
        let cosigned = reader.cosigned()?;
        let seen = |witness: &Witness| {
            cosigned.iter().any(|cosigned| cosigned.names(&witness.key) && cosigned.checkpoint().size() == size)
        };
        Ok(!settings.log.witnesses.iter().all(seen))
    }
}
