//! What an AWS refusal or a broken answer means for a run.

use super::guard::Unbelievable;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use model::{CollectError, Reason, ReasonCode};
use std::error::Error;

/// A call that gave no answer to work with.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What it means for the run.
    pub error: CollectError,
    /// AWS's own error code, where AWS answered with one: `NoSuchEntity`.
    pub code: Option<String>,
}

impl Failure {
    /// Reads the SDK's error. `operation` is also the permission that allows it: IAM actions bear the names of the calls.
    pub(crate) fn of<E>(operation: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        if let Some(problem) = cause::<Unbelievable>(error) {
            let (operation, message) = (operation.to_owned(), problem.to_string());
            return Self { error: CollectError::Malformed { operation, message }, code: None };
        }
        let code = error.as_service_error().and_then(|service| service.code()).map(str::to_owned);
        Self { error: egress::aws::error(operation, operation, error), code }
    }

    /// Whether AWS answered with the error code `code`.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<T>() {
            return Some(found);
        }
        next = current.source();
    }
    None
}

/// Why `tables`, or `columns` of them, are *not reported*: a call that feeds them failed.
pub(crate) fn reason_of(error: &CollectError, tables: &[&str], columns: &[&str]) -> Reason {
    let code = match error {
        CollectError::Denied { .. } => ReasonCode::Denied,
        CollectError::Malformed { .. } => ReasonCode::Malformed,
        CollectError::Incomplete { code, .. } => *code,
        _ => ReasonCode::Failed,
    };
    let mut reason = Reason::new(code, error.to_string()).columns(columns);
    reason.tables = tables.iter().map(|table| (*table).to_owned()).collect();
    if let CollectError::Denied { permission, .. } = error {
        reason = reason.permission(permission);
    }
    reason
}

#[cfg(test)]
mod tests {
    use super::reason_of;
    use model::{CollectError, ReasonCode};

    #[test]
    fn a_denied_call_names_the_permission_and_the_columns_it_would_have_fed() {
        let error = CollectError::Denied {
            operation: "iam:GetCredentialReport".to_owned(),
            permission: "iam:GetCredentialReport".to_owned(),
            message: "AccessDenied".to_owned(),
        };
        let reason = reason_of(&error, &["aws_iam_user"], &["mfa_active"]);
        assert_eq!(reason.code, ReasonCode::Denied);
        assert_eq!(reason.permission.as_deref(), Some("iam:GetCredentialReport"));
        assert_eq!((reason.tables, reason.columns), (vec!["aws_iam_user".to_owned()], vec!["mfa_active".to_owned()]));
    }

    #[test]
    fn a_page_that_comes_back_keeps_its_own_code() {
        let error = CollectError::Incomplete {
            operation: "iam:ListVirtualMFADevices".to_owned(),
            message: "page 2 is the same as an earlier one".to_owned(),
            code: ReasonCode::PageRepeated,
        };
        assert_eq!(reason_of(&error, &["aws_iam_mfa_device"], &[]).code, ReasonCode::PageRepeated);
    }
}
