//! Asking another host by the system's `ssh`. It takes no key it was not told of, no configuration of whoever runs it,
//! forwards nothing, and never asks.

use crate::linux_accounts::frames::{self, Answer};
use crate::linux_accounts::{SPEC, SSH, Settings};
use crate::provider::files::permission;
use crate::provider::tool::{self, Tool};
use egress::{Context, Policy, Ran};
use model::CollectError;
use std::collections::BTreeMap;
use std::path::Path;

/// What runs there; an argument of `ssh`, so a recording holds it, and a change of it is another version of the collector.
const SCRIPT: &str = include_str!("remote.sh");

/// The exit code by which ssh says that it failed itself.
const OWN_FAILURE: u16 = 255;

/// Options that are the same for every host.
const OPTIONS: &[&str] = &[
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "GlobalKnownHostsFile=/dev/null",
    "UpdateHostKeys=no",
    "VerifyHostKeyDNS=no",
    "CheckHostIP=no",
    "CanonicalizeHostname=no",
    "PreferredAuthentications=publickey",
    "IdentityAgent=none",
    "IdentitiesOnly=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "ClearAllForwardings=yes",
    "ControlMaster=no",
    "ControlPath=none",
    "PermitLocalCommand=no",
    "RequestTTY=no",
    "ConnectTimeout=20",
    "ConnectionAttempts=1",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
    "LogLevel=ERROR",
];

/// A host, and how it is asked.
pub(super) struct Ssh {
    host: String,
    user: String,
    /// What the host must call itself, where that is not the name it is reached by.
    hostname: Option<String>,
    sudo: bool,
    tool: Tool,
    arguments: Vec<String>,
}

fn wrong<T>(message: String, help: &str) -> Result<T, CollectError> {
    Err(CollectError::Misconfigured { message, help: help.to_owned() })
}

impl Ssh {
    /// The host the settings name; none where they name none.
    pub(super) fn of(settings: &Settings) -> Result<Option<Self>, CollectError> {
        let Some(host) = &settings.host else {
            let given = [
                ("user", settings.user.is_some()),
                ("identity_file", settings.identity_file.is_some()),
                ("known_hosts", settings.known_hosts.is_some()),
                ("sudo", settings.sudo),
            ];
            return match given.iter().find(|(_, given)| *given) {
                Some((name, _)) => wrong(
                    format!("`{name}` is set, but `host` is not"),
                    "name the host to be read over SSH, or leave this out to read this host",
                ),
                None => Ok(None),
            };
        };
        let (Some(user), Some(identity), Some(known_hosts)) =
            (&settings.user, &settings.identity_file, &settings.known_hosts)
        else {
            return wrong(
                format!("`host = \"{host}\"` needs `user`, `identity_file` and `known_hosts` beside it"),
                "set all of them: nothing is taken from the ssh configuration of whoever runs this",
            );
        };
        if settings.root != Path::new("/") {
            return wrong(
                "`root` is set beside `host`".to_owned(),
                "leave `root` out: another host's own files are read",
            );
        }
        for (name, text) in [("host", host), ("user", user)] {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
            if text.is_empty() || text.starts_with('-') || !text.bytes().all(plain) {
                return wrong(format!("`{name}` is no {name} name: `{text}`"), "write it as you would after `ssh`");
            }
        }
        let mut arguments: Vec<String> = ["-F", "none", "-T", "-a", "-x"].map(str::to_owned).into();
        for option in OPTIONS {
            arguments.extend(["-o".to_owned(), (*option).to_owned()]);
        }
        arguments.extend(["-o".to_owned(), format!("UserKnownHostsFile={}", plain("known_hosts", known_hosts)?)]);
        arguments.extend(["-i".to_owned(), plain("identity_file", identity)?.to_owned()]);
        arguments.extend(["-p".to_owned(), settings.port.to_string(), "-l".to_owned(), user.clone()]);
        arguments.extend(["--".to_owned(), host.clone(), command(settings.sudo)]);
        Ok(Some(Self {
            host: host.clone(),
            user: user.clone(),
            hostname: settings.hostname.clone(),
            sudo: settings.sudo,
            tool: Tool::new(settings.ssh.clone(), &BTreeMap::new())?,
            arguments,
        }))
    }

