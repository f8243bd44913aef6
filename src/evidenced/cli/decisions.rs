//! What people can be asked to decide, as arguments. Parsing only.

use super::args::ListCommand;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use workflow::{Class, Dismissal};

/// Whom a step is of.
#[derive(Debug, Args)]
pub(crate) struct ActArgs {
    /// The finding's id
    pub(crate) id: String,
    /// Who acts: the same name or address each time
    #[arg(long)]
    pub(crate) by: String,
    /// Entry of the finding's last event as you saw it: refused when something happened since
    #[arg(long, value_name = "ENTRY")]
    pub(crate) looked_at: Option<u64>,
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ClassWord {
    /// A nonconformity that questions the control as a whole
    Major,
    /// A nonconformity that does not
    Minor,
    /// Something that could be better
    Opportunity,
    /// Something noted
    Observation,
}

impl ClassWord {
    pub(crate) const fn class(self) -> Class {
        match self {
            Self::Major => Class::Major,
            Self::Minor => Class::Minor,
            Self::Opportunity => Class::Opportunity,
            Self::Observation => Class::Observation,
        }
    }
}

/// Why a draft is no finding.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum DismissalWord {
    /// The members do not fail
    FalsePositive,
    /// Another finding says the same
    Duplicate,
    /// The members are outside what the control covers
    OutOfScope,
    /// An exception covers it; it comes back when that ends
    CoveredByException,
}

impl DismissalWord {
    pub(crate) const fn dismissal(self) -> Dismissal {
        match self {
            Self::FalsePositive => Dismissal::FalsePositive,
            Self::Duplicate => Dismissal::Duplicate,
            Self::OutOfScope => Dismissal::OutOfScope,
            Self::CoveredByException => Dismissal::CoveredByException,
        }
    }
}

