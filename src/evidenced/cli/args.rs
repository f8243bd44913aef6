//! The command line: what can be asked, with an example for each. Parsing only.

use super::decisions::{EvidenceCommand, ExceptionsCommand, FindingsCommand};
use super::log::LogCommand;
use super::review_args::ReviewsCommand;
use super::users::UserCommand;
use crate::settings::Override;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Collects audit evidence on a schedule, seals it, checks controls over it, and raises draft findings.
#[derive(Debug, Parser)]
#[command(name = "evidenced", version, about, after_help = AFTER_HELP, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "Exit codes: 0 done and nothing wrong; 1 a check failed, or verification found tampering; \
2 usage, configuration or unreadable input; 3 inconclusive and nothing failed; 74 the disk or store failed; \
75 the store is in use.";

const EVIDENCE_HELP: &str = "Example: evidenced evidence add minutes.pdf --title 'Management review' \
--control iso27001:2022/9.3 --from 2026-01-01 --to 2026-12-31 --by ada@acme.example";

const EXCEPTION_HELP: &str = "Example: evidenced exceptions request access_key_too_old 'aws:ci-*' --until 2026-06-30 \
--reason 'the vendor rotates in June' --instead 'network rule 12' --by ada@acme.example";

/// Options every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Configuration file
    #[arg(short, long, global = true, value_name = "FILE", default_value = "evidenced.toml", env = "EVIDENCED_CONFIG")]
    pub(crate) config: PathBuf,
    /// Change a key of the configuration for this call
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE", value_parser = Override::parse)]
    pub(crate) set: Vec<Override>,
    /// How to print data on stdout; from csv on: `check` and `findings list`
    #[arg(long = "format", global = true, value_name = "FORMAT", default_value = "table")]
    printed: Output,
    /// No progress and no summary on stderr, only errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// How to log on stderr
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
}

impl Global {
    /// Whether data is printed for people or for programs.
    pub(crate) const fn format(&self) -> Format {
        match self.printed {
            Output::Json => Format::Json,
            _ => Format::Table,
        }
    }

    /// The format of another program, where one was asked for.
    pub(crate) const fn report(&self) -> Option<ReportFormat> {
        match self.printed {
            Output::Table | Output::Json => None,
            Output::Csv => Some(ReportFormat::Csv),
            Output::Sarif => Some(ReportFormat::Sarif),
            Output::Junit => Some(ReportFormat::Junit),
            Output::Ocsf => Some(ReportFormat::Ocsf),
            Output::Oscal => Some(ReportFormat::Oscal),
        }
    }
}

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// Aligned columns for people
    Table,
    /// The documented JSON for programs
    Json,
    /// For spreadsheets: a row a member
    Csv,
    /// SARIF 2.1.0, for code scanners
    Sarif,
    /// JUnit XML, for build servers: a test a check
    Junit,
    /// OCSF compliance findings, one a line
    Ocsf,
    /// OSCAL assessment results
    Oscal,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Aligned columns for people.
    Table,
    /// The documented JSON for programs.
    Json,
}

/// The formats in which other programs read results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Csv,
    Sarif,
    Junit,
    Ocsf,
    Oscal,
}

/// How the daemon logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// One readable line an event
    Text,
    /// One JSON object an event
    Json,
}

