//! What others put on a role: never taken off. It makes AWS refuse to delete the role, and is asked for only then; the lists of
//! sweeps show policies without that.

use aws_sdk_iam::types::RoleDetail;
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

/// The policies on a listed role that are not the operator's.
pub(super) fn policies(role: &RoleDetail) -> Vec<String> {
    let attached = role.attached_managed_policies().iter().filter_map(|policy| policy.policy_arn()).map(attached);
    let inline = role.role_policy_list().iter().filter_map(|policy| policy.policy_name());
    attached.chain(inline.filter(|name| *name != POLICY_NAME).map(inline_policy)).collect()
}

fn attached(arn: &str) -> String {
    format!("attached policy {arn}")
}

fn inline_policy(name: &str) -> String {
    format!("inline policy {name}")
}

async fn on_role(aws: &Aws, name: &str) -> Result<Vec<String>, AwsError> {
    let request = aws.iam.list_attached_role_policies().role_name(name);
    let attached = aws.call(request).await?;
    let request = aws.iam.list_role_policies().role_name(name);
    let inline = aws.call(request).await?;
    let request = aws.iam.list_instance_profiles_for_role().role_name(name);
    let profiles = aws.call(request).await?;

    let attached = attached.attached_policies.unwrap_or_default().into_iter();
    let attached = attached.filter_map(|policy| Some(self::attached(&policy.policy_arn?)));
    let inline = inline.policy_names.into_iter().filter(|policy| policy != POLICY_NAME);
    let inline = inline.map(|policy| inline_policy(&policy));
    let profiles = profiles.instance_profiles.into_iter();
    let profiles = profiles.map(|profile| format!("instance profile {}", profile.instance_profile_name));
    Ok(attached.chain(inline).chain(profiles).collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{AttachedPolicy, PolicyDetail};

    use super::*;

    #[test]
    fn policies_of_others_are_those_beside_the_operators_own() {
        let inline = |name: &str| PolicyDetail::builder().policy_name(name).build();
        let role = RoleDetail::builder().role_policy_list(inline(POLICY_NAME));
        assert_eq!(policies(&role.clone().build()), Vec::<String>::new());
        let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
        let attached = AttachedPolicy::builder().policy_arn(admin).build();
        let role = role.role_policy_list(inline("more")).attached_managed_policies(attached).build();
        assert_eq!(policies(&role), [format!("attached policy {admin}"), "inline policy more".to_owned()]);
    }
}