/// Verbs of `findings`, in the order a finding goes through them.
#[derive(Debug, Subcommand)]
pub(crate) enum FindingsCommand {
    #[command(flatten)]
    Look(ListCommand),
    /// Raise a finding that no check raises: of an audit, an incident, something seen
    Raise {
        /// What it is about
        #[arg(long)]
        title: String,
        /// What ought to be
        #[arg(long)]
        criteria: String,
        /// What is
        #[arg(long)]
        condition: String,
        /// What follows from it
        #[arg(long, default_value = "")]
        impact: String,
        /// What to do
        #[arg(long, default_value = "")]
        action: String,
        /// Class proposed; `confirm` sets it
        #[arg(long, value_enum, default_value = "minor")]
        class: ClassWord,
        /// A control concerned, like iso27001:2022/A.5.18
        #[arg(long)]
        control: Vec<String>,
        /// Who raises it
        #[arg(long)]
        by: String,
    },
    /// Confirm a draft and classify it
    Confirm {
        #[command(flatten)]
        acting: ActArgs,
        /// How grave it is
        #[arg(long, value_enum)]
        class: ClassWord,
        /// Anything to add
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Say that a draft is no finding; it stays visible
    Dismiss {
        #[command(flatten)]
        acting: ActArgs,
        /// Which reason
        #[arg(long = "as", value_enum)]
        why: DismissalWord,
        /// In words
        #[arg(long)]
        reason: String,
    },
    /// Say what is to be done, by whom and until when
    Plan {
        #[command(flatten)]
        acting: ActArgs,
        /// What was or will be done about the members at once
        #[arg(long, default_value = "")]
        correction: String,
        /// Why it could happen
        #[arg(long, default_value = "")]
        root_cause: String,
        /// How that was found: five whys, interview, log review
        #[arg(long, default_value = "")]
        method: String,
        /// Where the same was looked for, and what was found
        #[arg(long, default_value = "")]
        similar: String,
        /// What keeps it from happening again
        #[arg(long, default_value = "")]
        action: String,
        /// Who answers for it
        #[arg(long)]
        owner: String,
        /// Last day, like 2026-03-31
        #[arg(long)]
        due: String,
    },
    /// The owner says that it is done, and attaches evidence; a later snapshot verifies it
    Implement {
        #[command(flatten)]
        acting: ActArgs,
        /// What was done
        #[arg(long, default_value = "")]
        note: String,
        /// Id of a snapshot or of added evidence
        #[arg(long, num_args = 1.., required = true)]
        evidence: Vec<String>,
    },
    /// A second person says that it holds, where no check can show that
    Verify {
        #[command(flatten)]
        acting: ActArgs,
        /// What was looked at
        #[arg(long, default_value = "")]
        note: String,
        /// Id of a snapshot or of added evidence
        #[arg(long, num_args = 1.., required = true)]
        evidence: Vec<String>,
    },
    /// A second person closes what is verified
    Close {
        #[command(flatten)]
        acting: ActArgs,
        /// How effective the action is; of an opportunity or observation, why it is over
        #[arg(long)]
        effectiveness: String,
    },
    /// Accept the risk until an instant: by somebody other than its owner
    Accept {
        #[command(flatten)]
        acting: ActArgs,
        /// Who owns the risk; default: the finding's owner
        #[arg(long)]
        owner: Option<String>,
        /// Why
        #[arg(long)]
        reason: String,
        /// End: RFC 3339, or a date (its end in the organisation's zone)
        #[arg(long, value_name = "TIME")]
        until: String,
    },
    /// Change the due date; the former one stays on record
    Due {
        #[command(flatten)]
        acting: ActArgs,
        /// Last day, like 2026-03-31
        due: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Change the owner; the former one stays on record
    Owner {
        #[command(flatten)]
        acting: ActArgs,
        /// Who answers for it from now on
        owner: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Verbs of `exceptions`.
#[derive(Debug, Subcommand)]
pub(crate) enum ExceptionsCommand {
    #[command(flatten)]
    Look(ListCommand),
    /// Ask for one; it has no effect until somebody else approves it
    Request {
        /// The check whose failures are tolerated
        check: String,
        /// Whose: subjects as the check names them; `*` stands for any run of characters
        #[arg(required = true)]
        subjects: Vec<String>,
        /// Only where evidence of this source decides
        #[arg(long)]
        source: Option<String>,
        /// Why
        #[arg(long)]
        reason: String,
        /// What is done instead: the compensating control
        #[arg(long)]
        instead: String,
        /// Start: RFC 3339, or a date (its beginning in the organisation's zone); default: the approval
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// End: RFC 3339, or a date (its end in the organisation's zone)
        #[arg(long, value_name = "TIME")]
        until: String,
        /// Who asks
        #[arg(long)]
        by: String,
    },
    /// Approve what somebody else asked for
    Approve {
        /// Its id
        id: String,
        /// Who approves
        #[arg(long)]
        by: String,
        /// Anything to add
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Refuse what was asked for
    Refuse {
        /// Its id
        id: String,
        /// Who refuses
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// End an approved one before its time
    Revoke {
        /// Its id
        id: String,
        /// Who ends it
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Verbs of `evidence`.
#[derive(Debug, Subcommand)]
pub(crate) enum EvidenceCommand {
    #[command(flatten)]
    Look(ListCommand),
    /// Seal a document, screenshot or export, with who, when and for what
    Add {
        /// The file; its bytes are sealed as they are
        file: PathBuf,
        /// What it is
        #[arg(long)]
        title: String,
        /// A control it speaks for, like iso27001:2022/A.5.1
        #[arg(long, required = true, num_args = 1..)]
        control: Vec<String>,
        /// First day (or instant) it speaks of
        #[arg(long, value_name = "TIME")]
        from: String,
        /// Last day (or instant) it speaks of
        #[arg(long, value_name = "TIME")]
        to: String,
        /// Last day (or instant) it may be relied on; default: it does not expire
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
        /// Anything to add
        #[arg(long, default_value = "")]
        note: String,
        /// Who adds it
        #[arg(long)]
        by: String,
    },
    /// Write the sealed file out again
    Get {
        /// Its id
        id: String,
        /// File to write
        #[arg(short, long)]
        output: PathBuf,
    },
    /// Say that it may not be relied on after all; the file stays sealed
    Withdraw {
        /// Its id
        id: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// Who says so
        #[arg(long)]
        by: String,
    },
}
