//! The least that a permissions boundary must allow: what the roles of any pipeline may do.

use serde_json::Value;

use super::names::Names;
use super::permissions::{function, runner, running, scheduler, sender, telling, use_of_key};
use crate::configuration::Configuration;
use crate::iam::{Statement, document};
use crate::location::Location;
use crate::names::ClusterName;

/// A boundary for the roles of a cluster's pipelines, within what the configuration allows them. Account and region may
/// be `*`.
pub fn boundary(cluster: &ClusterName, location: &Location, configuration: &Configuration) -> Value {
    let mut statements = Vec::new();
    for fifo in [false, true] {
        let names = Names::new("*", cluster, fifo);
        let any = names.function("*");
        let called = [location.function_arn(&any)].into_iter().chain(configuration.functions().map(str::to_owned));
        let roles = [
            scheduler(&names, location),
            sender(&names, location),
            runner(&names, location),
            running(&names, true, called.collect(), location),
            telling(&names, location),
            function(&any, &names, [names.secret("*", "*")], location),
        ];
        statements.extend(roles.iter().flat_map(|role| role.statements().iter().cloned()));
    }
    statements.extend(configuration.kms_keys().map(|keys| use_of_key(keys, location).document()));
    statements.extend(configuration.policy_statements().map(|statement: Statement| statement.document()));
    let mut distinct: Vec<Value> = Vec::new();
    for statement in statements {
        if !distinct.contains(&statement) {
            distinct.push(statement);
        }
    }
    document(&distinct)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::configuration::Pattern;
    use crate::desired::{Installation, desired};
    use crate::partition::Partition;
    use crate::resource::Resource;
    use crate::test_support::{CONFIGURATION, owner, resolved};

    /// Every (action, resource) of the statements.
    fn pairs(document: &Value) -> Vec<(Pattern, Pattern)> {
        let texts = |value: &Value| -> Vec<Pattern> {
            value.as_array().unwrap().iter().map(|text| Pattern::new(text.as_str().unwrap())).collect()
        };
        let statements = document["Statement"].as_array().unwrap();
        let of_one = |statement: &Value| {
            let (actions, resources) = (texts(&statement["Action"]), texts(&statement["Resource"]));
            actions
                .into_iter()
                .flat_map(move |action| resources.clone().into_iter().map(move |it| (action.clone(), it)))
        };
        statements.iter().flat_map(of_one).collect()
    }

    #[test]
    fn secrets_are_decrypted_through_ssm_and_nothing_else_is() {
        let location = location();
        let document = boundary(&owner().cluster, &location, &Configuration::default());
        let statements = document["Statement"].as_array().unwrap();
        let of_keys = statements.iter().filter(|statement| statement["Action"].to_string().contains("kms:"));
        let [statement] = of_keys.collect::<Vec<_>>()[..] else { panic!("{document}") };
        assert_eq!(statement["Action"], json!(["kms:Decrypt"]));
        assert_eq!(statement["Resource"], json!(["arn:aws:kms:eu-central-1:111122223333:key/*"]));
        let parameters = "arn:aws:ssm:eu-central-1:111122223333:parameter/taskpipelines/lab/*/*";
        let expected = json!({
            "kms:ViaService": ["ssm.eu-central-1.*"],
            "kms:EncryptionContext:PARAMETER_ARN": [parameters],
        });
        assert_eq!(statement["Condition"], json!({ "StringLike": expected }));
    }

    fn location() -> Location {
        Location {
            partition: Partition::Aws,
            account: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: None,
        }
    }

    #[test]
    fn a_boundary_allows_all_that_a_pipelines_roles_may() {
        let location = location();
        let configuration = Configuration::parse(CONFIGURATION).unwrap();
        let allowed = pairs(&boundary(&owner().cluster, &location, &configuration));
        let installation = Installation { artifacts: BTreeMap::new(), permissions_boundary: None, layer_bucket: None };
        for policy in ["Allow", "Queue"] {
            let pipeline = resolved(&format!(
                "{{concurrencyPolicy: {policy}, queue: {{kmsKeyId: 'arn:aws:kms:eu-central-1:111122223333:key/1a2b'}}, \
                 sender: {{policyStatements: [{{Effect: Allow, Action: s3:GetObject, Resource: 'arn:aws:s3:::team-a-x'}}]}}, \
                 tasks: [{{name: a, function: f}}, {{name: b, functionArn: 'arn:aws:lambda:eu-central-1:111122223333:function:team-a'}}], \
                 functions: [{{name: f, runtime: python3.13, handler: index.handler, code: {{inline: x}}, \
                 secrets: [{{name: token, secretKeyRef: {{name: chat, key: token}}}}]}}], \
                 channels: [{{name: team, slack: {{webhookUrl: {{secretKeyRef: {{name: chat, key: slack}}}}}}}}]}}"
            ));
            for resource in desired(&pipeline, &installation, &location) {
                let Resource::Role(role) = resource else { continue };
                for (action, target) in pairs(&role.policy) {
                    let covers = |(actions, targets): &(Pattern, Pattern)| {
                        actions.covers(&action) && targets.covers_arn(&target)
                    };
                    // IAM's action names know no case, and the configuration's are kept in lower case.
                    let folded = Pattern::new(action.as_str().to_ascii_lowercase());
                    let covers_folded = |(actions, targets): &(Pattern, Pattern)| {
                        actions.covers(&folded) && targets.covers_arn(&target)
                    };
                    assert!(allowed.iter().any(covers) || allowed.iter().any(covers_folded), "{action} on {target}");
                }
            }
        }
    }
}
