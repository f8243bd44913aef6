//! `evidenced log`: the log as other people's tools read it, one file a verb. It reads beside a running daemon.

mod checkpoint;
mod prove;
mod restore;
mod rotate;
mod tail;
mod timestamp;
mod witness;

pub(crate) use tail::what;

use super::args::Global;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use clap::Subcommand;
use std::path::PathBuf;

/// Verbs of `log`.
#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// The signed checkpoint with the cosignatures of witnesses: keep it, and later growth can be proven from it
    #[command(after_help = "Example: evidenced log checkpoint > pinned-2026-01-31.txt")]
    Checkpoint,
    /// A proof in one file: that an entry is in the log, or that the log only grew since a size you pinned
    #[command(after_help = "Examples:\n  evidenced log prove 42 -o entry-42.tlog-proof\n  \
        evidenced log prove --from 120 -o since-120.txt")]
    Prove {
        /// The entry, counted from 0
        #[arg(required_unless_present = "from", conflicts_with = "from")]
        index: Option<u64>,
        /// Prove growth from the log of this many entries to the present checkpoint instead
        #[arg(long, value_name = "SIZE")]
        from: Option<u64>,
        /// File to write, which must not exist; absent: stdout
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// The latest entries
    #[command(after_help = "Example: evidenced log tail -n 50 --format json")]
    Tail {
        /// How many
        #[arg(short, default_value_t = 20, value_name = "COUNT")]
        n: u64,
        /// Go on printing entries as they are sealed, until Ctrl-C
        #[arg(long)]
        follow: bool,
    },
    /// Ask the configured witnesses now to cosign the checkpoint
    #[command(
        after_help = "The daemon asks at the cadence of `[log] witness_every`; this is for when it does not run.\n\
        Example: evidenced log witness"
    )]
    Witness,
    /// Have the log stamped by the configured authorities now, each token verified before it is kept
    #[command(
        after_help = "The daemon asks at the cadence of `[log] timestamp_every`; this is for when it does not run.\n\
        Example: evidenced log timestamp tsa.example"
    )]
    Timestamp {
        /// Only by this authority
        authority: Option<String>,
    },
    /// Change the log's key: the old one signs an entry that names the new one
    #[command(after_help = ROTATE)]
    Rotate {
        /// File for the new key, which must not exist; absent: beside the old one, with the new key's identifier
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Take up a restored or copied store again, although a newer checkpoint of its log is held elsewhere
    #[command(after_help = RESTORE)]
    Restore {
        /// Who decides it
        #[arg(long, value_name = "NAME")]
        by: String,
        /// Why, and what became of the newer copy
        #[arg(long)]
        reason: String,
        /// A checkpoint of this log that somebody else holds, to be cited
        #[arg(long, value_name = "FILE")]
        held: Vec<PathBuf>,
    },
}

const ROTATE: &str = "The first checkpoint after the change is signed with both keys and kept for good. Put the two lines that are \
printed into the configuration before anything else is written: with `previous_key` both keys sign, so that whoever verifies has time \
to change. Where a key was stolen this does not undo what the thief signed: trust only what was witnessed or stamped before, see \
deploy/runbook.md.\n\nExample: evidenced log rotate";

const RESTORE: &str = "A store refuses to write when its lock database, its published log, its mirror or a witness holds a checkpoint that \
its entries do not extend: then it is an older copy, or one of two that went apart. Bring back the newest copy if there is one. If it is \
lost, this seals an entry that cites every such checkpoint with your reason, and goes on from what is here. Auditors will see it.\n\n\
A copy that was rolled back together with all of these, and a copy that never met them, cannot be told from the original: only a \
witness, a mirror elsewhere, or a checkpoint somebody pinned tells. A witness that was ahead refuses this log from here on, until \
whoever runs it resets it.\n\n\
Example: evidenced log restore --by 'Ada Lovelace' --reason 'disk of db1 lost on 3 May, backup of 2 May restored'";

pub(super) async fn log(settings: Settings, command: LogCommand, global: &Global) -> Result<Exit, Failure> {
    match command {
        LogCommand::Checkpoint => checkpoint::checkpoint(&settings, global),
        LogCommand::Prove { index, from, output } => prove::prove(&settings, index, from, output.as_deref(), global),
        LogCommand::Witness => witness::witness(settings, global).await,
        LogCommand::Timestamp { authority } => timestamp::timestamp(settings, authority.as_deref(), global).await,
        LogCommand::Rotate { output } => rotate::rotate(settings, output, global),
        LogCommand::Restore { by, reason, held } => restore::restore(settings, &by, &reason, &held, global),
        LogCommand::Tail { n, follow } => tail::tail(&settings, n, follow, global).await,
    }
}
