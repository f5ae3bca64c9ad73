//! IAM policy documents: types to write them, and grants to compare them.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// A service that may assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// `lambda.amazonaws.com`.
    Lambda,
    /// `scheduler.amazonaws.com`.
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

/// A trust policy: lets a service assume a role, under conditions on the caller.
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

/// The current version of the policy language. Any other version means the old one.
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
    /// Conditions under which it applies; empty: always.
    pub condition: Condition,
}

impl Statement {
    /// The statement as a JSON object.
    pub fn document(&self) -> Value {
        let Self { actions, resources, condition } = self;
        let mut statement = json!({ "Effect": "Allow", "Action": actions, "Resource": resources });
        if !condition.is_empty() {
            statement["Condition"] = json!(condition);
        }
        statement
    }
}

/// Collects the statements of a role's policy.
#[derive(Clone, Debug, Default)]
pub struct Permissions(Vec<Value>);

impl Permissions {
    /// Adds a statement for these actions on these resources, unless there are no resources.
    #[must_use]
    pub fn allow<const A: usize>(mut self, actions: [&str; A], resources: impl IntoIterator<Item = String>) -> Self {
        let resources: Vec<String> = resources.into_iter().collect();
        if !resources.is_empty() {
            self.0.push(json!({ "Effect": "Allow", "Action": actions.to_vec(), "Resource": resources }));
        }
        self
    }

    /// Adds statements.
    #[must_use]
    pub fn with(mut self, statements: &[Statement]) -> Self {
        self.0.extend(statements.iter().map(Statement::document));
        self
    }

    /// Adds all statements of another policy.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The statements as JSON objects, in the order of the document.
    pub fn statements(&self) -> &[Value] {
        &self.0
    }

    /// The policy document.
    pub fn document(self) -> Value {
        document(&self.0)
    }
}

/// A policy document with these statements.
pub fn document(statements: &[Value]) -> Value {
    json!({ "Version": VERSION, "Statement": statements })
}

/// A policy document. Two documents are equal if they grant the same, however they group, order or spell it.
#[derive(Clone, Debug)]
pub struct Document(Value);

/// One action on one resource, for one principal, under one set of conditions: the unit that documents are compared by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    /// `Allow` or `Deny`.
    effect: String,
    /// Principal and conditions as text; empty if there is neither.
    terms: String,
    /// Empty in a trust policy, which has no resources.
    resource: String,
    /// In lower case: names of actions are case-insensitive.
    action: String,
}

/// Grants, each with its action as the document spells it.
type Grants = BTreeMap<Grant, String>;

/// The version of a document that names none.
const OLD_VERSION: &str = "2008-10-17";

impl Document {
    /// A document as it was written.
    pub const fn new(document: Value) -> Self {
        Self(document)
    }

    /// A document as IAM returns it: percent-encoded JSON (RFC 3986, so `+` is literal). A text that does not parse is
    /// compared as text.
    pub fn decode(document: &str) -> Self {
        let text = percent_decode_str(document).decode_utf8_lossy();
        Self(serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text.as_ref())))
    }

    /// The differences of two documents, as sentences: first what only `from` grants, then what only `to` grants.
    pub fn changes(from: Option<&Self>, to: Option<&Self>) -> (Vec<String>, Vec<String>) {
        let grants = |document: Option<&Self>| document.map(Self::grants).unwrap_or_default();
        let (from, to) = (grants(from), grants(to));
        let only_in =
            |these: &Grants, others: &Grants| sentences(these.iter().filter(|(grant, _)| !others.contains_key(*grant)));
        (only_in(&from, &to), only_in(&to, &from))
    }

    fn grants(&self) -> Grants {
        let Some(document) = self.0.as_object() else { return Grants::from([unit(&self.0)]) };
        let statements = match document.get("Statement") {
            Some(Value::Array(statements)) => statements.as_slice(),
            Some(single) => std::slice::from_ref(single),
            None => &[],
        };
        let version = document.get("Version").and_then(Value::as_str).unwrap_or(OLD_VERSION);
        // The version decides how variables in a statement are read.
        let version = (version != VERSION).then(|| unit(&json!(format!("policy language of {version}"))));
        statements.iter().flat_map(statement_grants).chain(version).collect()
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.grants().keys().eq(other.grants().keys())
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sentences(self.grants().iter()).join("; "))
    }
}

/// Anything that is not a statement; compared as JSON.
fn unit(value: &Value) -> (Grant, String) {
    let action = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    (Grant { effect: String::new(), terms: String::new(), resource: String::new(), action: action.clone() }, action)
}

