//! Statements put together, for the room that there is.

use std::collections::BTreeSet;

use serde_json::Value;

/// Puts statements without conditions together that are about different services. They allow the same: no action of one
/// service acts on a resource of another, but for those of STS, which act on IAM's roles.
pub(super) fn merged(statements: Vec<Value>) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::new();
    for statement in statements {
        match merged.iter_mut().find(|other| may_join(other, &statement)) {
            Some(other) => {
                for key in ["Action", "Resource"] {
                    if let (Value::Array(all), Value::Array(more)) = (&mut other[key], &statement[key]) {
                        all.extend(more.iter().cloned());
                    }
                }
            }
            None => merged.push(statement),
        }
    }
    merged
}

fn may_join(one: &Value, other: &Value) -> bool {
    let is_plain = |statement: &Value| {
        let names_all = texts(&statement["Resource"]).all(|resource| resource.starts_with("arn:"));
        statement["Effect"] == "Allow" && statement.get("Condition").is_none() && names_all
    };
    is_plain(one) && is_plain(other) && services(one).is_disjoint(&services(other))
}

/// The services of a statement's actions and resources.
fn services(statement: &Value) -> BTreeSet<&str> {
    texts(&statement["Action"]).map(of_action).chain(texts(&statement["Resource"]).map(of_resource)).collect()
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn of_action(action: &str) -> &str {
    match action.split(':').next() {
        Some("sts") => "iam",
        service => service.unwrap_or_default(),
    }
}

fn of_resource(resource: &str) -> &str {
    resource.split(':').nth(2).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn statement(actions: &[&str], resources: &[&str]) -> Value {
        json!({ "Effect": "Allow", "Action": actions, "Resource": resources })
    }

    /// The pairs of an action and a resource of one service.
    fn pairs(statements: &[Value]) -> BTreeSet<(&str, &str)> {
        let mut pairs = BTreeSet::new();
        for statement in statements {
            for action in texts(&statement["Action"]) {
                let of_one =
                    texts(&statement["Resource"]).filter(|resource| of_action(action) == of_resource(resource));
                pairs.extend(of_one.map(|resource| (action, resource)));
            }
        }
        pairs
    }

    #[test]
    fn what_is_put_together_allows_the_same() {
        let all = [
            statement(&["iam:GetRole"], &["arn:aws:iam::1:role/a"]),
            statement(&["sts:AssumeRole"], &["arn:aws:iam::2:role/b"]),
            statement(&["lambda:GetFunction"], &["arn:aws:lambda:r:1:function:f"]),
            statement(&["lambda:InvokeFunction"], &["arn:aws:lambda:r:1:function:g"]),
            statement(&["s3:GetObject"], &["arn:aws:s3:::b/k"]),
        ];
        let merged = merged(all.to_vec());
        assert_eq!(merged.len(), 2, "{merged:?}");
        assert_eq!(pairs(&merged), pairs(&all));
    }

    #[test]
    fn what_has_a_condition_or_denies_or_is_about_everything_stays_alone() {
        let conditional =
            json!({ "Effect": "Allow", "Action": ["s3:A"], "Resource": ["arn:aws:s3:::b"], "Condition": {} });
        let denial = json!({ "Effect": "Deny", "Action": ["sqs:A"], "Resource": ["arn:aws:sqs:r:1:q"] });
        let everything = statement(&["iam:ListRoles", "lambda:ListLayers"], &["*"]);
        let queue = statement(&["sqs:GetQueueUrl"], &["arn:aws:sqs:r:1:q"]);
        let all = vec![everything, queue, conditional, denial];
        assert_eq!(merged(all.clone()), all);
    }
}
