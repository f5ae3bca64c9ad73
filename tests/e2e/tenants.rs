//! What reaches beyond a pipeline's own resources: within the operator's configuration, and not at all without.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Aws, Lab, Settings, condition, eventually, rows, specs, unused_account};

/// An operator whose configuration allows this to all namespaces.
fn allowing(entry: &str) -> Settings {
    let configuration = Some(format!("allow: [{{namespaces: ['*'], {entry}}}]"));
    Settings { configuration, ..Settings::default() }
}

fn with(change: Value) -> Value {
    specs::merged(specs::message(specs::YEARLY), change)
}

#[tokio::test]
async fn a_pipeline_in_another_region_lives_there_and_stays_there() {
    let mut lab = Lab::with(allowing("regions: [us-east-1]")).await;
    let there = lab.elsewhere(&lab.account, "us-east-1").await;
    let spec = with(json!({"aws": {"region": "us-east-1"}}));
    lab.apply("far", spec.clone()).await;
    let status = lab.ready("far").await.status.unwrap();
    assert_eq!(status.region.as_deref(), Some("us-east-1"));
    assert!(status.resources.iter().all(|row| !row.arn.contains(&lab.environment.region)), "{:?}", status.resources);
    let names = lab.names("far");
    assert_eq!(there.everything().await, names.all_and_inbox());
    // Roles belong to all regions.
    let here: BTreeSet<String> = lab.aws.everything().await;
    assert!(here.iter().all(|row| row.starts_with("Role ")), "{here:?}");

    let moved = specs::merged(spec.clone(), json!({"aws": {"region": lab.environment.region}}));
    lab.apply("far", moved).await;
    let refusal = lab.not_ready("far", "InvalidSpec").await;
    assert!(refusal.contains("spec.aws.region: the pipeline lives in `us-east-1`"), "{refusal}");

    // It stays there when nothing names the region any more, and when the operator's own is another.
    let mut settings = allowing("regions: []");
    settings.variables = vec![("AWS_REGION", "eu-west-3".to_owned())];
    lab.start(&settings);
    lab.patch("far", json!({"spec": {"aws": null}})).await;
    lab.ready("far").await;
    lab.delete("far").await;
    lab.gone("far").await;
    assert_eq!(there.everything().await, BTreeSet::new());
}

/// A trust policy that lets somebody of this lab's account do this, with an external id.
fn trust(lab: &Lab, who: &str, actions: &[&str], external_id: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": actions,
        "Principal": {"AWS": format!("arn:aws:iam::{}:{who}", lab.account)},
        "Condition": {"StringEquals": {"sts:ExternalId": external_id}},
    }]});
    trust.to_string()
}

/// A role that this lab's account may assume with an external id, and which may do everything.
async fn role_for(lab: &Lab, account: &Aws, external_id: &str) {
    let trust = trust(lab, "user/operator", &["sts:AssumeRole"], external_id);
    let all = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
    let request = account.iam.create_role().role_name("pipelines").assume_role_policy_document(trust);
    request.send().await.unwrap();
    let request = account.iam.put_role_policy().role_name("pipelines").policy_name("all");
    request.policy_document(all.to_string()).send().await.unwrap();
}

/// A world with a second account, whose role `pipelines` the operator may assume with the external id `sesame-1`.
struct Lent {
    lab: Lab,
    there: Aws,
    account: String,
    role: String,
    /// What the operator's configuration allows.
    allowed: Settings,
}

impl Lent {
    /// With an operator whose configuration has this external id.
    async fn with_external_id(external_id: &str) -> Self {
        let mut lab = Lab::without_operator().await;
        let account = unused_account();
        let there = lab.elsewhere(&account, &lab.environment.region).await;
        let role = format!("arn:aws:iam::{account}:role/pipelines");
        let allowed = allowing(&format!("roles: [{{arn: '{role}', externalId: {external_id}}}]"));
        lab.permit(&allowed).await;
        // Only a user that exists can be trusted.
        role_for(&lab, &there, "sesame-1").await;
        lab.start(&allowed);
        Self { lab, there, account, role, allowed }
    }
}

