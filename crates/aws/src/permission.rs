//! The operator's IAM policy, generated from the table of calls, so that it cannot miss one.
//!
//! After AWS's service authorization reference: <https://docs.aws.amazon.com/service-authorization/latest/reference/>

use std::collections::{BTreeMap, BTreeSet};

use pipeline_core::iam::{Service, Statement, document};
use pipeline_core::location::Location;
use pipeline_core::names::{ClusterName, tag};
use pipeline_core::partition::Partition;
use serde_json::{Value, json};

use super::operation::{Operation, Scope};

impl Operation {
    /// The service that the call passes a role to, which requires `iam:PassRole`.
    const fn passes_role_to(self) -> Option<Service> {
        match self {
            Self::CreateFunction | Self::UpdateFunctionConfiguration => Some(Service::Lambda),
            Self::CreateSchedule | Self::UpdateSchedule => Some(Service::Scheduler),
            _ => None,
        }
    }
}

/// The settings that the operator's policy depends on.
#[derive(Clone, Debug)]
pub struct OperatorPolicy {
    /// Partition.
    pub partition: Partition,
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

/// What names begin with: something readable, and the ten characters of a hash.
const FRONT: &str = "*-??????????";

/// What the names of functions end in, and those of their roles too.
const FUNCTIONS: [&str; 3] = ["-sender", "-runner", "-fn-*"];

/// Characters of a managed policy without white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
pub const MAX_POLICY: usize = 6144;

impl OperatorPolicy {
    /// The policy document: the least privileges that the operator needs.
    pub fn document(&self) -> Value {
        let mut actions: BTreeMap<Scope, BTreeSet<String>> = BTreeMap::new();
        for operation in Operation::all() {
            let scope = match operation.scope() {
                // Merged into one statement, since the policy's size is limited.
                Scope::BoundaryGiven if self.boundary.is_some() => Scope::BoundedRoles,
                scope => scope,
            };
            actions.entry(scope).or_default().insert(operation.to_string());
        }
        // Giving a function a layer takes the right to read it.
        actions.entry(Scope::Layers).or_default().insert("lambda:GetLayerVersion".to_owned());
        // A session of EKS Pod Identity hands its tags on to each role that it assumes.
        // <https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html>
        actions.entry(Scope::AssumedRoles).or_default().insert("sts:TagSession".to_owned());
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
        match (scope, &self.boundary) {
            (Scope::Free | Scope::BoundaryGiven, _) | (Scope::BoundaryTaken, Some(_)) => Vec::new(),
            (Scope::Everything | Scope::Mappings, _) => vec!["*".to_owned()],
            (Scope::Roles | Scope::BoundedRoles, _) | (Scope::BoundaryTaken, None) => vec![self.role("*")],
            (Scope::AssumedRoles, _) => self.assumed_roles.clone(),
            (Scope::Functions, _) => {
                let functions = FUNCTIONS.map(|end| self.regional("lambda", &format!("function:{FRONT}{end}")));
                functions.into_iter().chain([self.mappings()]).collect()
            }
            (Scope::Tagged, _) => self.tagged().into(),
            (Scope::Ours, _) => {
                let log_groups = self.regional("logs", &format!("log-group:/aws/lambda/{FRONT}-*"));
                self.tagged().into_iter().chain([log_groups]).collect()
            }
            (Scope::Layers, _) => vec![self.regional("lambda", &format!("layer:{FRONT}-layer-*"))],
            (Scope::Queues, _) => {
                let queues = ["tasks*", "undelivered-dlq"].map(|part| self.regional("sqs", &format!("{FRONT}-{part}")));
                queues.into_iter().chain([self.inbox()]).collect()
            }
            (Scope::Inbox, _) => vec![self.inbox()],
            (Scope::Senders, _) => vec![self.regional("lambda", &format!("function:{FRONT}-sender"))],
            (Scope::Parameters, _) => {
                vec![self.regional("ssm", &format!("parameter/taskpipelines/{}/*", self.cluster))]
            }
            // Tags are asked for by the group's ARN, all else with `:*` or a stream behind it.
            (Scope::LogGroups, _) => {
                let ends = FUNCTIONS.map(|end| format!("{}*", end.trim_end_matches('*')));
                ends.map(|end| self.regional("logs", &format!("log-group:/aws/lambda/{FRONT}{end}"))).into()
            }
            (Scope::Schedules, _) => {
                // A group is deleted with all the schedules in it.
                vec![self.schedule_groups(), self.regional("scheduler", &format!("schedule/{FRONT}/*"))]
            }
        }
    }

