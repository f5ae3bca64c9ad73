//! What the operator needs IAM to allow: made of the table of calls, so that the policy it prints cannot forget one.
//!
//! After AWS's service authorization reference: <https://docs.aws.amazon.com/service-authorization/latest/reference/>

use std::collections::{BTreeMap, BTreeSet};

use pipeline_core::iam::{Service, Statement, document};
use pipeline_core::location::Location;
use pipeline_core::names::ClusterName;
use serde_json::{Value, json};

use super::operation::{Operation, Scope};

impl Operation {
    /// The service that the call hands a role to, which takes `iam:PassRole`.
    const fn passes_role_to(self) -> Option<Service> {
        match self {
            Self::CreateFunction | Self::UpdateFunctionConfiguration => Some(Service::Lambda),
            Self::CreateSchedule | Self::UpdateSchedule => Some(Service::Scheduler),
            _ => None,
        }
    }
}

/// Whose policy it is: all that the operator's own depends on.
#[derive(Clone, Debug)]
pub struct OperatorPolicy {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: String,
    /// 12-digit account id; absent: any.
    pub account: Option<String>,
    /// Regions that pipelines live in; empty: any.
    pub regions: Vec<String>,
    /// The cluster's name.
    pub cluster: ClusterName,
    /// ARN of the permissions boundary.
    pub boundary: Option<String>,
    /// ARNs of the roles that the configuration lets pipelines name, with wildcards.
    pub assumed_roles: Vec<String>,
    /// What the configuration lets pipelines take code from: to create a function, one has to be able to read it.
    pub sources: Vec<Statement>,
}

/// The names of all functions, which are those of their roles too.
const FUNCTIONS: [&str; 3] = ["*-sender", "*-runner", "*-fn-*"];

/// Characters of a managed policy without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const MAX_POLICY: usize = 6144;

impl OperatorPolicy {
    /// The least that lets the operator do its work.
    pub fn document(&self) -> Value {
        let mut actions: BTreeMap<Scope, BTreeSet<String>> = BTreeMap::new();
        for operation in Operation::all() {
            let scope = match operation.scope() {
                // One statement, for the room that there is.
                Scope::BoundaryGiven if self.boundary.is_some() => Scope::BoundedRoles,
                scope => scope,
            };
            actions.entry(scope).or_default().insert(operation.to_string());
        }
        // Giving a function a layer takes the right to read it.
        actions.entry(Scope::Layers).or_default().insert("lambda:GetLayerVersion".to_owned());
        let granted = actions.into_iter().filter_map(|(scope, actions)| self.statement(scope, &actions));
        let passed: BTreeSet<Service> = Operation::all().filter_map(Operation::passes_role_to).collect();
        let passed = passed.into_iter().map(|service| self.pass_role(service));
        let sources = self.sources.iter().map(Statement::document);
        let statements = granted.chain(passed).chain(sources).chain(self.kept_boundary()).chain(self.other_regions());
        document(&statements.collect::<Vec<_>>())
    }

    fn statement(&self, scope: Scope, actions: &BTreeSet<String>) -> Option<Value> {
        let resources = self.resources(scope);
        if resources.is_empty() {
            return None;
        }
        let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        if let Some(condition) = self.condition(scope) {
            statement["Condition"] = condition;
        }
        Some(statement)
    }

    fn resources(&self, scope: Scope) -> Vec<String> {
        let functions = || FUNCTIONS.map(|function| self.regional("lambda", &format!("function:{function}")));
        match (scope, &self.boundary) {
            (Scope::Free | Scope::BoundaryGiven, _) | (Scope::BoundaryTaken, Some(_)) => Vec::new(),
            (Scope::Everything | Scope::NewMapping, _) => vec!["*".to_owned()],
            (Scope::Roles | Scope::BoundedRoles, _) | (Scope::BoundaryTaken, None) => vec![self.role("*")],
            (Scope::AssumedRoles, _) => self.assumed_roles.clone(),
            (Scope::Functions, _) => functions().into(),
            (Scope::Layers, _) => vec![self.regional("lambda", "layer:*-layer-*")],
            (Scope::Mappings, _) => vec![self.regional("lambda", "event-source-mapping:*")],
            (Scope::FunctionsAndMappings, _) => {
                functions().into_iter().chain([self.regional("lambda", "event-source-mapping:*")]).collect()
            }
            (Scope::Queues, _) => ["tasks", "tasks.fifo", "tasks-dlq", "tasks-dlq.fifo", "undelivered-dlq"]
                .map(|part| self.regional("sqs", &format!("*-{part}")))
                .into_iter()
                .chain([self.inbox()])
                .collect(),
            (Scope::Inbox, _) => vec![self.inbox()],
            (Scope::Senders, _) => vec![self.regional("lambda", "function:*-sender")],
            (Scope::Parameters, _) => {
                vec![self.regional("ssm", &format!("parameter/taskpipelines/{}/*", self.cluster))]
            }
            // Tags are asked for without what stands for the streams, all else with it.
            (Scope::LogGroups, _) => FUNCTIONS
                .iter()
                .flat_map(|function| ["", ":*"].map(|end| format!("log-group:/aws/lambda/{function}{end}")))
                .map(|group| self.regional("logs", &group))
                .collect(),
            (Scope::ScheduleGroups, _) => vec![self.regional("scheduler", "schedule-group/*")],
            (Scope::Schedules, _) => vec![self.regional("scheduler", "schedule/*/*")],
        }
    }

    fn condition(&self, scope: Scope) -> Option<Value> {
        match (scope, &self.boundary) {
            (Scope::BoundedRoles, Some(boundary)) => {
                Some(json!({ "StringEquals": { "iam:PermissionsBoundary": boundary } }))
            }
            (Scope::NewMapping | Scope::Mappings, _) => {
                let runners = self.regional("lambda", "function:*-runner");
                Some(json!({ "ArnLike": { "lambda:FunctionArn": runners } }))
            }
            _ => None,
        }
    }