/// What can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole line on this machine: no account, no server, no credential
    #[command(after_help = "Example: evidenced demo --no-serve")]
    Demo {
        /// Where the demo keeps its store
        #[arg(default_value = "evidenced-demo")]
        dir: PathBuf,
        /// End after the pack instead of serving the pages
        #[arg(long)]
        no_serve: bool,
        /// Where the pages listen
        #[arg(long, default_value = "127.0.0.1:8632")]
        listen: std::net::SocketAddr,
    },
    /// Make a commented evidenced.toml, a signing key and an empty store
    #[command(after_help = "Example: evidenced init audit --name 'Acme Ltd' --origin acme.example/evidence")]
    Init {
        /// Folder to make them in
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Organisation's name
        #[arg(long)]
        name: String,
        /// Name of the log, for ever: a URL without scheme that stays yours, like acme.example/evidence
        #[arg(long)]
        origin: String,
        /// Time zone of the organisation
        #[arg(long, default_value = "UTC")]
        timezone: String,
    },
    /// The daemon: schedule, collect, seal, check, serve
    Run,
    /// Credentials, permissions, clock, disk, store: what works, what is missing, and what mends it
    #[command(after_help = "Example: evidenced doctor aws")]
    Doctor {
        /// Only this source
        source: Option<String>,
    },
    /// Collect now: one line a snapshot
    #[command(after_help = "Example: evidenced collect aws github --format json")]
    Collect {
        /// Only these sources
        sources: Vec<String>,
    },
    /// Evaluate checks over sealed snapshots
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Examples:\n  evidenced check leaver_still_active\n  evidenced check --stored --format sarif > checks.sarif"
    )]
    Check {
        #[command(subcommand)]
        command: Option<CheckCommand>,
        /// Only these checks
        checks: Vec<String>,
        /// Evaluate as of this instant: RFC 3339, or a date (its end in the organisation's zone)
        #[arg(long, value_name = "TIME")]
        as_of: Option<String>,
        /// Evaluate nothing: print the last sealed evaluation of each check
        #[arg(long, conflicts_with = "as_of")]
        stored: bool,
    },
    /// Read-only SQL over the tables the checks see
    #[command(after_help = "Example: evidenced query \"SELECT login, mfa FROM account WHERE is_admin\"")]
    Query {
        /// One SELECT statement
        sql: String,
        /// Over the snapshots as of this instant
        #[arg(long, value_name = "TIME")]
        as_of: Option<String>,
    },
    /// What changed between two snapshots of one source, row by row
    #[command(after_help = "Example: evidenced diff 20260101T000005Z-aws-3f2a1b0c 20260201T000004Z-aws-90cc41d7")]
    Diff {
        /// Id of a snapshot
        one: String,
        /// Id of another one of the same source
        other: String,
    },
    /// What a check would have said over the stored past; nothing is sealed
    #[command(after_help = "Example: evidenced backtest leaver_still_active --from 2026-01-01 --to 2026-03-31")]
    Backtest {
        /// The check, one under development in `[checks] paths` too
        check: String,
        /// First day (or instant)
        #[arg(long, value_name = "TIME")]
        from: String,
        /// Last day (or instant); default: now
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Time between two evaluations
        #[arg(long, value_name = "DURATION", default_value = "24h")]
        every: String,
    },
    /// Configured sources and how fresh their evidence is
    Sources(ListArgs),
    /// Loaded checks, their controls and last outcome
    Checks(ListArgs),
    /// Controls of the shipped catalogues and their outcome
    Controls(ListArgs),
    /// Sealed snapshots
    Snapshots {
        #[command(subcommand)]
        command: Option<SnapshotCommand>,
    },
    /// Findings: what fails, and what people do about it
    #[command(
        after_help = "Example: evidenced findings confirm leaver_still_active-1 --class major --by grace@acme.example"
    )]
    Findings {
        #[command(subcommand)]
        command: Option<FindingsCommand>,
    },
    /// Evidence that people add, for what no check can show
    #[command(after_help = EVIDENCE_HELP)]
    Evidence {
        #[command(subcommand)]
        command: Option<EvidenceCommand>,
    },
    /// Exceptions: failures tolerated for a time, asked for by one person and approved by another
    #[command(visible_alias = "exception", after_help = EXCEPTION_HELP)]
    Exceptions {
        #[command(subcommand)]
        command: Option<ExceptionsCommand>,
    },
    /// Access reviews: reviewers decide on every account of a frozen population
    #[command(
        visible_alias = "review",
        after_help = "Example: evidenced reviews decide quarterly-1 github:ada --certify --by grace@acme.example"
    )]
    Reviews {
        #[command(subcommand)]
        command: Option<ReviewsCommand>,
    },
    /// Who there is in the rosters, which accounts are whose and why
    #[command(
        after_help = "Example: evidenced people approve github:ada hr:1042 --by 'Grace Hopper' --reason 'seen on her screen'"
    )]
    People {
        #[command(subcommand)]
        command: Option<PeopleCommand>,
    },
    /// Everything one person has or had in every system, with the snapshots that show it
    #[command(after_help = "Example: evidenced person show ada@example.org --on 2026-03-14")]
    Person {
        #[command(subcommand)]
        command: PersonCommand,
    },
    /// Evidence packs for an auditor
    Pack {
        #[command(subcommand)]
        command: PackCommand,
    },
    /// Verify a pack or a published log offline: what is proven, what is not, what is wrong
    #[command(after_help = "Example: evidenced verify q1.zip --checkpoint pinned.txt")]
    Verify {
        /// A pack (ZIP file or folder), a store, or a copy of its published log
        path: PathBuf,
        /// A checkpoint you pinned earlier: proves the log only grew since
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// The log's public key, had by another channel
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// What you demand beyond the log's own signature: a TOML or JSON file
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Who is told what: the outbox, and sending from it
    #[command(after_help = "Example: evidenced notify test mail")]
    Notify {
        #[command(subcommand)]
        command: Option<NotifyCommand>,
    },
    /// Who may sign in to the pages
    #[command(after_help = "Example: evidenced user add grace@acme.example --role reviewer --by ada@acme.example")]
    User {
        #[command(subcommand)]
        command: Option<UserCommand>,
    },
    /// The log as other people's tools read it: checkpoint, proofs, entries
    Log {
        #[command(subcommand)]
        command: LogCommand,
    },
    /// Verify blobs, log and projections of the store
    Fsck {
        /// Also derive every table again from the sealed bytes
        #[arg(long)]
        derive: bool,
    },
    /// What may be erased, what keeps it, and erasing it with a sealed entry that says so
    #[command(after_help = "Example: evidenced retention plan")]
    Retention {
        #[command(subcommand)]
        command: RetentionCommand,
    },
    /// Hash everything stored, at full speed: finds damage, names it, and what rests on it
    #[command(after_help = "Example: evidenced scrub --rate '50 MiB/s'")]
    Scrub {
        /// Read no faster than this
        #[arg(long, value_name = "RATE")]
        rate: Option<String>,
    },
    /// Print a JSON schema
    Schema {
        /// Of what
        #[arg(value_enum)]
        what: SchemaKind,
    },
    /// Evaluates checks for the process that started it
    #[command(hide = true)]
    Worker,
}