#[tokio::test]
async fn a_pipeline_in_another_account_is_made_there_by_a_role_and_its_external_id() {
    let Lent { lab, there, account, role, .. } = Lent::with_external_id("sesame-1").await;
    let spec = specs::merged(specs::message(specs::AT_ONCE), json!({"aws": {"roleArn": role}}));
    lab.apply("guest", spec.clone()).await;
    let status = lab.ready("guest").await.status.unwrap();
    assert_eq!(status.account.as_deref(), Some(account.as_str()));
    let mut expected = lab.names("guest").all_and_inbox();
    expected.insert("Role pipelines".to_owned());
    assert_eq!(there.everything().await, expected);
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
    lab.chat.await_received("slack", "team", 1).await;

    lab.apply("guest", specs::merged(spec.clone(), json!({"aws": null}))).await;
    let message = lab.not_ready("guest", "Conflict").await;
    assert!(message.contains(&format!("lives in account {account}, and the operator is of account {}", lab.account)));

    lab.apply("guest", spec).await;
    lab.ready("guest").await;
    lab.delete("guest").await;
    lab.gone("guest").await;
    assert_eq!(there.everything().await, BTreeSet::from(["Role pipelines".to_owned()]));
}

#[tokio::test]
async fn an_operator_with_pod_identity_hands_its_tags_on_to_the_role() {
    let Lent { mut lab, there, role, mut allowed, .. } = Lent::with_external_id("sesame-1").await;
    lab.kill();
    lab.strict.settings(json!({"roleDelaySeconds": 0})).await;
    // As EKS does it: a session of a role, with tags that go on to each further role.
    let both = ["sts:AssumeRole", "sts:TagSession"];
    let by_account = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": both, "Principal": {"AWS": lab.account}}]});
    let request = lab.aws.iam.create_role().role_name("pod").assume_role_policy_document(by_account.to_string());
    request.send().await.unwrap();
    let policies = lab.aws.iam.list_attached_user_policies().user_name("operator").send().await.unwrap();
    for policy in policies.attached_policies.unwrap_or_default() {
        lab.aws.iam.attach_role_policy().role_name("pod").policy_arn(policy.policy_arn.unwrap()).send().await.unwrap();
    }
    let document = trust(&lab, "role/pod", &["sts:AssumeRole"], "sesame-1");
    let request = there.iam.update_assume_role_policy().role_name("pipelines").policy_document(document);
    request.send().await.unwrap();
    let session = lab.aws.session("pod", &[("kubernetes-namespace", "task-pipelines")]).await;
    allowed.variables.extend(session);
    lab.start(&allowed);
    lab.apply("guest", with(json!({"aws": {"roleArn": role}}))).await;
    // The changed trust takes a moment there, until which sts:AssumeRole itself is denied.
    let denied = |pipeline: &_| {
        condition(pipeline, "Ready").is_some_and(|ready| {
            ready.reason == "Denied" && ready.message.contains("sts:TagSession") && ready.message.contains(&role)
        })
    };
    lab.until("guest", "is denied sts:TagSession on the role", denied).await;

    let document = trust(&lab, "role/pod", &both, "sesame-1");
    let request = there.iam.update_assume_role_policy().role_name("pipelines").policy_document(document);
    request.send().await.unwrap();
    lab.ready("guest").await;
}

#[tokio::test]
async fn a_role_that_is_not_allowed_any_more_holds_its_pipelines_deletion_and_says_so() {
    let Lent { mut lab, there, role, allowed, .. } = Lent::with_external_id("sesame-1").await;
    lab.apply("orphan", with(json!({"aws": {"roleArn": role}}))).await;
    lab.ready("orphan").await;

    lab.start(&Settings::default());
    lab.delete("orphan").await;
    let message = lab.not_ready("orphan", "NotAllowed").await;
    assert!(message.contains("spec.aws.roleArn") && message.contains(&role), "{message}");

    lab.start(&allowed);
    lab.gone("orphan").await;
    assert_eq!(there.everything().await, BTreeSet::from(["Role pipelines".to_owned()]));
}

#[tokio::test]
async fn a_role_with_another_external_id_is_not_lent() {
    let Lent { lab, there, role, .. } = Lent::with_external_id("sesame-2").await;
    lab.apply("guest", with(json!({"aws": {"roleArn": role}}))).await;
    let message = lab.not_ready("guest", "Denied").await;
    assert!(message.contains("sts:AssumeRole: AccessDenied") && message.contains(&role), "{message}");
    assert_eq!(there.everything().await, BTreeSet::from(["Role pipelines".to_owned()]));
}

