//! What AWS IAM answers: the query protocol's XML, and the credential report in it.

use super::time;
use crate::company::days::{CHANGED, COLLECTED, Day, USED, by};
use crate::company::faults::Fault;
use crate::company::lives::{Company, Factor, Kind, Shown, Source};
use crate::faults::{Request, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const AWS_ACCOUNT: &str = "123456789012";

pub(super) fn answer(company: &Company, day: Day, fault: Option<Fault>, request: &Request) -> Response {
    let action = request.body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
    if fault == Some(Fault::Refused) && action == "ListUsers" {
        let body = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: \
                    iam:ListUsers</Message></Error><RequestId>r</RequestId></ErrorResponse>";
        return Response::new(403, "text/xml", body);
    }
    let all = company.shown(Source::Aws, day);
    let root = all.iter().find(|account| account.kind == Kind::Root).unwrap();
    let users: Vec<&Shown> = all.iter().filter(|account| account.kind != Kind::Root).collect();
    let told = if fault == Some(Fault::Skewed) { day - 2 } else { day };
    let result = match action {
        "GetCallerIdentity" => format!(
            "<Arn>arn:aws:iam::{AWS_ACCOUNT}:user/reader</Arn><UserId>AIDAREADER</UserId><Account>{AWS_ACCOUNT}</Account>"
        ),
        "ListUsers" => {
            let last = |user: &Shown| match user.used.filter(|_| user.password == Some(true)) {
                Some(_) => console_use(user)
                    .map(|day| format!("<PasswordLastUsed>{}</PasswordLastUsed>", time(day, USED)))
                    .unwrap_or_default(),
                None => String::new(),
            };
            let members: String =
                users.iter().map(|user| format!("<member>{}{}</member>", user_head(user), last(user))).collect();
            format!("<IsTruncated>false</IsTruncated><Users>{members}</Users>")
        }
        "GetAccountSummary" => summary(&users, root),
        "GenerateCredentialReport" => "<State>COMPLETE</State>".to_owned(),
        "GetCredentialReport" => format!(
            "<Content>{}</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>{}</GeneratedTime>",
            STANDARD.encode(report(&users, root)),
            time(told, COLLECTED)
        ),
        "GetAccountAuthorizationDetails" => details(&users),
        "ListRoles" => "<IsTruncated>false</IsTruncated><Roles/>".to_owned(),
        "ListVirtualMFADevices" => "<IsTruncated>false</IsTruncated><VirtualMFADevices/>".to_owned(),
        "GetAccountPasswordPolicy" => {
            let (length, remembered) = by(&company.password_policy, day).copied().unwrap();
            let remembered = if remembered == 0 {
                String::new()
            } else {
                format!("<PasswordReusePrevention>{remembered}</PasswordReusePrevention>")
            };
            format!(
                "<PasswordPolicy><MinimumPasswordLength>{length}</MinimumPasswordLength><RequireSymbols>true</RequireSymbols>\
                 <RequireNumbers>true</RequireNumbers><RequireUppercaseCharacters>true</RequireUppercaseCharacters>\
                 <RequireLowercaseCharacters>true</RequireLowercaseCharacters><AllowUsersToChangePassword>true</AllowUsersToChangePassword>\
                 <ExpirePasswords>false</ExpirePasswords>{remembered}</PasswordPolicy>"
            )
        }
        "ListServiceSpecificCredentials" => "<IsTruncated>false</IsTruncated><ServiceSpecificCredentials/>".to_owned(),
        "ListSSHPublicKeys" => "<IsTruncated>false</IsTruncated><SSHPublicKeys/>".to_owned(),
        _ => return Response::new(404, "text/xml", "<ErrorResponse/>"),
    };
    let body = format!(
        "<{action}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{action}Result>{result}</{action}Result>\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    );
    Response::new(200, "text/xml", body)
}

/// The last console sign-in; a use that a key made is not one.
fn console_use(user: &Shown) -> Option<Day> {
    let by_key = user.keys.iter().filter_map(|key| key.used).max();
    user.used.filter(|_| user.password == Some(true)).filter(|used| by_key.is_none_or(|key| *used >= key))
}

fn arn(login: &str) -> String {
    format!("arn:aws:iam::{AWS_ACCOUNT}:user/{login}")
}

fn user_head(user: &Shown) -> String {
    let login = &user.login;
    let made = time(user.created.unwrap(), CHANGED);
    format!(
        "<Path>/</Path><UserName>{login}</UserName><UserId>AIDA{}</UserId><Arn>{}</Arn><CreateDate>{made}</CreateDate>",
        login.to_uppercase().replace(['.', '-'], "X"),
        arn(login)
    )
}

fn summary(users: &[&Shown], root: &Shown) -> String {
    let figures = [
        ("Users", users.len()),
        ("Groups", 1),
        ("Roles", 0),
        ("Policies", 0),
        ("MFADevices", 0),
        ("MFADevicesInUse", 0),
        ("AccountMFAEnabled", usize::from(root.factor != Some(Factor::None))),
        ("AccountAccessKeysPresent", usize::from(root.keys.iter().any(|key| key.active))),
        ("AccountPasswordPresent", 1),
    ];
    let entries: String =
        figures.iter().map(|(name, value)| format!("<entry><key>{name}</key><value>{value}</value></entry>")).collect();
    format!("<SummaryMap>{entries}</SummaryMap>")
}

fn details(users: &[&Shown]) -> String {
    let members: String = users
        .iter()
        .map(|user| {
            let own = match user.policy {
                Some(false) => {
                    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}"#;
                    let document: String = url::form_urlencoded::byte_serialize(document.as_bytes()).collect();
                    format!("<UserPolicyList><member><PolicyName>read</PolicyName><PolicyDocument>{document}</PolicyDocument></member></UserPolicyList>")
                }
                _ => "<UserPolicyList/>".to_owned(),
            };
            let managed = match user.policy {
                Some(true) => format!("<AttachedManagedPolicies>{ADMINISTRATOR}</AttachedManagedPolicies>"),
                _ => "<AttachedManagedPolicies/>".to_owned(),
            };
            let groups = if user.admin && user.policy != Some(true) {
                "<GroupList><member>administrators</member></GroupList>"
            } else {
                "<GroupList/>"
            };
            let tags = match &user.address {
                Some(address) => format!("<Tags><member><Key>email</Key><Value>{address}</Value></member></Tags>"),
                None => "<Tags/>".to_owned(),
            };
            format!("<member>{}{own}{groups}{managed}{tags}</member>", user_head(user))
        })
        .collect();
    format!(
        "<IsTruncated>false</IsTruncated><UserDetailList>{members}</UserDetailList><GroupDetailList><member><Path>/</Path>\
         <GroupName>administrators</GroupName><GroupId>AGPA1</GroupId><Arn>arn:aws:iam::{AWS_ACCOUNT}:group/administrators</Arn>\
         <CreateDate>2019-01-01T00:00:00Z</CreateDate><GroupPolicyList/><AttachedManagedPolicies>{ADMINISTRATOR}</AttachedManagedPolicies>\
         </member></GroupDetailList><RoleDetailList/><Policies/>"
    )
}

const ADMINISTRATOR: &str = "<member><PolicyName>AdministratorAccess</PolicyName><PolicyArn>arn:aws:iam::aws:policy/AdministratorAccess</PolicyArn></member>";

fn report(users: &[&Shown], root: &Shown) -> String {
    let mut text = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,\
        mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,\
        access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
        access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated\n"
        .to_owned();
    text += &report_row("<root_account>", &format!("arn:aws:iam::{AWS_ACCOUNT}:root"), root, "not_supported");
    for user in users {
        let password = if user.password == Some(true) { "true" } else { "false" };
        text += &report_row(&user.login, &arn(&user.login), user, password);
    }
    text
}

fn report_row(login: &str, arn: &str, user: &Shown, password: &str) -> String {
    let instant = |day: Option<Day>, hour| day.map_or("N/A".to_owned(), |day| time(day, hour).replace('Z', "+00:00"));
    let console = if user.kind == Kind::Root { user.used } else { console_use(user) };
    let changed = if password == "true" { instant(user.created, CHANGED) } else { "N/A".to_owned() };
    let mut cells = vec![
        login.to_owned(),
        arn.to_owned(),
        instant(user.created, CHANGED),
        password.to_owned(),
        instant(console, USED),
        changed,
        "N/A".to_owned(),
        (user.factor != Some(Factor::None)).to_string(),
    ];
    for slot in ["slot 1", "slot 2"] {
        let key = user.keys.iter().find(|key| key.id == slot);
        cells.push(key.is_some_and(|key| key.active).to_string());
        cells.push(instant(key.map(|key| key.made), CHANGED));
        cells.push(instant(key.and_then(|key| key.used), USED));
        cells.extend(["N/A".to_owned(), "N/A".to_owned()]);
    }
    cells.extend(["false", "N/A", "false", "N/A"].map(str::to_owned));
    cells.join(",") + "\n"
}
