//! Access reviews as arguments. Parsing only.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Verbs of `reviews`, in the order a campaign goes through them.
#[derive(Debug, Subcommand)]
pub(crate) enum ReviewsCommand {
    /// Every campaign, and what it waits for
    List,
    /// One campaign: its sources, how far it is, what it waits for
    Show {
        /// The campaign's id
        review: String,
    },
    /// The accounts of a campaign, what changed and stands out first
    Items {
        /// The campaign's id
        review: String,
        /// Only those that this person decides on
        #[arg(long, value_name = "WHO")]
        reviewer: Option<String>,
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<ItemStateWord>,
        /// Only those that many can be certified of at once: unchanged, nothing stands out, no administrators
        #[arg(long)]
        plain: bool,
    },
    /// One account of a campaign, with everything known and said of it
    Item {
        /// The campaign's id
        review: String,
        /// The account, as `evidenced reviews items` names it
        account: String,
    },
    /// Begin a campaign now; the daemon begins them by their schedule
    Start {
        /// The policy: NAME of `[reviews.NAME]`
        policy: String,
        /// Who starts it
        #[arg(long)]
        by: String,
        /// The ended campaign that this one corrects
        #[arg(long, value_name = "REVIEW")]
        corrects: Option<String>,
    },
    /// Do what time and evidence ask for, as the daemon does: open, remind, escalate, prove removals
    Advance,
    /// Leave a source out this time: by its owner, with a reason and a plan
    Defer {
        /// The campaign's id
        review: String,
        /// The source
        source: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// How it is made up for
        #[arg(long)]
        plan: String,
        /// Who says so
        #[arg(long)]
        by: String,
    },
    /// Decide on accounts; the same answer for each
    Decide(DecideArgs),
    /// Say that the deciding is over; every account needs a decision
    Conclude {
        /// The campaign's id
        review: String,
        /// The campaign's owner
        #[arg(long)]
        by: String,
    },
    /// Say who removes something, and where it is tracked
    Assign {
        #[command(flatten)]
        of: RemovalArgs,
        /// Who does it
        #[arg(long)]
        assignee: String,
        /// The ticket
        #[arg(long)]
        ticket: Option<String>,
    },
    /// Say that a removal is done; only a later snapshot proves it
    Claim {
        #[command(flatten)]
        of: RemovalArgs,
        /// What was done
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Attest a removal of a system that is not collected any more: a second person, on attached evidence
    Attest {
        #[command(flatten)]
        of: RemovalArgs,
        /// What was looked at
        #[arg(long)]
        note: String,
        /// Evidence that shows it: the id of a snapshot or of added evidence
        #[arg(long, required = true)]
        evidence: Vec<String>,
    },
    /// Carry a removal that takes longer on as a finding with an owner and a due date
    Carry {
        #[command(flatten)]
        of: RemovalArgs,
        /// The finding
        #[arg(long)]
        finding: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Sign a campaign and seal its report
    SignOff {
        /// The campaign's id
        review: String,
        /// What is signed
        #[arg(long)]
        statement: String,
        /// The campaign's owner
        #[arg(long)]
        by: String,
    },
    /// End a campaign without a result; it stays in sight
    Cancel {
        /// The campaign's id
        review: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// The campaign's owner
        #[arg(long)]
        by: String,
    },
    /// Write a campaign to a file
    Export {
        /// The campaign's id
        review: String,
        /// Where to; the ending says as what: csv, xlsx, json, html or pdf
        #[arg(long, short)]
        output: PathBuf,
    },
}

/// Where an account of a campaign stands.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ItemStateWord {
    /// Nobody decided yet
    Pending,
    /// Nobody decided in time
    NotReviewed,
    /// Somebody decided
    Decided,
}

/// Of which removal.
#[derive(Debug, Args)]
pub(crate) struct RemovalArgs {
    /// The campaign's id
    pub(crate) review: String,
    /// The account
    pub(crate) account: String,
    /// Who says so
    #[arg(long)]
    pub(crate) by: String,
}

/// One answer.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag of the command line")]
#[command(group(clap::ArgGroup::new("answer").required(true)))]
pub(crate) struct DecideArgs {
    /// The campaign's id
    pub(crate) review: String,
    /// Accounts, as `evidenced reviews items` names them
    #[arg(required_unless_present = "plain")]
    pub(crate) accounts: Vec<String>,
    /// It may stay as it is
    #[arg(long, group = "answer")]
    pub(crate) certify: bool,
    /// It goes
    #[arg(long, group = "answer")]
    pub(crate) revoke: bool,
    /// It keeps these grants only; may be given several times
    #[arg(long, group = "answer", value_name = "GRANT")]
    pub(crate) keep: Vec<String>,
    /// It stays for now although it should not: until this day or instant
    #[arg(long, group = "answer", value_name = "UNTIL", requires = "approver")]
    pub(crate) except_until: Option<String>,
    /// Who approved that exception; not who decides
    #[arg(long, value_name = "WHO")]
    pub(crate) approver: Option<String>,
    /// Somebody else decides
    #[arg(long, group = "answer", value_name = "WHO")]
    pub(crate) reassign: Option<String>,
    /// The campaign's owner decides
    #[arg(long, group = "answer")]
    pub(crate) escalate: bool,
    /// It is not yours to decide; it goes back to the campaign's owner
    #[arg(long, group = "answer")]
    pub(crate) not_mine: bool,
    /// Why; needed for all but the certifying of what does not stand out
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// Who decides
    #[arg(long)]
    pub(crate) by: String,
    /// Several accounts in one look: only unchanged ones of which nothing stands out, and the number is kept
    #[arg(long)]
    pub(crate) bulk: bool,
    /// All of yours that are plain and undecided, in one look
    #[arg(long, requires = "bulk", conflicts_with = "accounts")]
    pub(crate) plain: bool,
    /// When you first looked at them: how long you did is kept
    #[arg(long, value_name = "INSTANT")]
    pub(crate) looked_at: Option<String>,
    /// Newest entry of the items as you saw them: refused when somebody decided since
    #[arg(long, value_name = "ENTRY")]
    pub(crate) seen: Option<u64>,
}