#[tokio::test]
async fn a_key_encrypts_all_queues_and_goes_with_its_field() {
    let lab = Lab::with(allowing("kmsKeys: ['arn:aws:kms:*:*:key/*']")).await;
    let key = lab.arn("kms", "key/1a2b3c4d");
    let spec = specs::merged(specs::message(specs::AT_ONCE), json!({"queue": {"kmsKeyId": key}}));
    lab.apply("sealed", spec.clone()).await;
    lab.ready("sealed").await;
    lab.chat.await_received("slack", "team", 1).await;
    let names = lab.names("sealed");
    let queues = [&names.tasks, &names.tasks_dlq, &names.undelivered_dlq];
    for queue in queues {
        assert_eq!(lab.aws.queue(queue).await.get("KmsMasterKeyId"), Some(&key), "{queue}");
    }
    let expected = json!({
        "Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": [key],
        "Condition": {"StringLike": {"kms:ViaService": [format!("sqs.{}.*", lab.environment.region)]}},
    });
    for role in [&names.scheduler, &names.sender, &names.runner] {
        let statements = lab.aws.role(role).await.0["Statement"].clone();
        assert!(statements.as_array().unwrap().contains(&expected), "{role}: {statements}");
    }
    lab.strict.forget_calls().await;
    lab.resync("sealed").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());

    let other = std::collections::HashMap::from([("KmsMasterKeyId".into(), lab.arn("kms", "key/5e6f"))]);
    let request = lab.aws.sqs.set_queue_attributes().queue_url(lab.aws.queue_url(&names.tasks));
    request.set_attributes(Some(other)).send().await.unwrap();
    lab.resync("sealed").await;
    eventually("the key is put right", async || match lab.aws.queue(&names.tasks).await.get("KmsMasterKeyId") {
        Some(now) if *now == key => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;

    lab.patch("sealed", json!({"spec": {"queue": {"kmsKeyId": null}}})).await;
    lab.ready("sealed").await;
    for queue in queues {
        let attributes = lab.aws.queue(queue).await;
        assert!(attributes.get("KmsMasterKeyId").is_none_or(String::is_empty), "{queue}: {attributes:?}");
    }
    for role in [&names.scheduler, &names.sender, &names.runner] {
        assert!(!lab.aws.role(role).await.0.to_string().contains("kms:GenerateDataKey"), "{role}");
    }
    lab.strict.forget_calls().await;
    lab.resync("sealed").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn statements_are_added_to_their_own_role_and_go_with_their_field() {
    let allowed = "policyStatements: [{actions: ['s3:Get*'], resources: ['arn:aws:s3:::reports-*']}]";
    let lab = Lab::with(allowing(allowed)).await;
    let statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::reports-2026/*"});
    lab.apply("reader", with(json!({"runner": {"policyStatements": [statement]}}))).await;
    lab.ready("reader").await;
    let names = lab.names("reader");
    let policy = lab.aws.role(&names.runner).await.0.to_string();
    assert!(policy.contains("s3:GetObject") && policy.contains("arn:aws:s3:::reports-2026/*"), "{policy}");
    assert!(!lab.aws.role(&names.sender).await.0.to_string().contains("s3:"));
    lab.strict.forget_calls().await;
    lab.resync("reader").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());

    let wider = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::reports-2026/*"});
    lab.patch("reader", json!({"spec": {"runner": {"policyStatements": [wider]}}})).await;
    let message = lab.not_ready("reader", "NotAllowed").await;
    assert!(message.contains("action `s3:*` on") && message.contains("goes on as it was"), "{message}");
    assert_eq!(lab.aws.role(&names.runner).await.0.to_string(), policy);

    lab.patch("reader", json!({"spec": {"runner": {"policyStatements": null}}})).await;
    lab.ready("reader").await;
    assert!(!lab.aws.role(&names.runner).await.0.to_string().contains("s3:"));
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_before_any_call() {
    let lab = Lab::with(Settings {
        configuration: Some("{reservedTags: [team], allow: [{namespaces: [other], regions: [us-east-1]}]}".to_owned()),
        ..Settings::default()
    })
    .await;
    let role = "arn:aws:iam::111122223333:role/theirs";
    let statement = json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"});
    let cases = [
        ("region", json!({"aws": {"region": "us-east-1"}}), "spec.aws.region: region `us-east-1` is not allowed"),
        ("role", json!({"aws": {"roleArn": role, "externalId": "guess"}}), "spec.aws.roleArn: role"),
        ("key", json!({"queue": {"kmsKeyId": lab.arn("kms", "key/1a2b")}}), "spec.queue.kmsKeyId: KMS key"),
        ("sender", json!({"sender": {"policyStatements": [statement]}}), "spec.sender.policyStatements[0]: action"),
        ("runner", json!({"runner": {"policyStatements": [statement]}}), "spec.runner.policyStatements[0]: action"),
        ("tag", json!({"tags": {"Team": "a"}}), "spec.tags[Team]: value `a` of the reserved tag"),
    ];
    for (name, change, _) in &cases {
        lab.apply(name, with(change.clone())).await;
    }
    for (name, _, words) in &cases {
        let message = lab.not_ready(name, "NotAllowed").await;
        assert!(message.contains(words) && message.contains(&lab.namespace), "{name}: {message}");
        assert_eq!(rows(&lab.get(name).await), BTreeSet::new());
    }
    let calls: Vec<String> = lab.strict.calls().await.into_iter().map(|call| call.operation).collect();
    // The operator asks when it starts, to say early that it has no identity.
    assert!(calls.iter().all(|operation| operation == "GetCallerIdentity"), "{calls:?}");
    for (name, _, _) in &cases {
        lab.delete(name).await;
        lab.gone(name).await;
    }
}

#[tokio::test]
async fn an_operator_whose_configuration_has_mistakes_does_not_start_and_tells_them_all() {
    let configuration = Some("{allow: [{namespaces: [], regions: [Europe]}]}".to_owned());
    let mut lab = Lab::without_operator().await;
    lab.start(&Settings { configuration, ..Settings::default() });
    eventually("the operator tells", async || {
        let log = lab.log();
        let told = ["allow[0].namespaces: ", "allow[0].regions[0]: `Europe`"].iter().all(|words| log.contains(words));
        if told { Ok(()) } else { Err(log) }
    })
    .await;
    assert!(lab.strict.calls().await.is_empty());
}

#[tokio::test]
async fn a_pipeline_works_under_the_boundary_that_is_printed_for_it() {
    let mut lab = Lab::without_operator().await;
    let arn = format!("arn:aws:iam::{}:policy/boundary", lab.account);
    let variables = vec![("TASK_PIPELINES_PERMISSIONS_BOUNDARY", arn.clone())];
    let settings = Settings { variables, ..Settings::default() };
    let boundary = lab.printed_boundary(&settings);
    lab.aws.iam.create_policy().policy_name("boundary").policy_document(boundary).send().await.unwrap();
    lab.permit(&settings).await;
    lab.start(&settings);
    for (name, policy) in [("bounded", "Allow"), ("bounded-fifo", "Queue")] {
        let spec = specs::merged(specs::message(specs::AT_ONCE), json!({"concurrencyPolicy": policy}));
        lab.apply(name, spec).await;
        lab.ready(name).await;
    }
    let role = lab.aws.iam.get_role().role_name(lab.names("bounded").runner).send().await.unwrap().role.unwrap();
    assert_eq!(role.permissions_boundary.unwrap().permissions_boundary_arn.as_deref(), Some(arn.as_str()));
    lab.chat.await_received("slack", "team", 2).await;

    // The boundary goes when the setting does, with the policy that is printed then.
    let settings = Settings::default();
    lab.permit(&settings).await;
    lab.start(&settings);
    eventually("the boundary is gone", async || {
        let role = lab.aws.iam.get_role().role_name(lab.names("bounded").runner).send().await.unwrap().role.unwrap();
        role.permissions_boundary.map_or(Ok(()), |boundary| Err(format!("{boundary:?}")))
    })
    .await;
    for name in ["bounded", "bounded-fifo"] {
        lab.delete(name).await;
        lab.gone(name).await;
    }
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}
