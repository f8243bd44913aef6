//! Backup programs as a source: each is asked to list what it keeps, and nothing else. An exit code of 0 is never enough
//! by itself: a collector says what else proves a listing whole.

use bytes::Bytes;
use egress::{Context, Policy, Program, Ran, RedactFile};
use model::CollectError;
use model::collector::CollectorSpec;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Parts of names of variables that hold a secret.
const SECRET_PARTS: &[&str] = &["password", "passwd", "passphrase", "passcommand", "secret", "token", "cipher_pass"];

/// A program with its environment, ready to be asked.
pub(crate) struct Tool {
    program: Program,
    /// The variables whose values are secrets, by settings key.
    secrets: Vec<(&'static str, &'static str)>,
    /// Whether those that the configuration names are variables.
    named_secrets: bool,
}

impl Tool {
    /// The program at `path`. `environment` is what the user adds to the little it gets; a secret in it is refused, since
    /// settings are recorded.
    pub(crate) fn new(path: PathBuf, environment: &BTreeMap<String, String>) -> Result<Self, CollectError> {
        if let Some(name) = environment.keys().find(|name| is_secret(name)) {
            return Err(CollectError::Misconfigured {
                message: format!("`environment.{name}` looks like a secret, and settings are recorded"),
                help: "hand it over as one of the source's secrets: `{ env = \"…\" }` or `{ file = \"…\" }`".to_owned(),
            });
        }
        let mut program = Program { path, ..Program::default() };
        // texts that are read back must not depend on the host's language or zone
        for (name, value) in [("LC_ALL", "C.UTF-8"), ("PATH", "/usr/bin:/bin"), ("TZ", "UTC")] {
            program.environment.insert(name.to_owned(), value.to_owned());
        }
        program.environment.extend(environment.clone());
        Ok(Self { program, secrets: Vec::new(), named_secrets: true })
    }

    /// Sets a variable of its environment.
    pub(crate) fn set(mut self, name: &str, value: impl Into<String>) -> Self {
        self.program.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Starts it in `folder`.
    pub(crate) fn start_in(mut self, folder: &Path) -> Self {
        self.program.folder = Some(folder.to_owned());
        self
    }

    /// Hands `content` over in a file of its own, whose path stands where an argument is `evidenced-file:NAME`.
    pub(crate) fn file(mut self, name: &str, content: SecretString) -> Self {
        self.program.files.insert(name.to_owned(), content);
        self
    }

    /// Hands no secret over as a variable that the configuration names.
    pub(crate) const fn without_named_secrets(mut self) -> Self {
        self.named_secrets = false;
        self
    }

    /// Hands the secret of the settings key `key` over as the variable `name`.
    pub(crate) fn secret(mut self, key: &'static str, name: &'static str) -> Self {
        self.secrets.push((key, name));
        self
    }

    /// What a run may do: run this program, for the operations of `spec`, each within the settings' `timeout`.
    pub(crate) fn policy(&self, spec: &CollectorSpec, timeout: &str) -> Result<Policy, CollectError> {
        let timeout = self::timeout(timeout)?;
        Ok(Policy {
            operations: spec.operations.iter().map(|operation| operation.name.clone()).collect(),
            programs: vec![self.program.path.clone()],
            request_timeout: timeout,
            deadline: timeout * 2,
            concurrency: 1,
            ..Policy::default()
        })
    }

    /// Runs it with `arguments`, whatever its exit code.
    pub(crate) async fn ask(&self, ctx: &Context, operation: &str, arguments: &[&str]) -> Result<Ran, CollectError> {
        ctx.egress.run(operation, &self.with(ctx, arguments)).await
    }

    /// The same, for an output that holds what must not be kept.
    pub(crate) async fn ask_redacted(
        &self,
        ctx: &Context,
        operation: &str,
        arguments: &[&str],
        redact: RedactFile,
    ) -> Result<Ran, CollectError> {
        ctx.egress.run_redacted(operation, &self.with(ctx, arguments), redact).await
    }

    fn with(&self, ctx: &Context, arguments: &[&str]) -> Program {
        let mut program = self.program.clone();
        program.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        for (key, name) in &self.secrets {
            if let Some(secret) = ctx.secrets.get(*key) {
                program.secrets.insert((*name).to_owned(), secret.clone());
            }
        }
        // those that the configuration names itself
        for (key, secret) in ctx.secrets.iter().filter(|_| self.named_secrets) {
            if let Some(name) = key.strip_prefix("secrets.") {
                program.secrets.insert(name.to_owned(), secret.clone());
            }
        }
        program
    }
}

/// Whether a variable or key of this name would hold a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let folded = name.to_ascii_lowercase();
    SECRET_PARTS.iter().any(|part| folded.contains(part)) || folded.ends_with("_key")
}

