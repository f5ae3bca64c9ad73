//! The policy: what it allows, of what, and that it fits.

use pipeline_core::configuration::{Configuration, Pattern};
use pipeline_core::names::{Owner, Part};

use super::*;

fn bucket(name: &str) -> Option<Bucket> {
    Configuration::parse(&format!("layers: {{bucket: '{name}'}}")).unwrap().layer_bucket().cloned()
}

fn policy() -> OperatorPolicy {
    OperatorPolicy {
        partition: Partition::UsGov,
        account: Some("111122223333".to_owned()),
        regions: vec!["us-gov-west-1".to_owned()],
        cluster: "x".repeat(32).parse().unwrap(),
        boundary: Some(format!("arn:aws-us-gov:iam::111122223333:policy/{}", "b".repeat(64))),
        assumed_roles: vec![format!("arn:aws-us-gov:iam::444455556666:role/{}", "r".repeat(64))],
        sources: Vec::new(),
        layer_bucket: None,
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
    for layer_bucket in [None, bucket(&"b".repeat(63))] {
        let size = OperatorPolicy { layer_bucket, ..policy() }.document().to_string().chars().count();
        assert!(size <= MAX_POLICY, "{size} characters");
    }
}

#[test]
fn every_call_is_allowed_but_that_which_takes_the_boundary_away() {
    let policy = OperatorPolicy { layer_bucket: bucket("layers"), ..policy() };
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
    let owner =
        Owner { cluster: "lab".parse().unwrap(), namespace: "a".to_owned(), name: "b".to_owned(), uid: String::new() };
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
fn objects_are_written_below_the_clusters_prefix_of_the_configured_bucket_alone() {
    let resources = |regions: &[&str]| {
        let regions = regions.iter().map(|region| (*region).to_owned()).collect();
        let statements =
            OperatorPolicy { layer_bucket: bucket("l-{account}-{region}"), regions, ..policy() }.statements();
        let about_s3 = |statement: &Value| statement["Action"].to_string().contains("s3:");
        let found: Vec<Value> = statements.into_iter().filter(about_s3).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0]["Action"], json!(["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]));
        found[0]["Resource"].clone()
    };
    let objects = format!("task-pipelines/{}/*/*.zip", "x".repeat(32));
    let expected = format!("arn:aws-us-gov:s3:::l-111122223333-us-gov-west-1/{objects}");
    assert_eq!(resources(&["us-gov-west-1"]), json!([expected]));
    let several = format!("arn:aws-us-gov:s3:::l-111122223333-*/{objects}");
    assert_eq!(resources(&["us-gov-west-1", "us-gov-east-1"]), json!([several]));
    let without = OperatorPolicy { layer_bucket: None, ..policy() };
    assert!(!without.document().to_string().contains("s3:"));
    let merged = OperatorPolicy { layer_bucket: bucket("layers"), ..policy() };
    assert!(merged.document().to_string().contains("arn:aws-us-gov:s3:::layers/"));
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
    assert!(unknown.contains("arn:aws-us-gov:sqs:*:*:*-??????????-tasks*") && !unknown.contains("aws:RequestedRegion"));
    let regions = vec!["us-gov-west-1".to_owned(), "us-gov-east-1".to_owned()];
    let several = OperatorPolicy { regions, ..policy() }.document().to_string();
    assert!(several.contains(r#"{"aws:RequestedRegion":["us-gov-west-1","us-gov-east-1"]}"#), "{several}");
    assert!(several.contains("arn:aws-us-gov:sqs:*:111122223333:*-??????????-tasks*"));
}
