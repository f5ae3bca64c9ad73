//! What an author of `team-a` tries in order to reach what is not theirs. All of it is refused before any AWS call.

use super::*;
use crate::reason::Refused;

/// What all refusals of this kind end in.
fn takes(value: &str, field: &str) -> String {
    format!(
        "it takes `{value}` in `{field}` of an entry for this namespace in the operator's configuration (`allow[1]` is)"
    )
}

#[track_caller]
fn check(yaml: &str, expected: &str) {
    assert_eq!(refused(yaml), expected, "{yaml}");
}

#[test]
fn regions() {
    check(
        "aws: {region: us-east-1}",
        &format!(
            "NotAllowed: spec.aws.region: region `us-east-1` is not allowed in namespace `team-a`; {}",
            takes("us-east-1", "regions")
        ),
    );
    for region in ["eu-west-1/", "eu-west-1.evil.example", "eu-west-1\0", "еu-west-1", "eu-*", "..", "eu-west-1%2F", ""]
    {
        let refusal = refused(&format!("aws: {{region: {}}}", serde_json::json!(region)));
        assert!(refusal.starts_with("InvalidSpec: spec.aws.region: "), "{region}: {refusal}");
    }
}

#[test]
fn other_partitions() {
    let hint = "and the operator in `aws`; no identity reaches beyond its partition: run another operator there";
    let region = refused("aws: {region: cn-north-1}");
    assert!(region.contains(&format!("spec.aws.region: the region is in partition `aws-cn`, {hint}")), "{region}");
    let role = refused("aws: {roleArn: 'arn:aws-eusc:iam::333333333333:role/team-a/x'}");
    assert!(role.contains(&format!("spec.aws.roleArn: the role is in partition `aws-eusc`, {hint}")), "{role}");
    for unknown in ["aws-mars", "*", "aws*"] {
        let refusal = refused(&format!("aws: {{roleArn: 'arn:{unknown}:iam::333333333333:role/team-a/x'}}"));
        assert!(refusal.contains("is not a valid role ARN"), "{unknown}: {refusal}");
    }
}