/// A schema that can be printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaKind {
    /// Of evidenced.toml
    Config,
    /// Of a line that a program prints for the collector `exec`
    Envelope,
    /// No schema: an evidenced.toml with every key, its default and a comment
    Reference,
}

/// `list`, the default, or `show ID`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ListCommand>,
}

/// Verbs every list has.
#[derive(Debug, Subcommand)]
pub(crate) enum ListCommand {
    /// All of them
    List,
    /// One of them, whole
    Show {
        /// Its name or id
        id: String,
    },
}

/// Verbs of `check`.
#[derive(Debug, Subcommand)]
pub(crate) enum CheckCommand {
    /// Run the checks' cases
    Test {
        /// A folder of checks of your own, or names of checks
        what: Vec<String>,
    },
    /// Write a new check and its cases, which pass, to start from
    #[command(after_help = "Example: evidenced check new password_too_old --in ./checks")]
    New {
        /// What goes wrong, in lower case: the name of the check and of its two files
        name: String,
        /// The folder to write them into; without it the first of `[checks] paths`
        #[arg(long = "in", value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

/// Verbs of `notify`.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// What is to be told, and what was not taken yet
    List {
        /// What was sent, too
        #[arg(long)]
        all: bool,
    },
    /// Make messages of all that waits and try all of them now, whatever the schedule says
    Send {
        /// Those too that were given up
        #[arg(long)]
        given_up: bool,
    },
    /// Tell a destination that this is a test; a tracker gets one ticket for it, which is closed
    Test {
        /// NAME of `[notify.NAME]`
        name: String,
    },
}

/// Verbs of `people`.
#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// Every person of every roster
    List,
    /// One person, whole
    Show {
        /// Address, key, employee id or name
        who: String,
        /// Only what was known of this day, or instant
        #[arg(long, value_name = "TIME")]
        on: Option<String>,
    },
    /// Which account is whose, and why
    Links,
    /// Who else an account might belong to: never applied until somebody approves it
    Suggest,
    /// Say that an account is a person's; it counts from now on, and the decision is sealed
    Approve {
        /// SOURCE:LOGIN
        account: String,
        /// SOURCE:EMPLOYEE_ID
        person: String,
        /// Who says so
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
        /// First day, or instant, it holds; always, if left out
        #[arg(long, value_name = "TIME")]
        valid_from: Option<String>,
        /// Last day it holds, or the instant it ends; without end, if left out
        #[arg(long, value_name = "TIME")]
        valid_to: Option<String>,
    },
    /// Say that a link approved here holds no longer
    Revoke {
        /// The link's id
        link: String,
        /// Who says so
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Verbs of `person`.
#[derive(Debug, Subcommand)]
pub(crate) enum PersonCommand {
    /// One person, whole
    Show {
        /// Address, key, employee id or name
        who: String,
        /// Only what was known of this day, or instant
        #[arg(long, value_name = "TIME")]
        on: Option<String>,
    },
}

/// Verbs of `snapshots`.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// All of them, newest first
    List {
        /// Only of this source
        #[arg(long)]
        source: Option<String>,
    },
    /// The sealed manifest of one, with its proof
    Show {
        /// Its id
        id: String,
    },
    /// Say that a suspect snapshot is right; the confirmation is sealed
    Confirm {
        /// Its id
        id: String,
        /// Who says so
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Verbs of `retention`.
#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// What `run` would erase and why, and what is kept and by what
    Plan,
    /// Erase what is due and kept by nothing
    Run {
        /// Who does it
        #[arg(long)]
        by: String,
        /// Why; the rule itself is always noted
        #[arg(long, default_value = "retention")]
        reason: String,
    },
    /// Erase one snapshot on purpose
    Erase {
        /// Its id
        snapshot: String,
        /// Who does it
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Legal holds: what they name is not erased
    Hold {
        #[command(subcommand)]
        command: HoldCommand,
    },
}

/// Verbs of `retention hold`.
#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// Hold every snapshot of a source, or one snapshot
    #[command(group = clap::ArgGroup::new("what").required(true).args(["source", "snapshot"]))]
    Add {
        /// Every snapshot of this source
        #[arg(long)]
        source: Option<String>,
        /// This snapshot
        #[arg(long)]
        snapshot: Option<String>,
        /// Who says so
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// All of them, released ones too
    List,
    /// End a hold
    Release {
        /// Its id
        hold: String,
        /// Who says so
        #[arg(long)]
        by: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
}

/// Verbs of `pack`.
#[derive(Debug, Subcommand)]
pub(crate) enum PackCommand {
    /// Evaluate as of the end of the period and write a pack
    #[command(after_help = "Example: evidenced pack create --from 2026-01-01 --to 2026-03-31 -o q1.zip")]
    Create {
        /// First day (or instant) of the period; default: the oldest snapshot
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Last day (or instant) of the period; default: now
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Only checks and controls of this framework
        #[arg(long)]
        framework: Option<String>,
        /// Hide a column of a table behind salted commitments; answers, and documents that name its values, are withheld
        #[arg(long, value_name = "TABLE.COLUMN", num_args = 1..)]
        redact: Vec<String>,
        /// File to write; a name without .zip makes a folder
        #[arg(short, long, default_value = "evidence-pack.zip")]
        output: PathBuf,
    },
    /// Packs this store has exported
    List,
    /// Open one field that a pack hides: its salt and value, which give the commitment in the pack
    #[command(after_help = "Example: evidenced pack reveal 20260101T000005Z-hr-3f2a1b0c hr_person.name 12")]
    Reveal {
        /// The snapshot's id
        snapshot: String,
        /// The hidden column, as TABLE.COLUMN
        column: String,
        /// Row of the table, from 1
        row: u64,
    },
}