    fn pass_role(&self, service: Service) -> Value {
        let parts: &[&str] = match service {
            Service::Lambda => &FUNCTIONS,
            Service::Scheduler => &["*-scheduler"],
        };
        json!({
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": parts.iter().map(|part| self.role(part)).collect::<Vec<_>>(),
            "Condition": { "StringEquals": { "iam:PassedToService": service.principal() } },
        })
    }

    /// Without the boundary, the right to write a role's policies and to pass the role is the right to everything.
    fn kept_boundary(&self) -> Option<Value> {
        self.boundary.as_ref().map(|_| {
            let action = Operation::DeleteRolePermissionsBoundary.to_string();
            json!({ "Effect": "Deny", "Action": [action], "Resource": ["*"] })
        })
    }

    /// Several regions would make each ARN several: they are any, and all but these are denied.
    fn other_regions(&self) -> Option<Value> {
        (self.regions.len() > 1).then(|| {
            json!({
                "Effect": "Deny",
                "NotAction": ["iam:*", "sts:*"],
                "Resource": ["*"],
                "Condition": { "StringNotEquals": { "aws:RequestedRegion": self.regions } },
            })
        })
    }

    /// Where it holds: `*` stands for any account or region.
    pub fn location(&self) -> Location {
        Location {
            partition: self.partition.clone(),
            account: self.account.clone().unwrap_or_else(|| "*".to_owned()),
            region: if let [region] = self.regions.as_slice() { region.clone() } else { "*".to_owned() },
            endpoint: None,
        }
    }

    fn inbox(&self) -> String {
        self.regional("sqs", &self.cluster.inbox())
    }

    fn regional(&self, service: &str, resource: &str) -> String {
        self.location().arn(service, resource)
    }

    fn role(&self, name: &str) -> String {
        self.location().role_arn(&format!("/taskpipelines/{}/", self.cluster), name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> OperatorPolicy {
        OperatorPolicy {
            partition: "aws-us-gov".to_owned(),
            account: Some("111122223333".to_owned()),
            regions: vec!["us-gov-west-1".to_owned()],
            cluster: "x".repeat(32).parse().unwrap(),
            boundary: Some(format!("arn:aws-us-gov:iam::111122223333:policy/{}", "b".repeat(64))),
            assumed_roles: vec![format!("arn:aws-us-gov:iam::444455556666:role/{}", "r".repeat(64))],
            sources: Vec::new(),
        }
    }

    /// Whether a statement of this effect names the action.
    fn names(policy: &OperatorPolicy, effect: &str, action: &str) -> bool {
        let document = policy.document();
        let statements = document["Statement"].as_array().cloned().unwrap_or_default();
        let of_effect = statements.iter().filter(|statement| statement["Effect"] == effect);
        of_effect.flat_map(|statement| statement["Action"].as_array().into_iter().flatten()).any(|it| it == action)
    }

    #[test]
    fn it_fits_a_managed_policy_with_the_longest_names() {
        let size = policy().document().to_string().chars().count();
        assert!(size <= MAX_POLICY, "{size} characters");
    }

    #[test]
    fn every_call_is_allowed_but_that_which_takes_the_boundary_away() {
        let policy = policy();
        for operation in Operation::all().filter(|operation| operation.scope() != Scope::Free) {
            let allowed = operation != Operation::DeleteRolePermissionsBoundary;
            assert_eq!(names(&policy, "Allow", &operation.to_string()), allowed, "{operation}");
        }
        assert!(names(&policy, "Deny", "iam:DeleteRolePermissionsBoundary"));
        let without = OperatorPolicy { boundary: None, ..policy };
        assert!(names(&without, "Allow", "iam:DeleteRolePermissionsBoundary"));
        assert!(!names(&without, "Allow", "iam:PutRolePermissionsBoundary"));
        assert!(!without.document().to_string().contains("iam:PermissionsBoundary"));
    }

    #[test]
    fn roles_are_passed_to_the_service_that_runs_them_alone() {
        let document = policy().document();
        let statements = document["Statement"].as_array().unwrap();
        let passed = statements.iter().filter(|statement| statement["Action"][0] == "iam:PassRole");
        let pairs: Vec<(String, String)> = passed
            .map(|statement| {
                let service = &statement["Condition"]["StringEquals"]["iam:PassedToService"];
                (service.to_string(), statement["Resource"].to_string())
            })
            .collect();
        assert_eq!(pairs.len(), 2, "{pairs:?}");
        assert!(pairs.iter().any(|(service, roles)| service.contains("scheduler") && roles.contains("*-scheduler")));
        assert!(pairs.iter().any(|(service, roles)| service.contains("lambda") && !roles.contains("*-scheduler")));
    }

    #[test]
    fn what_is_not_known_is_a_wildcard_and_several_regions_are_a_condition() {
        let unknown = OperatorPolicy { account: None, regions: Vec::new(), ..policy() }.document().to_string();
        assert!(unknown.contains("arn:aws-us-gov:sqs:*:*:*-tasks") && !unknown.contains("aws:RequestedRegion"));
        let regions = vec!["us-gov-west-1".to_owned(), "us-gov-east-1".to_owned()];
        let several = OperatorPolicy { regions, ..policy() }.document().to_string();
        assert!(several.contains(r#"{"aws:RequestedRegion":["us-gov-west-1","us-gov-east-1"]}"#), "{several}");
        assert!(several.contains("arn:aws-us-gov:sqs:*:111122223333:*-tasks"));
    }
}
