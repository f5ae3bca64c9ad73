//! Whether a principal may do what the operator's policy names, as IAM's policy simulator tells.

use std::collections::{BTreeMap, BTreeSet};

use aws::OperatorPolicy;
use aws::own::rights::{self, Denied, Why};
use aws::own::{Failure, Session};
use pipeline_core::location::Location;
use pipeline_core::names::ClusterName;
use pipeline_core::simulation::{Questions, questions};

use crate::cli::arguments::CheckSettings;
use crate::kubernetes::preflight::Finding;

/// What these lines are about.
const WHAT: &str = "AWS policy";

/// Asks for each action of the policy that `iam-policy` prints for these settings.
pub(super) async fn findings(
    settings: &CheckSettings,
    session: &Session,
    location: &Location,
    caller: &str,
    cluster: ClusterName,
) -> Vec<Finding> {
    let policy = match policy(settings, location, cluster) {
        Ok(policy) => policy,
        Err(why) => return vec![Finding::not_known(WHAT, why)],
    };
    let principal = match &settings.principal {
        Some(principal) => Ok(Some(principal.clone())),
        None => rights::principal_of(session, caller, location).await,
    };
    let principal = match principal {
        Ok(Some(principal)) => principal,
        Ok(None) => return vec![Finding::not_known(WHAT, nobody(caller))],
        Err(failure) => return vec![Finding::not_known(WHAT, failure.answer())],
    };
    let questions = questions(&policy.document(), location);
    match denied(session, &principal, &questions).await {
        Ok(denied) => judged(&principal, &questions, &denied),
        Err(failure) => vec![Finding::not_known(WHAT, unanswered(&failure, &principal))],
    }
}

fn policy(settings: &CheckSettings, location: &Location, cluster: ClusterName) -> Result<OperatorPolicy, String> {
    let installation = &settings.run.installation;
    let configuration = installation.configuration().map_err(|error| error.to_string())?;
    Ok(OperatorPolicy {
        partition: location.partition,
        account: Some(location.account.clone()),
        regions: vec![location.region.clone()],
        cluster,
        boundary: installation.permissions_boundary.clone(),
        layer_bucket: configuration.layer_bucket().cloned(),
        assumed_roles: configuration.roles(),
        sources: configuration.sources(location.partition),
    })
}

/// One after the other: IAM takes few of these calls a second.
async fn denied(session: &Session, principal: &str, questions: &Questions) -> Result<Vec<Denied>, Failure> {
    let mut all = Vec::new();
    for question in &questions.asked {
        all.extend(rights::denied(session, principal, question).await?);
    }
    Ok(all)
}

fn nobody(caller: &str) -> String {
    format!("{caller} has no policies to ask about; name the operator's role or user with --principal")
}

fn unanswered(failure: &Failure, principal: &str) -> String {
    if failure.is_denied() {
        return format!(
            "these credentials may not simulate policies; allow iam:SimulatePrincipalPolicy on {principal}, or ask as an administrator, \
             with --principal {principal}"
        );
    }
    format!("{}; name the operator's role or user with --principal", failure.answer())
}

fn judged(principal: &str, questions: &Questions, denied: &[Denied]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = by_reason(denied)
        .into_iter()
        .map(|(why, actions)| {
            Finding::of(WHAT, Err(format!("{} {principal}: {}; {}", refuses(why), actions, remedy(why))))
        })
        .collect();
    if findings.is_empty() {
        let found =
            format!("all {} actions of `task-pipelines iam-policy` are allowed to {principal}", questions.count());
        findings.push(Finding::of(WHAT, Ok(found)));
    }
    if !questions.elsewhere.is_empty() {
        let actions = questions.elsewhere.iter().cloned().collect::<Vec<_>>().join(", ");
        let why = format!("{actions} in other accounts, whose own policies decide too; apply a pipeline there to see");
        findings.push(Finding::not_known(WHAT, why));
    }
    findings
}

/// The actions that are denied, each with what it is denied on.
fn by_reason(denied: &[Denied]) -> BTreeMap<Why, String> {
    let mut by_reason: BTreeMap<Why, BTreeMap<&str, BTreeSet<&str>>> = BTreeMap::new();
    for Denied { action, resource, why } in denied {
        by_reason.entry(*why).or_default().entry(action).or_default().insert(resource);
    }
    let listed = |actions: BTreeMap<&str, BTreeSet<&str>>| {
        let action = |(action, resources): (&str, BTreeSet<&str>)| {
            format!("{action} on {}", resources.into_iter().collect::<Vec<_>>().join(" and "))
        };
        actions.into_iter().map(action).collect::<Vec<_>>().join(", ")
    };
    by_reason.into_iter().map(|(why, actions)| (why, listed(actions))).collect()
}

const fn refuses(why: Why) -> &'static str {
    match why {
        Why::NotAllowed => "nothing allows",
        Why::Forbidden => "a policy denies",
        Why::Boundary => "the permissions boundary does not allow",
        Why::Organization => "a policy of the organization does not allow",
    }
}

const fn remedy(why: Why) -> &'static str {
    match why {
        Why::NotAllowed => "attach what `task-pipelines iam-policy` prints for the same settings",
        Why::Forbidden => "find the statement that denies it, and except the operator from it",
        Why::Boundary => "set the operator a wider permissions boundary, or none",
        Why::Organization => "have the organization's service control policies allow it in this account and region",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::preflight::State;

    #[test]
    fn what_is_denied_is_named_by_reason_with_a_remedy() {
        let one = |action: &str, resource: &str, why| Denied {
            action: action.to_owned(),
            resource: resource.to_owned(),
            why,
        };
        let denied = [
            one("sqs:CreateQueue", "arn:b", Why::NotAllowed),
            one("sqs:CreateQueue", "arn:a", Why::NotAllowed),
            one("iam:TagRole", "arn:r", Why::NotAllowed),
            one("ssm:PutParameter", "arn:p", Why::Organization),
        ];
        let findings = judged("arn:me", &Questions::default(), &denied);
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "FAIL AWS policy: nothing allows arn:me: iam:TagRole on arn:r, sqs:CreateQueue on arn:a and arn:b; attach \
                 what `task-pipelines iam-policy` prints for the same settings",
                "FAIL AWS policy: a policy of the organization does not allow arn:me: ssm:PutParameter on arn:p; have the \
                 organization's service control policies allow it in this account and region",
            ]
        );
    }

    #[test]
    fn other_accounts_are_not_known() {
        let elsewhere = BTreeSet::from(["sts:AssumeRole".to_owned()]);
        let findings = judged("arn:me", &Questions { asked: Vec::new(), elsewhere }, &[]);
        let states: Vec<State> = findings.iter().map(|finding| finding.state).collect();
        assert_eq!(states, [State::Well, State::NotKnown]);
    }
}
