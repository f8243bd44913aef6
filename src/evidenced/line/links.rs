//! Identity links that a person approved here: sealed decisions, beside the `[[links]]` of the configuration.

use super::decide::sealed;
use super::{Line, now};
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use evaluate::ApprovedLink;
use ledger::{Body, LinkDecision};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Document, Draft, Reader};

/// The series of every such decision.
const SERIES: &str = "identity_link";
const SCHEMA: &str = "evidenced/identity-link/v1";

/// What somebody decided: the document behind the entry.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Word {
    schema: String,
    link: String,
    decision: LinkDecision,
    by: String,
    reason: String,
    /// Of an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approved: Option<Approved>,
}

/// What an approval says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Approved {
    account: String,
    person: String,
    valid_from: Option<Timestamp>,
    valid_to: Option<Timestamp>,
}

/// A link that was approved here and not revoked.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// Its id.
    pub(crate) id: String,
    pub(crate) link: ApprovedLink,
}

/// What is to be approved.
#[derive(Debug, Clone)]
pub(crate) struct Approval<'a> {
    pub(crate) account: &'a str,
    pub(crate) person: &'a str,
    pub(crate) by: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_to: Option<Timestamp>,
}

/// The links approved here that stood at `as_of`.
pub(crate) fn standing(reader: &Reader, as_of: Timestamp) -> Result<Vec<Standing>, Failure> {
    let mut standing: Vec<Standing> = Vec::new();
    for entry in reader.series(SERIES)? {
        if entry.entry.at > as_of {
            break;
        }
        let Some(document) = reader.document(entry.index)? else { continue };
        let decision: Word = serde_json::from_slice(&document).map_err(|error| {
            Failure::store(format!("the decision of entry {} cannot be read: {error}", entry.index))
        })?;
        match decision.approved {
            Some(approved) => standing.push(Standing {
                id: decision.link,
                link: ApprovedLink {
                    account_key: approved.account,
                    person_key: approved.person,
                    approved_by: decision.by,
                    valid_from: approved.valid_from,
                    valid_to: approved.valid_to,
                },
            }),
            None => standing.retain(|one| one.id != decision.link),
        }
    }
    Ok(standing)
}

/// Every approved link at `as_of`: of the configuration, and approved here.
pub(super) fn approved(settings: &Settings, reader: &Reader, as_of: Timestamp) -> Result<Vec<ApprovedLink>, Failure> {
    let here = standing(reader, as_of)?.into_iter().map(|one| one.link);
    Ok(settings.links.iter().map(Into::into).chain(here).collect())
}

impl Line {
    /// Seals that an account is a person's. The account and the person must be known, and no other link may hold at the same time.
    pub(crate) fn approve_link(&self, approval: &Approval<'_>) -> Result<(String, u64), Failure> {
        let at = now();
        if let (Some(from), Some(to)) = (approval.valid_from, approval.valid_to)
            && from >= to
        {
            return Err(Failure::usage("the link ends before it begins", "swap --valid-from and --valid-to"));
        }
        // held from looking to sealing: of two approvals at once, the second is told of the first
        let store = self.store()?;
        let settings = self.settings();
        let reader = self.reader()?;
        let overlaps = |link: &&ApprovedLink| {
            let before =
                |from: Option<Timestamp>, to: Option<Timestamp>| from.zip(to).is_none_or(|(from, to)| from < to);
            link.account_key == approval.account
                && before(link.valid_from, approval.valid_to)
                && before(approval.valid_from, link.valid_to)
        };
        if let Some(other) = approved(&settings, &reader, at)?.iter().find(overlaps) {
            return Err(Failure {
                exit: Exit::Usage,
                message: format!(
                    "`{}` is linked to `{}` already, which {} approved",
                    approval.account, other.person_key, other.approved_by
                ),
                help: Some("revoke that link first (`evidenced people revoke`), or end it in `[[links]]`".to_owned()),
            });
        }
        let id = model::Digest::of(format!("{at} {} {}", approval.account, approval.person).as_bytes()).to_string();
        let id = format!("link-{}", &id[..16]);
        let word = Word {
            schema: SCHEMA.to_owned(),
            link: id.clone(),
            decision: LinkDecision::Approved,
            by: approval.by.to_owned(),
            reason: approval.reason.to_owned(),
            approved: Some(Approved {
                account: approval.account.to_owned(),
                person: approval.person.to_owned(),
                valid_from: approval.valid_from,
                valid_to: approval.valid_to,
            }),
        };
        let (index, id) = sealed(store, draft(&word)?, id)?;
        Ok((id, index))
    }

    /// Seals that a link approved here holds no longer.
    pub(crate) fn revoke_link(&self, id: &str, by: &str, reason: &str) -> Result<u64, Failure> {
        let store = self.store()?;
        if !standing(&self.reader()?, now())?.iter().any(|one| one.id == id) {
            return Err(Failure::usage(
                format!("no link `{id}` that was approved here stands"),
                "`evidenced people links` shows them; a link of `[[links]]` is ended there",
            ));
        }
        let word = Word {
            schema: SCHEMA.to_owned(),
            link: id.to_owned(),
            decision: LinkDecision::Revoked,
            by: by.to_owned(),
            reason: reason.to_owned(),
            approved: None,
        };
        Ok(sealed(store, draft(&word)?, ())?.0)
    }
}

fn draft(decision: &Word) -> Result<Draft, Failure> {
    Ok(Draft {
        body: Body::IdentityLink { link: decision.link.clone(), decision: decision.decision },
        series: SERIES.to_owned(),
        document: Some(Document::new(model::canonical_json(decision)?, "application/vnd.evidenced.identity-link+json")),
    })
}
