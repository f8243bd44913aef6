//! Mail: one letter a message, in plain text and as a page.

use super::send::{Destined, Parcel, Trouble, secret};
use crate::settings::{MailTls, Smtp};
use egress::{Letter, MailError, MailServer};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time for each step of the conversation.
const PATIENCE: Duration = Duration::from_secs(30);

impl From<MailError> for Trouble {
    fn from(error: MailError) -> Self {
        let help = match &error {
            MailError::Letter(_) => "look at `from` and `to`",
            MailError::Authority(..) => "put the authority's certificate there as PEM",
            MailError::Unreachable(_) => {
                "look at `host`, `port`, `tls` and `authority`, and whether this host may reach it; it is tried again by itself"
            }
            MailError::Refused(_) => "look at `username`, `password`, `from` and `to`, and at the server's own log",
        };
        Self::new(error.to_string(), help)
    }
}

fn server(smtp: &Smtp) -> Result<MailServer, Trouble> {
    let credential = match (&smtp.username, &smtp.password) {
        (Some(user), Some(password)) => Some((user.clone(), secret(password)?)),
        _ => None,
    };
    Ok(MailServer {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            MailTls::Implicit => egress::MailTls::Implicit,
            MailTls::Starttls => egress::MailTls::Starttls,
            MailTls::Off => egress::MailTls::Off,
        },
        authority: smtp.authority.clone(),
        credential,
        deadline: PATIENCE,
    })
}

pub(super) async fn send(smtp: &Smtp, parcel: &Parcel) -> Result<Destined, Trouble> {
    let digest = &parcel.digest;
    let domain = smtp.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain.trim_end_matches('>'));
    let at = u64::try_from(parcel.made_at.as_second()).unwrap_or_default();
    let letter = Letter {
        message_id: format!("{}@{domain}", digest.id),
        from: smtp.from.clone(),
        to: parcel.recipient.as_ref().map_or_else(|| smtp.to.clone(), |owner| vec![owner.clone()]),
        subject: digest.subject(),
        text: digest.text(),
        html: digest.html(),
        at: UNIX_EPOCH.checked_add(Duration::from_secs(at)).unwrap_or_else(SystemTime::now),
    };
    egress::mail(&server(smtp)?, &letter).await?;
    Ok(Destined::default())
}

pub(super) async fn reach(smtp: &Smtp) -> Result<String, Trouble> {
    egress::greet(&server(smtp)?).await?;
    let signed = if smtp.username.is_some() { " and lets this program sign in" } else { "" };
    Ok(format!("the mail server {} answers{signed}", smtp.host))
}
