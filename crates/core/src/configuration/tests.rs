//! Files that are in order, and all that is said of those that are not.

use super::*;

#[track_caller]
fn mistakes(yaml: &str) -> Vec<String> {
    match Configuration::parse(yaml).expect_err(yaml) {
        InvalidConfiguration::Mistakes(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        other @ InvalidConfiguration::Yaml(_) => vec![crate::error_chain::chain(&other)],
    }
}

#[test]
fn without_a_rule_nothing_is_allowed() {
    for yaml in ["", "{}", "# nothing yet", "allow: []"] {
        let configuration = Configuration::parse(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
        let refusal = configuration.region("team-a", "eu-west-1").expect_err("deny by default");
        assert_eq!(
            refusal.to_string(),
            "region `eu-west-1` is not allowed in namespace `team-a`; it takes `eu-west-1` in `regions` of an entry \
             for this namespace in the operator's configuration (there is none)"
        );
    }
}

#[test]
fn a_namespace_may_do_what_any_of_its_entries_allows_and_no_more() {
    let yaml = "allow:
    - {namespaces: [a, 'b-*'], regions: [eu-west-1]}
    - {namespaces: ['b-?'], regions: [us-east-1]}";
    let configuration = Configuration::parse(yaml).expect(yaml);
    let may = |namespace: &str, region: &str| configuration.region(namespace, region).is_ok();
    assert!(may("a", "eu-west-1") && may("b-1", "eu-west-1") && may("b-1", "us-east-1"));
    assert!(
        !may("a", "us-east-1") && !may("b-12", "us-east-1") && !may("c", "eu-west-1") && !may("a-b-1", "eu-west-1")
    );
    let refusal = configuration.region("b-1", "eu-north-1").expect_err("not listed").to_string();
    assert!(refusal.ends_with("(`allow[0]`, `allow[1]` are)"), "{refusal}");
}

#[test]
fn all_mistakes_are_told_at_once_each_with_its_path() {
    let yaml = "allow:
    - namespaces: []
      regions: [eu-west-1, eu-*]
      roles:
      - {arn: 'arn:aws:iam::*:role/x', externalId: ä}
      - {arn: 'arn:aws:iam::111122223333:user/x', regions: [Europe]}
    - namespaces: [Team_A]
      kmsKeys: [alias/x]
      policyStatements:
      - {actions: [], resources: []}
      - {actions: [GetObject], resources: [bucket]}";
    assert_eq!(
        mistakes(yaml),
        [
            "allow[0].namespaces: it is empty; specify at least one namespace, or `*`",
            "allow[0].regions[1]: `eu-*` is not a valid region; write one like `eu-central-1`, without wildcards",
            "allow[0].roles[0].arn: `arn:aws:iam::*:role/x` is not a valid role ARN; write \
             `arn:aws:iam::ACCOUNT:role/NAME`, with wildcards only in the name",
            "allow[0].roles[0].externalId: it is not a valid external id; write 2 to 1224 letters, digits and \
             `_+=,.@:/-`",
            "allow[0].roles[1].arn: `arn:aws:iam::111122223333:user/x` is not a valid role ARN; write \
             `arn:aws:iam::ACCOUNT:role/NAME`, with wildcards only in the name",
            "allow[0].roles[1].regions[0]: `Europe` is not a valid region; write one like `eu-central-1`, without \
             wildcards",
            "allow[1].namespaces[0]: `Team_A` is not a valid namespace pattern; write lower-case letters, digits and \
             `-`, with `*` and `?` as wildcards",
            "allow[1].kmsKeys[0]: `alias/x` is not a valid KMS key ARN; write `arn:aws:kms:REGION:ACCOUNT:key/…`",
            "allow[1].policyStatements[0].actions: it is empty; specify at least one action",
            "allow[1].policyStatements[0].resources: it is empty; specify at least one resource, or `*`",
            "allow[1].policyStatements[1].actions[0]: `GetObject` is not a valid action; write one like \
             `s3:GetObject`, with `*` and `?` as wildcards",
            "allow[1].policyStatements[1].resources[0]: `bucket` is not a valid ARN; write all six parts, like \
             `arn:aws:s3:::bucket/*`, or `*`",
        ]
    );
}

#[test]
fn the_bucket_of_layers_is_named_as_s3_takes_it() {
    let bucket = |yaml: &str| Configuration::parse(yaml).expect(yaml).layer_bucket().map(|it| it.of("1", "eu-west-1"));
    assert_eq!(bucket("layers: {bucket: 'l-{account}-{region}'}").as_deref(), Some("l-1-eu-west-1"));
    assert_eq!(bucket("layers: {}"), None);
    assert_eq!(
        mistakes("layers: {bucket: 'Layers_{zone}'}"),
        [
            "layers.bucket: `Layers_{zone}` is not a name that S3 takes for a bucket; write 3 to 63 lower-case letters, digits, \
          `-` and `.`, with `{account}` and `{region}` in place of those of the pipeline"
        ]
    );
}

#[test]
fn a_field_that_there_is_not_is_a_mistake() {
    for (yaml, word) in [
        ("alow: []", "alow"),
        ("allow: [{namespaces: [a], region: [eu-west-1]}]", "region"),
        ("allow: [{regions: [eu-west-1]}]", "namespaces"),
        ("layers: {buckets: [a]}", "buckets"),
        ("allow: x", "sequence"),
        ("allow: [", "line 1"),
        ("{reservedTags: [], reservedTags: [x]}", "reservedTags"),
    ] {
        let told = mistakes(yaml).join("\n");
        assert!(told.contains(word), "{yaml}: {told}");
    }
}