    /// What the cluster's tag decides of. The names are shorter, for the room that there is.
    fn tagged(&self) -> [String; 3] {
        [self.regional("lambda", &format!("function:{FRONT}-*")), self.mappings(), self.schedule_groups()]
    }

    fn mappings(&self) -> String {
        self.regional("lambda", "event-source-mapping:*")
    }

    fn schedule_groups(&self) -> String {
        self.regional("scheduler", &format!("schedule-group/{FRONT}"))
    }

    fn condition(&self, scope: Scope) -> Option<Value> {
        let tagged = |of: &str| json!({ format!("aws:{of}Tag/{}", tag::CLUSTER): self.cluster.to_string() });
        match (scope, &self.boundary) {
            (Scope::BoundedRoles, Some(boundary)) => {
                Some(json!({ "StringEquals": { "iam:PermissionsBoundary": boundary } }))
            }
            (Scope::Mappings, _) => {
                let runners = self.regional("lambda", &format!("function:{FRONT}-runner"));
                Some(json!({ "ArnLike": { "lambda:FunctionArn": runners } }))
            }
            // What is being made has no tags yet.
            (Scope::Tagged, _) => Some(json!({
                "StringEquals": tagged("Request"),
                "StringEqualsIfExists": tagged("Resource"),
            })),
            (Scope::Ours, _) => Some(json!({ "StringEquals": tagged("Resource") })),
            _ => None,
        }
    }

    fn pass_role(&self, service: Service) -> Value {
        let ends: &[&str] = match service {
            Service::Lambda => &FUNCTIONS,
            Service::Scheduler => &["-scheduler"],
        };
        json!({
            "Effect": "Allow",
            "Action": ["iam:PassRole"],
            "Resource": ends.iter().map(|end| self.role(&format!("*{end}"))).collect::<Vec<_>>(),
            "Condition": { "StringEquals": { "iam:PassedToService": service.principal() } },
        })
    }

    /// Denies removing the boundary: a role without it could be given any right, and passed to a function.
    fn kept_boundary(&self) -> Option<Value> {
        self.boundary.as_ref().map(|_| {
            let action = Operation::DeleteRolePermissionsBoundary.to_string();
            json!({ "Effect": "Deny", "Action": [action], "Resource": ["*"] })
        })
    }

    /// With several regions, ARNs have a wildcard for the region, and a statement denies all other regions.
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

