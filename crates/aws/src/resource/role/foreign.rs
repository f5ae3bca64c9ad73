//! What others put on a role, which makes AWS refuse to delete it. Asked for only then, and never taken off.

use pipeline_core::error_class::ErrorClass;

use super::POLICY_NAME;
use crate::{Aws, AwsError};

/// Adds what is attached to the role to the refusal. If nothing is, AWS lags behind, and the deletion is retried.
pub(super) async fn explain(aws: &Aws, name: &str, refusal: AwsError) -> AwsError {
    match on_role(aws, name).await {
        Ok(found) if found.is_empty() => refusal,
        Ok(found) => {
            let message = format!("others put this on the role, and it stays: {}", found.join(", "));
            AwsError { class: ErrorClass::Conflict, message, ..refusal }
        }
        Err(error) => {
            let message = format!("{}; what is on the role cannot be listed: {error}", refusal.message);
            AwsError { class: ErrorClass::Conflict, message, ..refusal }
        }
    }
}

async fn on_role(aws: &Aws, name: &str) -> Result<Vec<String>, AwsError> {
    let request = aws.iam.list_attached_role_policies().role_name(name);
    let attached = aws.call(request).await?;
    let request = aws.iam.list_role_policies().role_name(name);
    let inline = aws.call(request).await?;
    let request = aws.iam.list_instance_profiles_for_role().role_name(name);
    let profiles = aws.call(request).await?;

    let attached = attached.attached_policies.unwrap_or_default().into_iter();
    let attached = attached.filter_map(|policy| Some(format!("attached policy {}", policy.policy_arn?)));
    let inline = inline.policy_names.into_iter().filter(|policy| policy != POLICY_NAME);
    let inline = inline.map(|policy| format!("inline policy {policy}"));
    let profiles = profiles.instance_profiles.into_iter();
    let profiles = profiles.map(|profile| format!("instance profile {}", profile.instance_profile_name));
    Ok(attached.chain(inline).chain(profiles).collect())
}
