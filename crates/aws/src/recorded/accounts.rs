//! Credentials of a role, and the account that they are of.

use aws_config::{BehaviorVersion, Region};
use pipeline_core::location::{AssumedRole, Target};

use super::wire::{Answer, Replay};
use crate::{Accounts, NoAws, Operation};

pub(super) const REPLAYED: &[u8] = &[160];

const ROLE: &str = "arn:aws:iam::222222222222:role/team-b";

fn target() -> Target {
    let role = AssumedRole { arn: ROLE.to_owned(), external_id: Some("b-1234".to_owned()) };
    Target { region: Some("eu-west-1".to_owned()), role: Some(role) }
}

/// Accounts as the operator has them, whose AWS answers so.
async fn accounts(replay: &Replay) -> Accounts {
    let known = replay.config();
    let own = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(known.credentials_provider().expect("they are given"))
        .http_client(known.http_client().expect("it is given"))
        .load()
        .await;
    Accounts::of(own)
}

#[tokio::test]
async fn a_role_lends_its_credentials_and_says_its_account() {
    let user = "<AssumedRoleUser><Arn>arn:aws:sts::222222222222:assumed-role/team-b/task-pipelines</Arn>\
                <AssumedRoleId>AROAEXAMPLE:task-pipelines</AssumedRoleId></AssumedRoleUser>";
    let credentials = "<Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
                       <SessionToken>token</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>";
    let identity = "<Arn>arn:aws:sts::222222222222:assumed-role/team-b/task-pipelines</Arn>\
                    <UserId>AROAEXAMPLE:task-pipelines</UserId><Account>222222222222</Account>";
    let replay = Replay::of([
        Answer::xml(Operation::AssumeRole, &format!("{user}{credentials}")),
        Answer::xml(Operation::GetCallerIdentity, identity),
    ]);
    let aws = accounts(&replay).await.get(&target()).await.unwrap();
    assert_eq!(aws.location.account, "222222222222");
    assert!(replay.asked()[0].contains("ExternalId=b-1234"));
}

#[tokio::test]
async fn a_role_that_is_not_lent_is_named() {
    let refusal = Answer::error(Operation::AssumeRole, 400, "ValidationError", "nothing-valid-in-here is invalid");
    let refused = accounts(&Replay::of([refusal])).await.get(&target()).await;
    let Err(NoAws::Role { role, error }) = refused else { panic!("{refused:?}") };
    assert_eq!((role.as_str(), error.operation, error.code.as_str()), (ROLE, Operation::AssumeRole, "ValidationError"));
}
