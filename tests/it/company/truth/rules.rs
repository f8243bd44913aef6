//! Which check speaks of whom, on whose evidence, and what the whole comes to.

use super::{Members, View, Word, leavers, programme, register, sign_in, unused};
use crate::company::faults::State;
use crate::company::lives::{SOURCES, Source};

/// A check as this company needs it.
struct Rule {
    check: &'static str,
    /// The sources whose evidence it rests on. More of a roster could undo a failure, more of anything else could not.
    on: &'static [Source],
    /// Whether nobody to speak of is nothing strange.
    may_be_empty: bool,
    members: fn(&View<'_>) -> Members,
}

const ALL: &[Source] = &SOURCES;
const ACCOUNTS: &[Source] = &[Source::Idp, Source::Aws, Source::Crm, Source::Host];
const APPS: &[Source] = &[Source::Idp, Source::Aws, Source::Crm];
const CREDENTIALS: &[Source] = &[Source::Aws, Source::Crm, Source::Host];
const HR: &[Source] = &[Source::Hr];
const AWS: &[Source] = &[Source::Aws];
const HOST: &[Source] = &[Source::Host];

const fn rule(check: &'static str, on: &'static [Source], members: fn(&View<'_>) -> Members) -> Rule {
    Rule { check, on, may_be_empty: false, members }
}

const fn rare(check: &'static str, on: &'static [Source], members: fn(&View<'_>) -> Members) -> Rule {
    Rule { check, on, may_be_empty: true, members }
}

const RULES: &[Rule] = &[
    rule("account_before_start_date", ALL, leavers::account_before_start_date),
    rule("account_without_person", ALL, leavers::account_without_person),
    rule("contractor_past_end_date", ALL, leavers::contractor_past_end_date),
    rule("contractor_without_end_date", HR, leavers::contractor_without_end_date),
    rare("hr_recorded_leaver_late", HR, leavers::hr_recorded_leaver_late),
    rule("idp_user_without_hr_record", &[Source::Hr, Source::Idp], leavers::idp_user_without_hr_record),
    rule("leaver_active_after_end", ALL, leavers::leaver_active_after_end),
    rare("leaver_address_on_account", ALL, leavers::leaver_address_on_account),
    rare("leaver_owns_credentials", ALL, leavers::leaver_owns_credentials),
    rare("leaver_removed_in_time", ALL, leavers::leaver_removed_in_time),
    rule("leaver_still_active", ALL, leavers::leaver_still_active),
    rule("person_with_two_identities", ALL, leavers::person_with_two_identities),
    rare("reactivated_account", ALL, leavers::reactivated_account),
    rule("admin_without_strong_mfa", APPS, sign_in::admin_without_strong_mfa),
    rare("aws_console_user_without_mfa", AWS, sign_in::aws_console_user_without_mfa),
    rule("aws_root_without_mfa", AWS, sign_in::aws_root_without_mfa),
    rule("local_login_beside_sso", ACCOUNTS, sign_in::local_login_beside_sso),
    rule("mfa_missing", APPS, sign_in::mfa_missing),
    rule("password_policy_below_baseline", AWS, sign_in::password_policy_below_baseline),
    rare("access_key_too_old", CREDENTIALS, sign_in::access_key_too_old),
    rare("access_key_unused", CREDENTIALS, sign_in::access_key_unused),
    rule("aws_root_has_keys", AWS, sign_in::aws_root_has_keys),
    rule("aws_root_used", AWS, sign_in::aws_root_used),
    rare("more_than_one_active_key", CREDENTIALS, sign_in::more_than_one_active_key),
    rule("account_dormant", ACCOUNTS, unused::account_dormant),
    rule("account_never_used", ACCOUNTS, unused::account_never_used),
    rule("admin_justification_expired", ACCOUNTS, register::admin_justification_expired),
    rule("admin_not_in_register", ACCOUNTS, register::admin_not_in_register),
    rule("duties_not_segregated", ALL, register::duties_not_segregated),
    rule("full_admin_policy_on_user", AWS, register::full_admin_policy_on_user),
    rare("new_admin_without_approval", ACCOUNTS, register::new_admin_without_approval),
    rule("policy_attached_to_user", AWS, register::policy_attached_to_user),
    rule("too_many_admins", APPS, register::too_many_admins),
    rare("break_glass_untested", ACCOUNTS, register::break_glass_untested),
    rare("guest_not_reviewed", ACCOUNTS, register::guest_not_reviewed),
    rare("outside_collaborator_without_sponsor", ALL, register::outside_collaborator_without_sponsor),
    rare("service_account_can_log_in", ACCOUNTS, register::service_account_can_log_in),
    rare("service_account_without_owner", ALL, register::service_account_without_owner),
    rare("shared_account_without_exception", ACCOUNTS, register::shared_account_without_exception),
    rule("account_without_owner_on_host", &[Source::Hr, Source::Host], register::account_without_owner_on_host),
    rule("password_never_expires", HOST, register::password_never_expires),
    rule("sudo_without_justification", HOST, register::sudo_without_justification),
    rule("uid_zero_besides_root", HOST, register::uid_zero_besides_root),
    rule("evidence_gap", &[], programme::evidence_gap),
    rare("population_not_reconciled", &[], programme::population_not_reconciled),
    rare("log_does_not_verify", &[], programme::log_does_not_verify),
    // nobody configured an organisation of AWS accounts, but it is asked whether the one that is read is all there is
    rare("aws_account_not_read", AWS, |_| Members::new()),
];

/// What a check must come to.
#[derive(Debug)]
pub(in crate::company) struct Expected {
    pub(in crate::company) check: &'static str,
    pub(in crate::company) outcome: &'static str,
    pub(in crate::company) members: Members,
    /// The sources that must be named, and nothing else.
    pub(in crate::company) named: Vec<(Source, State)>,
}

/// What every check of this company must come to.
pub(in crate::company) fn expected(view: &View<'_>) -> Vec<Expected> {
    RULES.iter().map(|rule| conclude(rule, view)).collect()
}

fn conclude(rule: &Rule, view: &View<'_>) -> Expected {
    let mut members = (rule.members)(view);
    let named: Vec<(Source, State)> =
        rule.on.iter().filter_map(|source| Some((*source, view.state(*source)?))).collect();
    let has = |members: &Members, word: fn(&Word) -> bool| members.values().any(word);
    let fails = has(&members, |word| *word == Word::Fail);
    if !named.is_empty() {
        // what was seen failing fails whatever else there is, unless a roster that was not seen could excuse it
        let proven = fails && named.iter().all(|(source, _)| *source != Source::Hr);
        for word in members.values_mut().filter(|word| !proven || **word != Word::Fail) {
            *word = Word::Unknown("");
        }
        let outcome = if proven { "fail" } else { "inconclusive" };
        return Expected { check: rule.check, outcome, members, named };
    }
    let outcome = match () {
        () if fails => "fail",
        () if members.is_empty() && !rule.may_be_empty => "inconclusive",
        () if has(&members, |word| matches!(word, Word::Unknown(_))) => "inconclusive",
        () if has(&members, |word| *word == Word::Pass) => "pass",
        () => "not_applicable",
    };
    Expected { check: rule.check, outcome, members, named }
}
