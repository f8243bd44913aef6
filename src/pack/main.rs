//! `evidenced-verify`: verifies an evidence pack or a published log offline, for whoever received it.
//!
//! The program an auditor builds alone. It reads the files it is given and writes to its standard output; it holds no
//! code that writes a file, opens a connection or starts a program.

use pack::{VerifyOptions, VerifyReport};
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
Verifies evidence offline: what is proven, what is not, what is wrong.

Usage: evidenced-verify [OPTIONS] FILE|DIR

  FILE|DIR             a pack (the ZIP file, or the folder it was unpacked to), a store, or a copy of its published log

Options:
  --checkpoint FILE    a checkpoint of the same log that you kept: proves that the log only grew since
  --key KEY            the log's public key (name+hex+base64), had from the organisation by another channel
  --policy FILE        what you demand beyond the log's own signature, in TOML or JSON: witnesses
  --format FORMAT      text (the default) or json
  -h, --help           print this
  -V, --version        print the version

Exit codes: 0 verified; 1 something is wrong; 2 usage, or nothing that can be examined.
";

/// What was asked for.
enum Request {
    Help,
    Version,
    Verify { path: PathBuf, options: Box<VerifyOptions>, json: bool },
}

fn main() -> ExitCode {
    let outcome = match parse(std::env::args_os().skip(1)) {
        Ok(Request::Help) => print(HELP).map(|()| 0),
        Ok(Request::Version) => print(&format!("evidenced-verify {}\n", env!("CARGO_PKG_VERSION"))).map(|()| 0),
        Ok(Request::Verify { path, options, json }) => match pack::verify(&path, &options) {
            Ok(report) => show(&report, json).map(|()| u8::from(!report.verified)),
            Err(error) => complain(&error.to_string()),
        },
        Err(problem) => complain(&format!("{problem}\nhelp: evidenced-verify --help")),
    };
    // a report that nobody could be given is not a verification
    outcome.map_or(ExitCode::from(2), ExitCode::from)
}

fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Request, String> {
    let (mut path, mut checkpoint, mut key, mut policy, mut json) = (None, None, None, None, false);
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        let mut value = || arguments.next().ok_or_else(|| format!("{text} needs a value"));
        match text.as_str() {
            "-h" | "--help" => return Ok(Request::Help),
            "-V" | "--version" => return Ok(Request::Version),
            "--checkpoint" => checkpoint = Some(PathBuf::from(value()?)),
            "--policy" => policy = Some(PathBuf::from(value()?)),
            "--key" => key = Some(value()?.to_string_lossy().into_owned()),
            "--format" => {
                json = match value()?.to_str() {
                    Some("json") => true,
                    Some("text") => false,
                    _ => return Err("the format is text or json".to_owned()),
                };
            }
            option if option.len() > 1 && option.starts_with('-') => {
                return Err(format!("there is no option {option}"));
            }
            _ if path.is_some() => return Err("one pack at a time".to_owned()),
            _ => path = Some(PathBuf::from(argument)),
        }
    }
    let path = path.ok_or("name a pack: a ZIP file or a folder")?;
    let options = VerifyOptions::read(checkpoint.as_deref(), key.as_deref(), policy.as_deref());
    Ok(Request::Verify { path, options: Box::new(options.map_err(|error| error.to_string())?), json })
}

fn show(report: &VerifyReport, json: bool) -> io::Result<()> {
    if json {
        let text = serde_json::to_string_pretty(report).map_err(io::Error::other)?;
        print(&format!("{text}\n"))
    } else {
        print(&format!("{report}\n"))
    }
}

fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn complain(problem: &str) -> io::Result<u8> {
    writeln!(io::stderr(), "error: {problem}")?;
    Ok(2)
}
