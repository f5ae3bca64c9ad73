//! IAM policy documents: as types when we write them, in one canonical form when we compare them.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// A service that may assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// AWS Lambda.
    Lambda,
    /// EventBridge Scheduler.
    Scheduler,
}

impl Service {
    /// The service as policies name it.
    pub const fn principal(self) -> &'static str {
        match self {
            Self::Lambda => "lambda.amazonaws.com",
            Self::Scheduler => "scheduler.amazonaws.com",
        }
    }
}

/// Lets a service assume a role, under conditions that must hold of the caller.
pub fn trust(service: Service, conditions: &[(&str, String)]) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "Service": service.principal() },
        "Action": "sts:AssumeRole",
    });
    if !conditions.is_empty() {
        let equals: Map<String, Value> =
            conditions.iter().map(|(key, value)| ((*key).to_owned(), Value::from(value.as_str()))).collect();
        statement["Condition"] = json!({ "StringEquals": equals });
    }
    json!({ "Version": VERSION, "Statement": [statement] })
}

/// The policy language's current version; any other text means the old one.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html>
const VERSION: &str = "2012-10-17";

/// Conditions, all of which must hold: operator, then key, then values of which one must match.
pub type Condition = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// A statement that allows each of some actions on each of some resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Actions, with wildcards.
    pub actions: Vec<String>,
    /// ARNs of resources, with wildcards.
    pub resources: Vec<String>,
    /// When it holds; empty: always.
    pub condition: Condition,
}

impl Statement {
    /// The statement as IAM writes it.
    pub fn document(&self) -> Value {
        let Self { actions, resources, condition } = self;
        let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        if !condition.is_empty() {
            statement["Condition"] = json!(condition);
        }
        statement
    }
}

/// What a role may do: statements of actions and resources.
#[derive(Clone, Debug, Default)]
pub struct Permissions(Vec<Value>);

impl Permissions {
    /// Also allows these actions on these resources.
    #[must_use]
    pub fn allow<const A: usize, const R: usize>(mut self, actions: [&str; A], resources: [String; R]) -> Self {
        let (actions, resources) = (actions.to_vec(), Vec::from(resources));
        self.0.push(json!({ "Effect": "Allow", "Action": actions, "Resource": resources }));
        self
    }

    /// Also allows what these statements say.
    #[must_use]
    pub fn with(mut self, statements: &[Statement]) -> Self {
        self.0.extend(statements.iter().map(Statement::document));
        self
    }

    /// The policy document.
    pub fn document(self) -> Value {
        document(&self.0)
    }
}

/// A policy of these statements.
pub fn document(statements: &[Value]) -> Value {
    json!({ "Version": VERSION, "Statement": statements })
}

/// The one form of all documents that mean the same: lists as sets, a single value as a list of one, action names in
/// lower case, condition values as text, no statement ids, statements in order.
pub fn canonical(document: &Value) -> Value {
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) => statements.clone(),
        Some(single) => vec![single.clone()],
        None => Vec::new(),
    };
    let mut statements: Vec<BTreeMap<String, Value>> = statements.iter().map(canonical_statement).collect();
    statements.sort_by_cached_key(|statement| json!(statement).to_string());
    json!({ "Version": document.get("Version").cloned().unwrap_or_default(), "Statement": statements })
}

/// A document as IAM hands it out: percent-encoded JSON (RFC 3986, so `+` stands for itself).
/// What does not parse is compared as the text it is.
pub fn decode(document: &str) -> Value {
    let text = percent_decode_str(document).decode_utf8_lossy();
    serde_json::from_str(&text).map_or_else(|_| Value::from(text.as_ref()), |parsed| canonical(&parsed))
}

fn canonical_statement(statement: &Value) -> BTreeMap<String, Value> {
    let fields = statement.as_object().cloned().unwrap_or_default();
    fields
        .into_iter()
        .filter(|(key, _)| key != "Sid")
        .map(|(key, value)| {
            let value = match key.as_str() {
                "Action" | "NotAction" => set(&value, str::to_ascii_lowercase),
                "Resource" | "NotResource" => set(&value, str::to_owned),
                "Principal" | "NotPrincipal" => map_values(&value, |value| set(value, str::to_owned)),
                "Condition" => map_values(&value, |keys| map_values(keys, |value| set(value, str::to_owned))),
                _ => value,
            };
            (key, value)
        })
        .collect()
}

fn map_values(value: &Value, change: impl Fn(&Value) -> Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), change(value))).collect(),
        other => other.clone(),
    }
}

fn set(value: &Value, change: impl Fn(&str) -> String) -> Value {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), &change);
    let mut texts: Vec<String> = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        single => vec![text(single)],
    };
    texts.sort();
    texts.dedup();
    json!(texts)
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn documents_that_mean_the_same_compare_equal() {
        let ours = Permissions::default()
            .allow(["sqs:SendMessage"], ["arn:aws:sqs:eu-west-1:1:a".to_owned()])
            .allow(["logs:PutLogEvents", "logs:CreateLogStream"], ["arn:b:*".to_owned()])
            .document();
        let theirs = json!({
            "Statement": [
                { "Sid": "logs", "Action": ["logs:createlogstream", "logs:PutLogEvents"], "Resource": "arn:b:*", "Effect": "Allow" },
                { "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": ["arn:aws:sqs:eu-west-1:1:a"] },
            ],
            "Version": "2012-10-17",
        });
        assert_eq!(canonical(&ours), canonical(&theirs));
    }

    #[test]
    fn documents_that_differ_in_meaning_compare_unequal() {
        let one = |resource: &str| Permissions::default().allow(["sqs:SendMessage"], [resource.to_owned()]).document();
        assert_ne!(canonical(&one("a")), canonical(&one("b")));
        assert_ne!(
            canonical(&trust(Service::Lambda, &[("aws:SourceAccount", "1".to_owned())])),
            canonical(&trust(Service::Lambda, &[]))
        );
    }

    proptest! {
        #[test]
        fn what_iam_encodes_decodes_to_the_same(actions in prop::collection::vec("[a-z]{2,6}:[A-Za-z+*]{1,9}", 1..4), resource in "\\PC{0,30}") {
            let document = json!({ "Version": VERSION, "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resource }] });
            let encoded = utf8_percent_encode(&document.to_string(), NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(decode(&encoded), canonical(&document));
        }
    }
}