    /// What a run may do: run `ssh`.
    pub(super) fn policy(&self, timeout: &str) -> Result<Policy, CollectError> {
        self.tool.policy(&SPEC, timeout)
    }

    /// As whom, and where.
    pub(super) fn login(&self) -> String {
        format!("{}@{}", self.user, self.host)
    }

    /// Asks once. The answer is of the host that was meant, and whole.
    pub(super) async fn ask(&self, ctx: &Context) -> Result<Answer, CollectError> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let ran = self.tool.ask_redacted(ctx, SSH, &arguments, frames::redact).await?;
        if ran.exit_code != 0 {
            return Err(self.refused(&ran));
        }
        let answer = frames::parse(&ran.stdout).map_err(|message| tool::malformed(SSH, message))?;
        self.is_meant(&answer.host)?;
        Ok(answer)
    }

    fn is_meant(&self, named: &str) -> Result<(), CollectError> {
        let label = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let meant = match &self.hostname {
            Some(hostname) => hostname == named,
            // a host knows itself by its whole name or by the first part of it
            None => {
                self.host.eq_ignore_ascii_case(named)
                    || (!named.contains('.') && label(&self.host) == named.to_ascii_lowercase())
            }
        };
        if meant {
            return Ok(());
        }
        let expected = self.hostname.as_ref().unwrap_or(&self.host);
        wrong(
            format!("the host at `{}` calls itself `{named}`, this source is configured for `{expected}`", self.host),
            "correct `host`; if this is the host that is meant, set `hostname` to what it calls itself (`uname -n`)",
        )
    }

    /// Why nothing came, in the words of ssh or of the host.
    fn refused(&self, ran: &Ran) -> CollectError {
        let host = &self.host;
        let says = |words: &[&str]| words.iter().any(|words| ran.stderr.contains(words));
        let denied = |message: String| CollectError::Denied {
            operation: SSH.to_owned(),
            permission: permission(&SPEC, SSH),
            message,
        };
        let misconfigured =
            |message: String, help: &str| CollectError::Misconfigured { message, help: help.to_owned() };
        if ran.exit_code != OWN_FAILURE {
            let words = format!("exit code {}{}", ran.exit_code, ran.last_words());
            return if self.sudo && says(&["sudo"]) {
                denied(format!("`sudo -n` on {host} refuses: {words}"))
            } else {
                let message = format!("what runs on {host} failed: {words}");
                CollectError::Transient { operation: SSH.to_owned(), message }
            };
        }
        if says(&["HOST IDENTIFICATION HAS CHANGED"]) {
            misconfigured(
                format!("{host} has another host key than `known_hosts` says; nothing was sent to it"),
                "find out why before you change `known_hosts`: another machine may be answering at this address",
            )
        } else if says(&["Host key verification failed", "host key is known for"]) {
            misconfigured(
                format!("`known_hosts` has no key of {host}"),
                "put the host's own public key there, from the host itself; with another port than 22 as `[host]:port`",
            )
        } else if says(&["UNPROTECTED PRIVATE KEY", "not accessible", "Load key", "bad permissions"]) {
            misconfigured(
                format!("`identity_file` cannot be used{}", ran.last_words()),
                "it must be a private key without passphrase that only the user who runs this may read (mode 0600)",
            )
        } else if says(&["Permission denied"]) {
            denied(format!("{host} lets {} not in with this key{}", self.user, ran.last_words()))
        } else {
            let message = format!("no answer from {host}: exit code {}{}", ran.exit_code, ran.last_words());
            CollectError::Transient { operation: SSH.to_owned(), message }
        }
    }
}

/// The one command, as a login shell takes it: the script between single quotes.
fn command(sudo: bool) -> String {
    let script = SCRIPT.replace('\'', r"'\''");
    format!("exec {}sh -c '{script}'", if sudo { "sudo -n -- " } else { "" })
}

/// A path that ssh takes as it is: it splits and expands others.
fn plain<'a>(name: &str, path: &'a Path) -> Result<&'a str, CollectError> {
    let safe = |text: &&str| !text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'\\%$~#".contains(c));
    path.to_str().filter(safe).ok_or_else(|| CollectError::Misconfigured {
        message: format!("`{name}` holds a character that ssh does not take as it is: `{}`", path.display()),
        help: "use a path without blanks, quotes, backslashes, `%`, `$`, `~` and `#`".to_owned(),
    })
}