fn statement_grants(statement: &Value) -> Vec<(Grant, String)> {
    let Some(fields) = statement.as_object() else { return vec![unit(statement)] };
    let effect = fields.get("Effect").and_then(Value::as_str).unwrap_or_default();
    let terms = terms(fields);
    let actions = targets(fields, "Action", "NotAction");
    let resources = targets(fields, "Resource", "NotResource");
    let grant = |resource: &String, action: String| {
        let (effect, terms, resource) = (effect.to_owned(), terms.clone(), resource.clone());
        (Grant { effect, terms, resource, action: action.to_ascii_lowercase() }, action)
    };
    resources.iter().flat_map(|resource| actions.iter().map(|action| grant(resource, action.clone()))).collect()
}

/// The actions or resources of a statement, one by one. `NotAction` and `NotResource` count as one, as does a missing
/// element.
fn targets(fields: &Map<String, Value>, these: &str, all_but: &str) -> Vec<String> {
    match (fields.get(these), fields.get(all_but)) {
        (Some(these), _) => texts(these),
        (None, Some(others)) => vec![format!("all but {}", texts(others).join(", "))],
        (None, None) => vec![String::new()],
    }
}

/// Principal and conditions of a statement, as text. Unknown elements are kept as they are.
fn terms(fields: &Map<String, Value>) -> String {
    let known = ["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"];
    let terms =
        fields.iter().filter(|(key, _)| !known.contains(&key.as_str())).map(|(key, value)| match key.as_str() {
            "Principal" => format!(" to {}", listed(value)),
            "NotPrincipal" => format!(" to all but {}", listed(value)),
            "Condition" => format!(" if {}", conditions(value)),
            _ => format!(" with {key} {value}"),
        });
    let mut terms: Vec<String> = terms.collect();
    // Principal before conditions.
    terms.sort_by(|a, b| b.cmp(a));
    terms.concat()
}

/// `Service a, b and AWS c`, or a single text.
fn listed(value: &Value) -> String {
    let Some(fields) = value.as_object() else { return texts(value).join(", ") };
    let mut lists: Vec<String> =
        fields.iter().map(|(key, value)| format!("{key} {}", texts(value).join(", "))).collect();
    lists.sort();
    lists.join(" and ")
}

fn conditions(value: &Value) -> String {
    let Some(operators) = value.as_object() else { return value.to_string() };
    let all = operators.iter().flat_map(|(operator, keys)| {
        let keys = keys.as_object().into_iter().flatten();
        keys.map(move |(key, values)| format!("{key} {operator} {}", texts(values).join(" or ")))
    });
    let mut all: Vec<String> = all.collect();
    all.sort();
    all.join(" and ")
}

/// A list as a set; a single value as a set of one. Texts that could be mistaken for a list are quoted.
fn texts(value: &Value) -> Vec<String> {
    let is_plain = |text: &&str| !text.is_empty() && !text.contains([' ', ',', '"']);
    let text = |value: &Value| value.as_str().filter(is_plain).map_or_else(|| value.to_string(), str::to_owned);
    let mut texts: Vec<String> = match value {
        Value::Array(values) => values.iter().map(text).collect(),
        single => vec![text(single)],
    };
    texts.sort();
    texts.dedup();
    texts
}

