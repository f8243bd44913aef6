//! How and when users sign in: what they registered for it, and their last times. Both need a licence, so both are listings
//! of their own: where they are refused, nobody is lost.

use super::TOP;
use crate::provider::directory::Users;
use crate::provider::json::{Object, ids};
use crate::provider::rest::difference;
use crate::provider::run::Run;
use model::CollectError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ACTIVITY: &str = "GET /users?$select=signInActivity";
const REGISTERED: &str = "GET /reports/authenticationMethods/userRegistrationDetails";

/// The largest page where the last sign-in is asked for.
const ACTIVITY_TOP: &str = "500";

const ACTIVITY_COLUMNS: &[&str] = &["last_sign_in_at", "last_non_interactive_sign_in_at", "last_successful_sign_in_at"];

/// Bound to the address they sign in to, under every name the report has had for them.
const PHISHING_RESISTANT: &[&str] = &[
    "fido2",
    "fido2SecurityKey",
    "macOsSecureEnclaveKey",
    "passKeyDeviceBound",
    "passKeyDeviceBoundAuthenticator",
    "passKeyDeviceBoundWindowsHello",
    "passKeySynced",
    "windowsHelloForBusiness",
];

/// Those that can be handed on. Of a word that is in neither list it is not known.
const NOT_RESISTANT: &[&str] = &[
    "alternateMobilePhone",
    "appPassword",
    "email",
    "hardwareOneTimePasscode",
    "microsoftAuthenticatorPasswordless",
    "microsoftAuthenticatorPush",
    "mobilePhone",
    "officePhone",
    "securityQuestion",
    "softwareOneTimePasscode",
    "temporaryAccessPass",
];

/// The last sign-ins of one user.
#[derive(Default)]
pub(super) struct Times {
    pub(super) interactive: Option<String>,
    pub(super) non_interactive: Option<String>,
    pub(super) successful: Option<String>,
}

/// By user.
pub(super) struct SignIns(pub(super) BTreeMap<String, Times>);

/// None where they could not be read, or not of the users that there are.
pub(super) async fn activity(run: &mut Run, users: &Users) -> Result<Option<SignIns>, CollectError> {
    let feeds = [("entra_user", ACTIVITY_COLUMNS)];
    let url = run.url(&["users"], &[("$select", "id,signInActivity"), ("$top", ACTIVITY_TOP)])?;
    let members = match run.listing(ACTIVITY, url).await {
        Ok(members) => members,
        Err(error) => return run.unfed(error, &feeds).map(|()| None),
    };
    let differing = difference(("users", &users.ids), ("users with their sign-ins", &ids(ACTIVITY, &members)?));
    run.reasons.extend(differing.map(|reason| reason.table("entra_user").columns(ACTIVITY_COLUMNS)));
    let mut sign_ins = BTreeMap::new();
    for user in &members {
        let user = Object::of(ACTIVITY, user)?;
        let activity = user.object("signInActivity")?;
        let times = Times {
            interactive: activity.instant("lastSignInDateTime")?,
            non_interactive: activity.instant("lastNonInteractiveSignInDateTime")?,
            successful: activity.instant("lastSuccessfulSignInDateTime")?,
        };
        sign_ins.insert(user.needed("id")?.to_owned(), times);
    }
    Ok(Some(SignIns(sign_ins)))
}

/// What is registered for one user.
pub(super) struct Registration {
    pub(super) is_registered: Option<bool>,
    pub(super) is_capable: Option<bool>,
    pub(super) is_admin: Option<bool>,
    pub(super) phishing_resistant: Option<bool>,
}

/// By user; the report leaves out users whose accounts are disabled, and the newest.
pub(super) struct Registered(BTreeMap<String, Registration>);

impl Registered {
    pub(super) fn of(&self, id: &str) -> Option<&Registration> {
        self.0.get(id)
    }
}

/// None where it could not be read.
pub(super) async fn registered(run: &mut Run) -> Result<Option<Registered>, CollectError> {
    let columns = ["mfa_registered", "mfa_capable", "phishing_resistant"];
    let feeds = [("entra_user", &columns[..]), ("entra_method", &[][..])];
    let url = run.url(&["reports", "authenticationMethods", "userRegistrationDetails"], &[("$top", TOP)])?;
    let members = match run.listing(REGISTERED, url).await {
        Ok(members) => members,
        Err(error) => return run.unfed(error, &feeds).map(|()| None),
    };
    let mut registered = BTreeMap::new();
    for user in &members {
        let user = Object::of(REGISTERED, user)?;
        let id = user.needed("id")?;
        let is_registered = user.boolean("isMfaRegistered")?;
        // whoever registered something registered a method
        let methods = match user.member("methodsRegistered") {
            None if is_registered != Some(true) => None,
            _ => Some(user.needed_list("methodsRegistered")?),
        };
        let methods: Option<Vec<&str>> = methods.map(|methods| methods.iter().filter_map(Value::as_str).collect());
        for method in methods.iter().flatten() {
            run.push("entra_method", json!({ "user_id": id, "method": method }))?;
        }
        let registration = Registration {
            is_registered,
            is_capable: user.boolean("isMfaCapable")?,
            is_admin: user.boolean("isAdmin")?,
            phishing_resistant: methods.and_then(|methods| resists(&methods)),
        };
        registered.insert(id.to_owned(), registration);
    }
    Ok(Some(Registered(registered)))
}

fn resists(methods: &[&str]) -> Option<bool> {
    if methods.iter().any(|method| PHISHING_RESISTANT.contains(method)) {
        return Some(true);
    }
    methods.iter().all(|method| NOT_RESISTANT.contains(method)).then_some(false)
}

#[cfg(test)]
mod tests {
    use super::resists;

    #[test]
    fn a_method_nobody_documented_is_neither() {
        assert_eq!(resists(&["mobilePhone", "windowsHelloForBusiness"]), Some(true));
        assert_eq!(resists(&["mobilePhone", "brandNewKey"]), None);
        assert_eq!(resists(&["mobilePhone", "email"]), Some(false));
        assert_eq!(resists(&[]), Some(false));
    }
}
