//! `evidenced`: the daemon and command line.
//!
//! The rooms are joined in `line/`; `cli/` asks and prints, `daemon/` keeps schedules, `web/` shows, `settings/` reads
//! the configuration, `demo/` brings the sample organisation.

mod cli;
mod daemon;
mod demo;
mod doctor;
mod line;
mod settings;
mod web;

fn main() -> std::process::ExitCode {
    cli::main()
}
