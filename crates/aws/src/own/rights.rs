//! What a principal may do, as IAM's policy simulator tells.

use aws_sdk_iam::types::{
    ContextEntry, ContextKeyTypeEnum, EvaluationResult, PermissionsBoundaryDecisionDetail, PolicyEvaluationDecisionType,
};
use pipeline_core::location::Location;
use pipeline_core::simulation::{Question, role_of_session};

use super::{Failure, Session};

/// An action that is not allowed on a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// Such as `sqs:CreateQueue`.
    pub action: String,
    /// ARN, or `*`.
    pub resource: String,
    /// What denies it.
    pub why: Why,
}

/// What denies an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// No policy of the principal's allows it.
    NotAllowed,
    /// A policy denies it.
    Forbidden,
    /// The principal's permissions boundary does not allow it.
    Boundary,
    /// A policy of the organization does not allow it.
    Organization,
}

/// ARN of the user or role that a caller's rights come from; `None` if there is none to ask about, as for the root of an
/// account.
///
/// # Errors
/// AWS does not show the role of a session.
pub async fn principal_of(session: &Session, caller: &str, location: &Location) -> Result<Option<String>, Failure> {
    if caller.contains(":user/") {
        return Ok(Some(caller.to_owned()));
    }
    let Some(role) = role_of_session(caller) else { return Ok(None) };
    match aws_sdk_iam::Client::new(&session.0).get_role().role_name(role).send().await.map_err(Failure::of) {
        Ok(answer) => Ok(answer.role.map(|role| role.arn)),
        // Most roles have no path.
        Err(failure) if failure.is_denied() => Ok(Some(location.role_arn("/", role))),
        Err(failure) => Err(failure),
    }
}

/// What of a question is not allowed to a principal.
///
/// # Errors
/// AWS does not simulate it.
pub async fn denied(session: &Session, principal: &str, question: &Question) -> Result<Vec<Denied>, Failure> {
    let Question { actions, resources, context } = question;
    let entry = |(key, value): (&String, &String)| {
        ContextEntry::builder()
            .context_key_name(key)
            .context_key_values(value)
            .context_key_type(ContextKeyTypeEnum::String)
            .build()
    };
    let request = aws_sdk_iam::Client::new(&session.0)
        .simulate_principal_policy()
        .policy_source_arn(principal)
        .set_action_names(Some(actions.iter().cloned().collect()))
        .set_resource_arns(Some(resources.iter().cloned().collect()))
        .set_context_entries(Some(context.iter().map(entry).collect()));
    let mut results = request.into_paginator().items().send();
    let mut denied = Vec::new();
    while let Some(result) = results.next().await {
        denied.extend(refused(result.map_err(Failure::of)?));
    }
    Ok(denied)
}

/// What one result refuses. AWS gives one for each action; where several resources were asked about, each has its own in it.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EvaluationResult.html>
fn refused(result: EvaluationResult) -> Vec<Denied> {
    let is_outside = result.organizations_decision_detail.is_some_and(|detail| !detail.allowed_by_organizations);
    let action = result.eval_action_name;
    let one = |resource: Option<String>, decision, boundary: Option<PermissionsBoundaryDecisionDetail>| {
        let why = match decision {
            PolicyEvaluationDecisionType::Allowed => return None,
            _ if is_outside => Why::Organization,
            _ if boundary.is_some_and(|detail| !detail.allowed_by_permissions_boundary) => Why::Boundary,
            PolicyEvaluationDecisionType::ExplicitDeny => Why::Forbidden,
            _ => Why::NotAllowed,
        };
        Some(Denied { action: action.clone(), resource: resource.unwrap_or_else(|| "*".to_owned()), why })
    };
    let boundary = result.permissions_boundary_decision_detail;
    let each = result.resource_specific_results.unwrap_or_default();
    if each.is_empty() {
        return one(result.eval_resource_name, result.eval_decision, boundary).into_iter().collect();
    }
    let each = each.into_iter();
    each.filter_map(|it| {
        let within = it.permissions_boundary_decision_detail.or_else(|| boundary.clone());
        one(Some(it.eval_resource_name), it.eval_resource_decision, within)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_iam::types::{OrganizationsDecisionDetail, ResourceSpecificResult};

    use super::*;

    #[test]
    fn a_refusal_is_told_by_what_refuses() {
        let result = |decision: PolicyEvaluationDecisionType| {
            EvaluationResult::builder().eval_action_name("sqs:CreateQueue").eval_decision(decision)
        };
        let organization = OrganizationsDecisionDetail::builder().allowed_by_organizations(false).build();
        let boundary = PermissionsBoundaryDecisionDetail::builder().allowed_by_permissions_boundary(false).build();
        let (implicit, explicit) =
            (PolicyEvaluationDecisionType::ImplicitDeny, PolicyEvaluationDecisionType::ExplicitDeny);
        for (result, expected) in [
            (result(PolicyEvaluationDecisionType::Allowed), None),
            (result(implicit.clone()), Some(Why::NotAllowed)),
            (result(explicit.clone()), Some(Why::Forbidden)),
            (result(explicit).organizations_decision_detail(organization), Some(Why::Organization)),
            (result(implicit).permissions_boundary_decision_detail(boundary), Some(Why::Boundary)),
        ] {
            let refused = refused(result.build().unwrap());
            assert_eq!(refused.first().map(|denied| denied.why), expected, "{refused:?}");
            assert!(refused.iter().all(|denied| denied.resource == "*"));
        }
    }

    #[test]
    fn of_several_resources_those_that_are_denied_are_told() {
        let of = |resource: &str, decision: PolicyEvaluationDecisionType| {
            let result = ResourceSpecificResult::builder().eval_resource_name(resource);
            result.eval_resource_decision(decision).build().unwrap()
        };
        let result = EvaluationResult::builder()
            .eval_action_name("sqs:CreateQueue")
            .eval_decision(PolicyEvaluationDecisionType::ImplicitDeny)
            .resource_specific_results(of("arn:a", PolicyEvaluationDecisionType::Allowed))
            .resource_specific_results(of("arn:b", PolicyEvaluationDecisionType::ImplicitDeny));
        let denied =
            Denied { action: "sqs:CreateQueue".to_owned(), resource: "arn:b".to_owned(), why: Why::NotAllowed };
        assert_eq!(refused(result.build().unwrap()), [denied]);
    }
}