    /// Account and region for ARNs; `*` stands for any.
    pub fn location(&self) -> Location {
        Location {
            partition: self.partition,
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
    use pipeline_core::configuration::Pattern;
    use pipeline_core::names::{Owner, Part};

    use super::*;

    fn policy() -> OperatorPolicy {
        OperatorPolicy {
            partition: Partition::UsGov,
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

    /// The statement that allows an action.
    fn allowing(action: &str) -> Value {
        let document = policy().document();
        let allows = |statement: &&Value| {
            let actions = statement["Action"].as_array().into_iter().flatten();
            statement["Effect"] == "Allow" && actions.into_iter().any(|it| it == action)
        };
        document["Statement"].as_array().unwrap().iter().find(allows).unwrap().clone()
    }

    #[test]
    fn what_changes_a_resource_needs_the_clusters_tag_on_it_and_what_makes_one_sets_it() {
        let cluster = "x".repeat(32);
        let (has, sets) = (
            json!({ "aws:ResourceTag/taskpipelines.dev/cluster": cluster }),
            json!({ "aws:RequestTag/taskpipelines.dev/cluster": cluster }),
        );
        for action in ["lambda:UpdateFunctionCode", "lambda:DeleteFunction", "logs:DeleteLogGroup"] {
            assert_eq!(allowing(action)["Condition"], json!({ "StringEquals": has }), "{action}");
        }
        for action in ["lambda:CreateFunction", "lambda:TagResource", "scheduler:CreateScheduleGroup"] {
            let condition = json!({ "StringEquals": sets, "StringEqualsIfExists": has });
            assert_eq!(allowing(action)["Condition"], condition, "{action}");
        }
    }

    #[test]
    fn names_of_others_are_out_of_reach() {
        let owner = Owner {
            cluster: "lab".parse().unwrap(),
            namespace: "a".to_owned(),
            name: "b".to_owned(),
            uid: String::new(),
        };
        let reaches = |action: &str, arn: &str| {
            let resources = allowing(action)["Resource"].clone();
            let arn = format!("arn:aws-us-gov:{arn}");
            resources.as_array().unwrap().iter().any(|pattern| Pattern::new(pattern.as_str().unwrap()).matches(&arn))
        };
        let place = "us-gov-west-1:111122223333";
        for (action, before, part, foreign) in [
            ("lambda:UpdateFunctionCode", "lambda:PLACE:function:", Part::Runner, "gitlab-runner"),
            ("lambda:GetFunction", "lambda:PLACE:function:", Part::Sender, "mail-sender"),
            ("lambda:InvokeFunction", "lambda:PLACE:function:", Part::Sender, "mail-sender"),
            ("lambda:PublishLayerVersion", "lambda:PLACE:layer:", Part::Layer("deps"), "my-layer-deps"),
            ("sqs:DeleteQueue", "sqs:PLACE:", Part::Tasks, "billing-tasks"),
            ("sqs:DeleteQueue", "sqs:PLACE:", Part::TasksDeadLetters, "billing-tasks-dlq"),
            ("logs:DeleteLogGroup", "logs:PLACE:log-group:/aws/lambda/", Part::Function("f"), "my-fn-f"),
            ("scheduler:DeleteScheduleGroup", "scheduler:PLACE:schedule-group/", Part::Schedule, "payroll"),
        ] {
            let before = before.replace("PLACE", place);
            let ours = if part == Part::Schedule { owner.prefix() } else { owner.part(part) };
            assert!(reaches(action, &format!("{before}{ours}")), "{action} {ours}");
            assert!(!reaches(action, &format!("{before}{foreign}")), "{action} {foreign}");
        }
    }

    #[test]
    fn a_role_is_assumed_with_the_tags_of_the_session() {
        let resources = json!(policy().assumed_roles);
        for action in ["sts:AssumeRole", "sts:TagSession"] {
            assert_eq!(allowing(action)["Resource"], resources, "{action}");
        }
        let without = OperatorPolicy { assumed_roles: Vec::new(), ..policy() };
        assert!(!without.document().to_string().contains("sts:"));
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
        assert!(
            unknown.contains("arn:aws-us-gov:sqs:*:*:*-??????????-tasks*") && !unknown.contains("aws:RequestedRegion")
        );
        let regions = vec!["us-gov-west-1".to_owned(), "us-gov-east-1".to_owned()];
        let several = OperatorPolicy { regions, ..policy() }.document().to_string();
        assert!(several.contains(r#"{"aws:RequestedRegion":["us-gov-west-1","us-gov-east-1"]}"#), "{several}");
        assert!(several.contains("arn:aws-us-gov:sqs:*:111122223333:*-??????????-tasks*"));
    }
}