/// Groups grants into few sentences: `Allow sqs:SendMessage, sqs:DeleteMessage on arn:…`.
fn sentences<'grants>(grants: impl Iterator<Item = (&'grants Grant, &'grants String)>) -> Vec<String> {
    let mut by_resource: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for (Grant { effect, terms, resource, action: _ }, action) in grants {
        by_resource.entry((effect, terms, resource)).or_default().push(action);
    }
    let mut by_actions: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for ((effect, terms, resource), actions) in by_resource {
        by_actions.entry((effect, actions.join(", "), terms)).or_default().push(resource);
    }
    let sentence = |((effect, actions, terms), resources): ((&String, String, &String), Vec<&str>)| {
        let resources = resources.join(", ");
        let on = if resources.is_empty() { "" } else { " on " };
        format!("{effect} {actions}{on}{resources}{terms}").trim_start().to_owned()
    };
    by_actions.into_iter().map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn document(statements: &Value) -> Document {
        Document::new(json!({ "Version": VERSION, "Statement": statements }))
    }

    #[test]
    fn documents_that_mean_the_same_compare_equal() {
        let ours = Permissions::default()
            .allow(["sqs:SendMessage"], ["arn:aws:sqs:eu-west-1:1:a".to_owned()])
            .allow(["logs:PutLogEvents", "logs:CreateLogStream"], ["arn:b:*".to_owned()])
            .document();
        let theirs = json!([
            { "Sid": "logs", "Action": ["logs:createlogstream"], "Resource": "arn:b:*", "Effect": "Allow" },
            { "Action": ["logs:PutLogEvents", "logs:PutLogEvents"], "Resource": "arn:b:*", "Effect": "Allow" },
            { "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": ["arn:aws:sqs:eu-west-1:1:a"] },
        ]);
        assert_eq!(Document::new(ours), document(&theirs));
    }

    #[test]
    fn documents_that_differ_in_meaning_compare_unequal() {
        let allow = json!({ "Effect": "Allow", "Action": ["a:B", "a:C"], "Resource": "r" });
        for (key, value) in [
            ("Effect", json!("Deny")),
            ("Action", json!("a:B")),
            ("Resource", json!(["r", "s"])),
            ("Condition", json!({ "StringEquals": { "aws:SourceAccount": "1" } })),
            ("Principal", json!("*")),
            ("NotPrincipal", json!({ "AWS": "1" })),
        ] {
            let mut other = allow.clone();
            other[key] = value;
            assert_ne!(document(&json!([allow])), document(&json!([other])), "{key}");
        }
        let not = json!({ "Effect": "Allow", "NotAction": ["a:B", "a:C"], "Resource": "r" });
        assert_ne!(document(&json!([allow])), document(&json!([not])));
        let old = Document::new(json!({ "Version": "2008-10-17", "Statement": [allow] }));
        assert_ne!(document(&json!([allow])), old);
        assert_ne!(Document::decode("no JSON"), Document::decode("no JSON either"));
    }

    #[test]
    fn a_change_is_told_by_what_is_granted_and_no_longer_granted() {
        let allow =
            |actions: Value, resource: &str| json!({ "Effect": "Allow", "Action": actions, "Resource": resource });
        let from = document(&json!([allow(json!(["sqs:SendMessage", "sqs:DeleteMessage"]), "arn:q")]));
        let to = document(&json!([
            allow(json!("sqs:sendmessage"), "arn:q"),
            allow(json!(["logs:PutLogEvents", "logs:CreateLogStream"]), "arn:b"),
            allow(json!(["logs:CreateLogStream", "logs:PutLogEvents"]), "arn:a"),
        ]));
        let (gone, new) = Document::changes(Some(&from), Some(&to));
        assert_eq!(gone, ["Allow sqs:DeleteMessage on arn:q"]);
        assert_eq!(new, ["Allow logs:CreateLogStream, logs:PutLogEvents on arn:a, arn:b"]);

        let before = Document::new(trust(Service::Scheduler, &[("aws:SourceAccount", "1".to_owned())]));
        let after = Document::new(trust(Service::Lambda, &[]));
        assert_eq!(
            Document::changes(Some(&before), Some(&after)),
            (
                vec![
                    "Allow sts:AssumeRole to Service scheduler.amazonaws.com if aws:SourceAccount StringEquals 1"
                        .to_owned()
                ],
                vec!["Allow sts:AssumeRole to Service lambda.amazonaws.com".to_owned()],
            )
        );
        let deny = document(&json!({ "Effect": "Deny", "NotAction": "a:*", "NotResource": ["b", "a"] }));
        assert_eq!(Document::changes(None, Some(&deny)).1, ["Deny all but a:* on all but a, b"]);
    }

    proptest! {
        #[test]
        fn what_iam_encodes_decodes_to_the_same(actions in prop::collection::vec("[a-z]{2,6}:[A-Za-z+*]{1,9}", 1..4), resource in "\\PC{0,30}") {
            let document = json!({ "Version": VERSION, "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resource }] });
            let encoded = utf8_percent_encode(&document.to_string(), NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(Document::decode(&encoded), Document::new(document));
        }

        #[test]
        fn documents_differ_exactly_when_there_is_a_change_to_tell(
            from in prop::collection::vec((0_u8..3, 0_u8..3), 0..6),
            to in prop::collection::vec((0_u8..3, 0_u8..3), 0..6),
        ) {
            let written = |grants: &[(u8, u8)]| {
                let statement = |(action, resource): &(u8, u8)| {
                    json!({ "Effect": "Allow", "Action": format!("a:{action}"), "Resource": format!("r{resource}") })
                };
                document(&grants.iter().map(statement).collect())
            };
            let (from, to) = (written(&from), written(&to));
            let (gone, new) = Document::changes(Some(&from), Some(&to));
            prop_assert_eq!(from == to, gone.is_empty() && new.is_empty());
        }
    }
}
