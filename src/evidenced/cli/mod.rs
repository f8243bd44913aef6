//! The command line: asks the line, prints what it answers. Results go to stdout, everything else to stderr.

mod args;
mod collect;
mod decisions;
mod demo;
mod evaluate;
mod evidence;
mod exceptions;
mod findings;
mod init;
mod list;
mod log;
mod notify;
mod pack;
mod past;
mod people;
mod print;
mod progress;
mod query;
mod report;
mod retention;
mod review_args;
mod reviews;
mod run;
mod scrub;
mod snapshots;
mod store;
mod users;

pub(crate) use evaluate::instant;
pub(crate) use log::what as entry_words;
pub(crate) use pack::first_instant;
pub(crate) use progress::ConsoleProgress;

use crate::failure::{Exit, Failure};
use crate::line::Line;
use crate::settings::{self, Settings};
use args::{Cli, Command, Global, LogFormat};
use clap::Parser;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Parses, runs, prints, and gives the exit code.
pub(crate) fn main() -> ExitCode {
    if std::env::args_os().skip(1).eq(["worker"]) {
        // the worker reads its task from stdin and must start nothing else, not even a runtime; it starts often
        return evaluate::worker();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return match error.print() {
                Ok(()) => code.into(),
                Err(_) => Exit::Store.into(),
            };
        }
    };
    log_to_stderr(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::line_to_stderr(&Failure::store(format!("cannot start: {error}")));
            return Exit::Store.into();
        }
    };
    match runtime.block_on(run(cli)) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            print::line_to_stderr(&failure);
            failure.exit.into()
        }
    }
}

async fn run(cli: Cli) -> Result<Exit, Failure> {
    let global = &cli.global;
    let reports = matches!(
        &cli.command,
        Command::Check { command: None, .. }
            | Command::Findings { command: None | Some(decisions::FindingsCommand::Look(args::ListCommand::List)) }
    );
    if global.report().is_some() && !reports {
        return Err(Failure::usage(
            "this command prints `table` or `json`",
            "the other formats are of `evidenced check` and `evidenced findings list`",
        ));
    }
    match cli.command {
        Command::Demo { dir, no_serve, listen } => demo::run(&dir, (!no_serve).then_some(listen), global).await,
        Command::Init { dir, name, origin, timezone } => init::init(&dir, &name, &origin, &timezone, global),
        Command::Run => run::run(load_to_collect(global)?).await,
        Command::Doctor { source } => store::doctor(&load(global)?, source.as_deref(), global).await,
        Command::Collect { sources } => collect::collect(load_to_collect(global)?, &sources, global).await,
        Command::Check { command: Some(args::CheckCommand::Test { what }), .. } => evaluate::test(&what, global),
        Command::Check { command: Some(args::CheckCommand::New { name, folder }), .. } => {
            evaluate::new(&name, folder, global)
        }
        Command::Check { command: None, checks, stored: true, .. } => evaluate::stored(&load(global)?, &checks, global),
        Command::Check { command: None, checks, as_of, .. } => {
            evaluate::check(load(global)?, &checks, as_of.as_deref(), global)
        }
        Command::Query { sql, as_of } => query::query(&load(global)?, &sql, as_of.as_deref(), global),
        Command::Diff { one, other } => past::diff(&load(global)?, &one, &other, global),
        Command::Backtest { check, from, to, every } => {
            past::backtest(&load(global)?, &check, (&from, to.as_deref()), &every, global)
        }
        Command::Sources(list) => list::sources(&load(global)?, list.command.as_ref(), global),
        Command::Checks(list) => list::checks(&load(global)?, list.command.as_ref(), global),
        Command::Controls(list) => list::controls(&load(global)?, list.command.as_ref(), global),
        Command::Snapshots { command } => snapshots::snapshots(load(global)?, command, global),
        Command::Findings { command } => findings::findings(load(global)?, command, global),
        Command::Evidence { command } => evidence::evidence(load(global)?, command, global),
        Command::Exceptions { command } => exceptions::exceptions(load(global)?, command, global),
        Command::Reviews { command } => reviews::reviews(load(global)?, command, global),
        Command::People { command } => people::people(load(global)?, command, global),
        Command::Person { command } => people::person(&load(global)?, command, global),
        Command::Pack { command } => pack::pack(load(global)?, command, global),
        Command::Verify { path, checkpoint, key, policy } => {
            pack::verify(&path, checkpoint.as_deref(), key.as_deref(), policy.as_deref(), global)
        }
        Command::Notify { command: None } => notify::list(&load(global)?, false, global),
        Command::Notify { command: Some(args::NotifyCommand::List { all }) } => {
            notify::list(&load(global)?, all, global)
        }
        Command::Notify { command: Some(args::NotifyCommand::Send { given_up }) } => {
            notify::send(load(global)?, given_up, global).await
        }
        Command::Notify { command: Some(args::NotifyCommand::Test { name }) } => {
            notify::test(&load(global)?, &name, global).await
        }
        Command::User { command } => users::users(load(global)?, command, global),
        Command::Log { command } => log::log(load(global)?, command, global).await,
        Command::Retention { command } => retention::retention(load(global)?, command, global),
        Command::Scrub { rate } => scrub::scrub(load(global)?, rate.as_deref(), global),
        Command::Fsck { derive } => store::fsck(&load(global)?, derive, global).await,
        Command::Schema { what: args::SchemaKind::Config } => {
            print::text(settings::SCHEMA)?;
            Ok(Exit::Done)
        }
        Command::Schema { what: args::SchemaKind::Envelope } => {
            print::text(collectors::ENVELOPE)?;
            Ok(Exit::Done)
        }
        Command::Schema { what: args::SchemaKind::Reference } => {
            print::text(settings::REFERENCE)?;
            Ok(Exit::Done)
        }
        // answered before anything else
        Command::Worker => Ok(Exit::Usage),
    }
}

/// Loads the configuration; every problem at once. Secrets of sources need not be there to read what is sealed.
fn load(global: &Global) -> Result<Settings, Failure> {
    loaded(settings::load_without_secrets(&global.config, &global.set))
}

/// The same where sources are about to be asked: a secret that cannot be read is a problem now.
fn load_to_collect(global: &Global) -> Result<Settings, Failure> {
    loaded(settings::load(&global.config, &global.set))
}

fn loaded(settings: Result<Settings, Vec<settings::Problem>>) -> Result<Settings, Failure> {
    settings.map_err(|problems| {
        let count = problems.len();
        let mut message = problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        if count > 1 {
            message = format!("{count} problems in the configuration\n{message}");
        }
        Failure { exit: Exit::Usage, message, help: None }
    })
}

/// Opens the line, does the work and tells of it, and closes the store: a disk that fails as late as that is said.
fn writing<T>(settings: Settings, work: impl FnOnce(&Line) -> Result<T, Failure>) -> Result<T, Failure> {
    let line = Line::borrow(settings)?;
    let done = work(&line)?;
    line.close()?;
    Ok(done)
}

fn log_to_stderr(global: &Global) {
    let default = if global.quiet { "error" } else { "warn,evidenced=info,aws_config=error" };
    let filter = EnvFilter::try_from_env("EVIDENCED_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    match global.log_format {
        LogFormat::Text => builder.with_ansi(print::colours_on_stderr()).init(),
        LogFormat::Json => builder.json().init(),
    }
}