/// How a program says in its own way that it may not, or that there is nothing there.
pub(crate) struct Refusals {
    /// Exit codes and last words of a wrong password or key.
    pub(crate) denied: (&'static [u16], &'static [&'static str]),
    /// Exit codes and last words of a repository that is not there.
    pub(crate) absent: (&'static [u16], &'static [&'static str]),
}

impl Refusals {
    /// The output of a run with exit code 0; any other is an error in words.
    pub(crate) fn output(&self, ran: Ran, spec: &CollectorSpec, operation: &str) -> Result<Bytes, CollectError> {
        let is = |(codes, words): (&[u16], &[&str])| {
            ran.exit_code != 0
                && (codes.contains(&ran.exit_code) || words.iter().any(|words| ran.stderr.contains(words)))
        };
        if is(self.denied) {
            return Err(CollectError::Denied {
                operation: operation.to_owned(),
                permission: super::files::permission(spec, operation),
                message: format!("exit code {}{}", ran.exit_code, ran.last_words()),
            });
        }
        if is(self.absent) {
            return Err(CollectError::Misconfigured {
                message: format!("{operation} finds nothing there: exit code {}{}", ran.exit_code, ran.last_words()),
                help: "look at the place that the source's settings name".to_owned(),
            });
        }
        ran.success(operation)
    }
}

/// A program's JSON as the collector's own type.
pub(crate) fn parse<T: DeserializeOwned>(operation: &str, output: &[u8]) -> Result<T, CollectError> {
    serde_json::from_slice(output).map_err(|error| malformed(operation, error.to_string()))
}

pub(crate) fn malformed(operation: &str, message: String) -> CollectError {
    CollectError::Malformed { operation: operation.to_owned(), message }
}

/// A repository that a program started in `/` finds, and that holds no password.
pub(crate) fn check_repository(repository: &str) -> Result<(), CollectError> {
    let misconfigured = |message: &str, help: &str| {
        Err(CollectError::Misconfigured { message: message.to_owned(), help: help.to_owned() })
    };
    if let Some((_, rest)) = repository.split_once("://")
        && let Some((user, _)) = rest.split('/').next().unwrap_or_default().rsplit_once('@')
        && user.contains(':')
    {
        return misconfigured(
            "`repository` holds a password, and settings are recorded",
            "leave user and password out of the address, and hand them over as the source's secrets",
        );
    }
    if !repository.starts_with('/') && !repository.contains(':') {
        return misconfigured(
            "`repository` is neither an absolute path nor an address",
            "write it like `/srv/backup/repository`, `sftp:host:/path` or `s3:https://…`",
        );
    }
    Ok(())
}

/// Refuses a repository with another id than the settings expect, where they expect one.
pub(crate) fn check_id(id: &str, expected: Option<&str>) -> Result<(), CollectError> {
    match expected {
        Some(expected) if expected != id => Err(CollectError::Misconfigured {
            message: format!("this is the repository `{id}`, `repository_id` says `{expected}`"),
            help: "look at `repository`: another repository is at that place".to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The settings' `timeout`.
pub(crate) fn timeout(text: &str) -> Result<Duration, CollectError> {
    model::time::parse_duration(text).ok().and_then(|duration| duration.try_into().ok()).ok_or_else(|| {
        CollectError::Misconfigured {
            message: format!("`timeout` is not a duration: `{text}`"),
            help: "write it like `90s` or `5m`".to_owned(),
        }
    })
}

/// An instant of a program's JSON, to the second; one without its offset is in UTC, which is the zone the program got.
pub(crate) fn instant(operation: &str, text: &str) -> Result<Value, CollectError> {
    let instant = text.parse::<model::Timestamp>().ok().or_else(|| {
        let civil = text.parse::<jiff::civil::DateTime>().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    });
    instant
        .map(|instant| Value::String(model::time::seconds_text(instant)))
        .ok_or_else(|| malformed(operation, format!("`{text}` is no instant")))
}

#[cfg(test)]
mod tests {
    use super::{Tool, check_repository, instant};
    use std::collections::BTreeMap;

    #[test]
    fn what_would_be_recorded_must_hold_no_secret() {
        for name in
            ["RESTIC_PASSWORD", "BORG_PASSCOMMAND", "AWS_SECRET_ACCESS_KEY", "B2_ACCOUNT_KEY", "AZURE_SAS_TOKEN"]
        {
            let environment = BTreeMap::from([(name.to_owned(), "x".to_owned())]);
            assert!(Tool::new("/usr/bin/restic".into(), &environment).is_err(), "{name}");
        }
        let plain = BTreeMap::from([("AWS_DEFAULT_REGION".to_owned(), "eu-central-1".to_owned())]);
        assert!(Tool::new("/usr/bin/restic".into(), &plain).is_ok());
        for refused in ["rest:https://user:word@backup.example/", "ssh://u:w@host.example/./repo", "repo", "./repo"] {
            assert!(check_repository(refused).is_err(), "{refused}");
        }
        for accepted in
            ["/srv/repo", "sftp:user@host.example:/srv/repo", "s3:https://s3.example/b", "ssh://u@h.example/r"]
        {
            assert!(check_repository(accepted).is_ok(), "{accepted}");
        }
    }

    #[test]
    fn an_instant_without_its_offset_is_in_utc() {
        let second = |text: &str| instant("x", text).map(|value| value.as_str().unwrap().to_owned());
        assert_eq!(second("2026-11-29T10:21:26.585377238+01:00").unwrap(), "2026-11-29T09:21:26Z");
        assert_eq!(second("2026-11-29T09:21:35.000000").unwrap(), "2026-11-29T09:21:35Z");
        assert!(second("yesterday").is_err());
    }
}