#[test]
fn roles_of_others() {
    let theirs = "arn:aws:iam::222222222222:role/team-b";
    check(
        &format!("aws: {{roleArn: '{theirs}', externalId: b-1234}}"),
        &format!(
            "NotAllowed: spec.aws.roleArn: role `{theirs}` is not allowed in namespace `team-a`; {}",
            takes(theirs, "roles[].arn")
        ),
    );
    check(
        "aws: {roleArn: 'arn:aws:iam::333333333333:role/team-a/x', externalId: b-1234}",
        "NotAllowed: spec.aws.roleArn: role `arn:aws:iam::333333333333:role/team-a/x` is not allowed with this \
         external id in namespace `team-a`; remove `externalId`: the operator shows the one of its configuration",
    );
    check(
        "aws: {externalId: a-1234}",
        "InvalidSpec: spec.aws.externalId: an external id needs a role, and none is set; set `spec.aws.roleArn`, or \
         remove it",
    );
    for role in [
        "team-a/../team-b",
        "team-a//x",
        "team-a/x%2F..",
        "team-a/x\\u0000",
        "team-a/х",
        "team-a/*",
        "team-a/x?",
        "team-a/x:role/team-b",
        "team-a/x\\nRole",
        "team-a/",
    ] {
        let refusal = refused(&format!(r#"aws: {{roleArn: "arn:aws:iam::333333333333:role/{role}"}}"#));
        assert!(refusal.starts_with("InvalidSpec: spec.aws.roleArn: "), "{role}: {refusal}");
    }
    for arn in
        ["arn:aws:iam::333333333333:user/team-a/x", "arn:aws:sts::333333333333:assumed-role/team-a/x", "team-a/x"]
    {
        let refusal = refused(&format!("aws: {{roleArn: '{arn}'}}"));
        assert!(refusal.starts_with("InvalidSpec: spec.aws.roleArn: "), "{arn}: {refusal}");
    }
    let other_region = refused("aws: {roleArn: 'arn:aws:iam::333333333333:role/team-a/x', region: us-east-1}");
    assert!(other_region.starts_with("NotAllowed: spec.aws.roleArn: region `us-east-1` of role"), "{other_region}");
}

#[test]
fn moves() {
    let moved = |yaml: &str| {
        let refusals = try_resolve(&spec(yaml), Pipelines::Running).expect_err(yaml);
        refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let stays = "and cannot move; set it back, or delete the pipeline and create it again";
    assert_eq!(
        moved("aws: {region: eu-central-1}"),
        format!("spec.aws.region: the pipeline lives in `eu-west-1`, {stays}")
    );
    assert_eq!(
        moved("aws: {roleArn: 'arn:aws:iam::333333333333:role/team-a/x'}"),
        format!("spec.aws.roleArn: the pipeline lives in account 111122223333, {stays}")
    );
}

#[test]
fn keys() {
    let key = |key: &str| format!("queue: {{kmsKeyId: {}}}", serde_json::json!(key));
    let theirs = "arn:aws:kms:eu-central-1:222222222222:key/1a2b";
    check(
        &key(theirs),
        &format!(
            "NotAllowed: spec.queue.kmsKeyId: KMS key `{theirs}` is not allowed in namespace `team-a`; {}",
            takes(theirs, "kmsKeys")
        ),
    );
    for other in ["alias/x", "1a2b", "arn:aws:kms:eu-central-1:111122223333:alias/x"]
        .into_iter()
        .chain(["*", "/", "../x", "x%2Fy", "x\0", "х", "x:key/y"].map(|id| id))
    {
        let arn = if other.len() > 7 || other == "alias/x" || other == "1a2b" {
            other.to_owned()
        } else {
            format!("arn:aws:kms:eu-central-1:111122223333:key/{other}")
        };
        let refusal = refused(&key(&arn));
        assert!(refusal.starts_with("InvalidSpec: spec.queue.kmsKeyId: "), "{arn}: {refusal}");
    }
    check(
        &key("arn:aws:kms:eu-west-1:111122223333:key/1a2b"),
        "InvalidSpec: spec.queue.kmsKeyId: the key is not in region `eu-central-1`, where the queues are; use a key of \
         that region",
    );
}

/// What is refused of each, by its reason: what is allowed to others, and what is never allowed.
#[track_caller]
fn check_each(yaml: impl Fn(&str) -> String, field: &str, what: &str, list: &str, theirs: &str, malformed: &[&str]) {
    check(
        &yaml(&serde_json::json!(theirs).to_string()),
        &format!(
            "NotAllowed: {field}: {what} `{theirs}` is not allowed in namespace `team-a`; {}",
            takes(theirs, list)
        ),
    );
    for text in malformed {
        let refusal = refused(&yaml(&serde_json::json!(text).to_string()));
        assert!(refusal.starts_with(&format!("InvalidSpec: {field}")), "{text}: {refusal}");
    }
}

#[test]
fn functions_of_others() {
    let ours = "arn:aws:lambda:eu-central-1:111122223333:function:team-a";
    check_each(
        |arn| format!("tasks: [{{name: a, functionArn: {arn}}}]"),
        "spec.tasks[a].functionArn",
        "function",
        "functions",
        "arn:aws:lambda:eu-central-1:111122223333:function:team-b",
        &["team-a", &format!("{ours}*"), &format!("{ours}:1:2"), &format!("{ours}/../x"), &format!("{ours}\0"), "х"],
    );
    check(
        "tasks: [{name: a, functionArn: 'arn:aws:lambda:eu-west-1:111122223333:function:team-a'}]",
        "InvalidSpec: spec.tasks[a].functionArn: the function is not in region `eu-central-1`, where the runner is; \
         use a function of that region",
    );
}

#[test]
fn layers_of_others() {
    let ours = "arn:aws:lambda:eu-central-1:111122223333:layer:team-a";
    for yaml in ["sender: {layers: [LAYER]}", "runner: {layers: [LAYER]}"] {
        let part = yaml.split(':').next().unwrap();
        check_each(
            |arn| yaml.replace("LAYER", arn),
            &format!("spec.{part}.layers[0]"),
            "layer",
            "layers",
            "arn:aws:lambda:eu-central-1:111122223333:layer:team-b:1",
            &[ours, &format!("{ours}:*"), &format!("{ours}:latest"), &format!("{ours}:1:2"), &format!("{ours}:1\0")],
        );
    }
    check(
        "runner: {layers: ['arn:aws:lambda:eu-west-1:111122223333:layer:team-a:1']}",
        "InvalidSpec: spec.runner.layers[0]: the layer is not in region `eu-central-1`, where the function is; use a \
         layer of that region",
    );
}

#[test]
fn objects_and_images_of_others() {
    let s3 = |bucket: &str, key: &str| {
        format!(
            "functions: [{{name: f, runtime: python3.13, handler: a.b, code: {{s3: {{bucket: {bucket}, key: \
             {key}}}}}}}]"
        )
    };
    check(
        &s3("team-b-code", "x.zip"),
        &format!(
            "NotAllowed: spec.functions[f].code.s3: object `arn:aws:s3:::team-b-code/x.zip` is not allowed in \
             namespace `team-a`; {}",
            takes("arn:aws:s3:::team-b-code/x.zip", "s3")
        ),
    );
    for (bucket, key) in [("Team", "x.zip"), ("team-a-code/x", "x.zip"), ("team-a-code", "\"x\\0.zip\"")] {
        let refusal = refused(&s3(bucket, key));
        assert!(refusal.starts_with("InvalidSpec: spec.functions[f].code.s3."), "{bucket} {key}: {refusal}");
    }
    let registry = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";
    check_each(
        |uri| format!("functions: [{{name: f, code: {{image: {uri}}}}}]"),
        "spec.functions[f].code.image",
        "image",
        "images",
        &format!("{registry}/team-b@sha256:1a2b"),
        &["team-a:1", "docker.io/team-a:1", &format!("{registry}/team-a"), &format!("{registry}/team-a@x/../../b:1")],
    );
    check(
        &format!("functions: [{{name: f, runtime: python3.13, code: {{image: '{registry}/team-a@sha256:1a2b'}}}}]"),
        "InvalidSpec: spec.functions[f].runtime: an image has its own runtime; remove it",
    );
}

fn statement(statement: &str) -> String {
    refused(&format!("runner: {{policyStatements: [{statement}]}}"))
}

#[test]
fn statements_that_reach_further_than_the_configuration() {
    let of = |action: &str, resource: &str| {
        statement(&format!("{{Effect: Allow, Action: '{action}', Resource: '{resource}'}}"))
    };
    assert_eq!(
        of("s3:PutObject", "arn:aws:s3:::team-a-x/*"),
        format!(
            "NotAllowed: spec.runner.policyStatements[0]: action `s3:PutObject` on `arn:aws:s3:::team-a-x/*` is not \
             allowed in namespace `team-a`; {}",
            takes(r#"{actions: ["s3:PutObject"], resources: ["arn:aws:s3:::team-a-x/*"]}"#, "policyStatements")
        )
    );
    for (action, resource) in [
        ("s3:*", "arn:aws:s3:::team-a-x"),
        ("s3:G*", "arn:aws:s3:::team-a-x"),
        ("*", "arn:aws:s3:::team-a-x"),
        ("s3:GetObject", "*"),
        ("s3:GetObject", "arn:aws:s3:::team-*"),
        ("s3:GetObject", "arn:aws:s3:::*"),
        ("s3:GetObject", "arn:aws:s3:*:*:team-a-x"),
        ("s3:GetObject", "arn:*:s3:::team-a-x"),
        ("s3:GetObject", "arn:aws:*:::team-a-x"),
        ("s3:GetObject", "arn:aws:s3:::team-b-x"),
        ("ssm:GetParameter", "arn:aws:ssm:eu-central-1:111122223333:parameter/taskpipelines/lab/x/channels"),
    ] {
        let refusal = of(action, resource);
        assert!(refusal.starts_with("NotAllowed: spec.runner.policyStatements[0]: "), "{action} {resource}: {refusal}");
    }
    let both =
        statement("{Effect: Allow, Action: ['s3:GetObject', 's3:PutObject'], Resource: 'arn:aws:s3:::team-a-x'}");
    assert!(both.contains("`s3:PutObject` on `arn:aws:s3:::team-a-x`"), "each action must be allowed: {both}");
}

#[test]
fn conditions_that_are_left_out_or_loosened() {
    let table = "arn:aws:dynamodb:eu-west-1:111122223333:table/team-a";
    let with = |condition: &str| {
        statement(&format!("{{Effect: Allow, Action: 'dynamodb:Query', Resource: '{table}', Condition: {condition}}}"))
    };
    for loose in [
        "{}",
        "{StringEquals: {'aws:RequestedRegion': [eu-west-1, eu-central-1, us-east-1]}}",
        "{StringLike: {'aws:RequestedRegion': [eu-west-1, eu-central-1]}}",
        "{StringEqualsIfExists: {'aws:RequestedRegion': [eu-west-1, eu-central-1]}}",
        "{StringEquals: {'aws:SourceAccount': [eu-west-1, eu-central-1]}}",
    ] {
        let refusal = with(loose);
        let words = r#"without the condition `{"StringEquals":{"aws:RequestedRegion":["eu-west-1","eu-central-1"]}}` is not allowed"#;
        assert!(refusal.contains(words), "{loose}: {refusal}");
    }
    for twice in [
        "{StringEquals: {'aws:RequestedRegion': [eu-west-1, eu-central-1], 'AWS:requestedregion': '*'}}",
        "{StringEquals: {'aws:RequestedRegion': [eu-west-1, eu-central-1]}, stringequals: {x: y}}",
        "{StringEquals: {'aws:RequestedRegion': []}}",
        "[]",
    ] {
        let refusal = with(twice);
        assert!(refusal.starts_with("InvalidSpec: spec.runner.policyStatements[0].Condition: "), "{twice}: {refusal}");
    }
}

#[test]
fn actions_that_hand_out_rights() {
    let of = |action: &str| {
        let resource = "arn:aws:lambda:eu-west-1:111122223333:function:team-a";
        try_resolve(
            &spec(&format!(
                "sender: {{policyStatements: [{{Effect: Allow, Action: '{action}', Resource: '{resource}'}}]}}"
            )),
            Pipelines::New,
        )
        .map(|_| ())
        .map_err(|refusals| refusals[0].to_string())
    };
    // The configuration allows `*` on this function.
    for harmless in ["lambda:InvokeFunction", "lambda:Get*", "sqs:SendMessage", "scheduler:ListSchedules"] {
        assert_eq!(of(harmless), Ok(()), "{harmless}");
    }
    for grave in
        ["iam:PassRole", "IAM:*", "sts:AssumeRole", "s*:*", "lambda:*", "lambda:UpdateFunctionCode", "?am:*", "*:*"]
    {
        let refusal = of(grave).expect_err(grave);
        assert!(refusal.contains(&format!(r#"{{actions: ["{grave}", in these words]"#)), "{grave}: {refusal}");
    }
    assert_eq!(of("*"), Ok(()), "which the configuration says in these words");
}

#[test]
fn statements_of_another_form() {
    let refusal = |text: &str| statement(text);
    for (yaml, field) in [
        ("{Effect: Deny, Action: 's3:GetObject', Resource: '*'}", "Effect"),
        ("{Effect: Allow, NotAction: 's3:GetObject', Resource: '*'}", "NotAction"),
        ("{Effect: Allow, Action: 's3:GetObject', NotResource: '*'}", "NotResource"),
        ("{Effect: Allow, Action: 's3:GetObject', Resource: '*', Principal: '*'}", "Principal"),
        ("{Effect: Allow, Action: 's3:GetObject', Resource: '*', action: 'iam:*'}", "action"),
        ("{Effect: Allow, Action: [], Resource: '*'}", "Action"),
        ("{Effect: Allow, Action: [1], Resource: '*'}", "Action"),
        ("{Effect: Allow, Action: 's3', Resource: '*'}", "Action"),
        ("{Effect: Allow, Action: 's3:GetObject\\u0000', Resource: '*'}", "Action"),
        ("{Effect: Allow, Action: 'ѕ3:GetObject', Resource: '*'}", "Action"),
        ("{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3*'}", "Resource"),
        ("{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::team-a-x/../team-b'}", "Resource"),
        ("{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::team-a-x%2F..'}", "Resource"),
        ("{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::team-a-${aws:username}'}", "Resource"),
        ("{Effect: Allow, Action: 's3:GetObject', Resource: \"arn:aws:s3:::team-a-\\0\"}", "Resource"),
        ("{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::team-а-x'}", "Resource"),
    ] {
        let refusal = refusal(yaml);
        assert!(
            refusal.contains(&format!("InvalidSpec: spec.runner.policyStatements[0].{field}: ")),
            "{yaml}: {refusal}"
        );
    }
    let long =
        format!("{{Effect: Allow, Action: 's3:GetObject', Resource: 'arn:aws:s3:::team-a-{}'}}", "x".repeat(6000));
    assert!(refusal(&long).starts_with("InvalidSpec: spec.runner.policyStatements: the statements have"));
}

#[test]
fn tags_that_decide_who_may_do_what() {
    let of = |tag: &str| try_resolve(&spec(&format!("tags: {{{tag}}}")), Pipelines::New).map(|_| ());
    assert_eq!(of("team: b"), Ok(()), "not reserved");
    assert_eq!(of("ACCESS-level: low-2"), Ok(()));
    for tag in ["access-level: high", "Access-Group: low-1"] {
        let refusals = of(tag).expect_err(tag);
        assert!(refusals[0].to_string().contains("of the reserved tag"), "{}", refusals[0]);
        assert_eq!(refusals[0].reason, Refused::NotAllowed);
    }
}
