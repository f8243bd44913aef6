//! `evidenced user`: who may sign in to the pages.

use super::args::{Format, Global};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, SetUpLink};
use crate::settings::Settings;
use clap::{Subcommand, ValueEnum};
use model::Role;
use model::time::seconds_text;
use serde_json::{Value, json};
use store::UserRow;

/// Verbs of `user`.
#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Everybody who may or might sign in
    List,
    /// Let somebody sign in: prints the link by which they set password and second factor
    Add {
        /// The name they sign in by and act under: their address
        name: String,
        /// What they are there for
        #[arg(long, value_enum)]
        role: RoleWord,
        /// Who lets them
        #[arg(long)]
        by: String,
    },
    /// Change what somebody is there for; it holds from their next request on
    Role {
        /// Their name
        name: String,
        /// What they are there for from now on
        #[arg(value_enum)]
        role: RoleWord,
        /// Who says so
        #[arg(long)]
        by: String,
    },
    /// Somebody may not sign in any more: they are out at their next request
    Disable {
        /// Their name
        name: String,
        /// Who says so
        #[arg(long)]
        by: String,
    },
    /// Somebody may sign in again
    Enable {
        /// Their name
        name: String,
        /// Who says so
        #[arg(long)]
        by: String,
    },
    /// A new link to set password and second factor, where one of them was lost
    SetupLink {
        /// Their name
        name: String,
        /// Who makes it
        #[arg(long)]
        by: String,
    },
}

/// What somebody is there for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleWord {
    /// Says who may sign in, and may do whatever the others may
    Administrator,
    /// Takes findings to their end, asks for exceptions
    ControlOwner,
    /// Decides on findings and exceptions
    Reviewer,
    /// Reads, and changes nothing
    Auditor,
    /// Keeps the collection running, confirms suspect snapshots
    Operator,
}

impl RoleWord {
    const fn role(self) -> Role {
        match self {
            Self::Administrator => Role::Administrator,
            Self::ControlOwner => Role::ControlOwner,
            Self::Reviewer => Role::Reviewer,
            Self::Auditor => Role::Auditor,
            Self::Operator => Role::Operator,
        }
    }
}

pub(super) fn users(settings: Settings, command: Option<UserCommand>, global: &Global) -> Result<Exit, Failure> {
    let base = settings.serve.address();
    let linked =
        |link: &SetUpLink| Linked { url: format!("{base}/set-up/{}", link.secret.text()), ends_at: link.ends_at };
    let (user, link) = match command {
        None | Some(UserCommand::List) => return list(&settings, global),
        Some(UserCommand::Add { name, role, by }) => {
            let (user, link) = super::writing(settings, |line| line.add_user(&name, role.role(), &by))?;
            (user, Some(linked(&link)))
        }
        Some(UserCommand::SetupLink { name, by }) => {
            let (user, link) = super::writing(settings, |line| {
                let link = line.make_set_up_link(&name, &by)?;
                let user = line.reader()?.user_named(&name)?.ok_or_else(|| Failure::store("the user is gone"))?;
                Ok((user, link))
            })?;
            (user, Some(linked(&link)))
        }
        Some(UserCommand::Role { name, role, by }) => {
            (super::writing(settings, |line| line.set_role(&name, role.role(), &by))?, None)
        }
        Some(UserCommand::Disable { name, by }) => {
            (super::writing(settings, |line| line.disable_user(&name, &by))?, None)
        }
        Some(UserCommand::Enable { name, by }) => {
            (super::writing(settings, |line| line.enable_user(&name, &by))?, None)
        }
    };
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/user-change/v1", "user": json_of(&user),
            "set_up_link": link.as_ref().map(|link| json!({"url": link.url, "ends_at": link.ends_at})),
        }))?,
        Format::Table => {
            print::text_line(&format!("{} {} {}", print::safe(&user.name), user.role.as_str(), state(&user)))?;
            if let Some(link) = link {
                print::text_line(&format!("{}\n  once, until {}", link.url, seconds_text(link.ends_at)))?;
            }
        }
    }
    Ok(Exit::Done)
}

struct Linked {
    url: String,
    ends_at: model::Timestamp,
}

const fn state(user: &UserRow) -> &'static str {
    match user {
        UserRow { disabled: true, .. } => "disabled",
        UserRow { source: store::UserSource::Local, password: None, .. } => "not set up",
        _ => "active",
    }
}

fn json_of(user: &UserRow) -> Value {
    json!({
        "id": user.id, "name": user.name, "role": user.role, "source": user.source.as_str(), "state": state(user),
        "made_at": user.made_at,
    })
}

fn list(settings: &Settings, global: &Global) -> Result<Exit, Failure> {
    let users = line::reader(settings)?.users()?;
    match global.format() {
        Format::Json => {
            let users: Vec<Value> = users.iter().map(json_of).collect();
            print::json(&json!({"schema": "evidenced/users/v1", "users": users}))?;
        }
        Format::Table => print::table(
            ["NAME", "ROLE", "STATE", "SOURCE", "SINCE", "ID"],
            users
                .iter()
                .map(|user| {
                    [
                        print::safe(&user.name),
                        user.role.as_str().to_owned(),
                        state(user).to_owned(),
                        user.source.as_str().to_owned(),
                        seconds_text(user.made_at),
                        user.id.clone(),
                    ]
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}
