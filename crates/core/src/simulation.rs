//! Questions for IAM's policy simulator: whether a principal may do what a policy document grants.
//!
//! The simulator takes no patterns, so each pattern of a document stands for an example of what it matches.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::arn::Arn;
use crate::location::Location;

/// Actions, each to be asked of each resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Actions, such as `sqs:CreateQueue`.
    pub actions: BTreeSet<String>,
    /// ARNs, or `*`.
    pub resources: BTreeSet<String>,
    /// Condition keys with their values.
    pub context: BTreeMap<String, String>,
}

/// What is to be asked about a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// What the simulator can tell.
    pub asked: Vec<Question>,
    /// Actions on resources of other accounts, whose own policies count too: the simulator does not know those.
    pub elsewhere: BTreeSet<String>,
}

impl Questions {
    /// The number of actions that are asked about.
    pub fn count(&self) -> usize {
        self.asked.iter().flat_map(|question| &question.actions).collect::<BTreeSet<_>>().len()
    }
}

/// The questions whether all that a document allows is allowed, in an account and region.
pub fn questions(document: &Value, location: &Location) -> Questions {
    let mut questions = Questions::default();
    let statements = document["Statement"].as_array().into_iter().flatten();
    for statement in statements.filter(|statement| statement["Effect"] == "Allow") {
        let context = context(&statement["Condition"], location);
        let (here, elsewhere): (BTreeSet<String>, BTreeSet<String>) = texts(&statement["Resource"])
            .map(|pattern| example(pattern, location))
            .partition(|resource| is_here(resource, location));
        let mut by_resources: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
        for action in texts(&statement["Action"]) {
            if elsewhere.iter().any(|resource| acts_on(action, resource)) {
                questions.elsewhere.insert(action.to_owned());
            }
            let resources: BTreeSet<String> =
                here.iter().filter(|resource| acts_on(action, resource)).cloned().collect();
            if !resources.is_empty() {
                by_resources.entry(resources).or_default().insert(action.to_owned());
            }
        }
        let asked = by_resources.into_iter();
        let asked = asked.map(|(resources, actions)| Question { actions, resources, context: context.clone() });
        questions.asked.extend(asked);
    }
    questions
}

/// Name of the role of a session, from the session's ARN, which lacks the role's path.
pub fn role_of_session(arn: &str) -> Option<&str> {
    let arn = Arn::parse(arn).filter(|arn| arn.service == "sts")?;
    arn.resource.strip_prefix("assumed-role/")?.split('/').next()
}

/// A text or a list of texts.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Value::as_str))
}

/// Keys and values under which all these conditions hold.
fn context(condition: &Value, location: &Location) -> BTreeMap<String, String> {
    let keys = condition.as_object().into_iter().flatten().filter_map(|(_, keys)| keys.as_object()).flatten();
    let given = keys.filter_map(|(key, values)| Some((key.clone(), example(texts(values).next()?, location))));
    // A policy may deny all other regions.
    given.chain([("aws:RequestedRegion".to_owned(), location.region.clone())]).collect()
}

/// Something that a pattern matches: in ARNs of this account and region, where it leaves them open.
fn example(pattern: &str, location: &Location) -> String {
    if pattern == "*" {
        return pattern.to_owned();
    }
    let filled = |text: &str| text.replace('*', "check").replace('?', "x");
    let Some(Arn { partition, service, region, account, resource }) = Arn::parse(pattern) else {
        return filled(pattern);
    };
    let region = if region == "*" { &location.region } else { region };
    let account = if account == "*" { &location.account } else { account };
    format!("arn:{partition}:{service}:{region}:{account}:{}", filled(resource))
}

/// Whether a resource lies in this account, as far as its ARN tells.
fn is_here(resource: &str, location: &Location) -> bool {
    Arn::parse(resource).is_none_or(|arn| arn.account.is_empty() || arn.account == location.account)
}

/// Whether an action takes resources of this type: statements put several types together.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/>
fn acts_on(action: &str, resource: &str) -> bool {
    let (Some(arn), Some((service, name))) = (Arn::parse(resource), action.split_once(':')) else { return true };
    let kind = arn.resource.split([':', '/']).next().unwrap_or_default();
    let is_of_tags = name.contains("Tag");
    // Sessions are of roles, which are IAM's.
    let of_service = service == arn.service || (service, arn.service) == ("sts", "iam");
    of_service
        && match (service, kind) {
            ("lambda", "event-source-mapping") => is_of_tags || name.contains("EventSourceMapping"),
            ("lambda", "function") => !name.contains("EventSourceMapping"),
            ("scheduler", "schedule-group") => is_of_tags || name.contains("ScheduleGroup"),
            ("scheduler", "schedule") => !is_of_tags && !name.contains("ScheduleGroup"),
            _ => true,
        }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::partition::Partition;

    fn here() -> Location {
        let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
        Location { partition: Partition::Aws, account, region, endpoint: None }
    }

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn each_pattern_is_asked_by_an_example_and_each_condition_holds() {
        let document = json!({"Statement": [
            {"Effect": "Allow", "Action": ["sqs:CreateQueue", "sqs:TagQueue"],
             "Resource": ["arn:aws:sqs:*:111122223333:*-??-tasks*"],
             "Condition": {"StringEquals": {"aws:RequestTag/a": ["b", "c"]}, "ArnLike": {"x:Arn": "arn:aws:x:*:*:f-?"}}},
            {"Effect": "Deny", "NotAction": ["iam:*"], "Resource": ["*"]},
            {"Effect": "Allow", "Action": "lambda:ListFunctions", "Resource": "*"},
        ]});
        let region = ("aws:RequestedRegion".to_owned(), "eu-west-1".to_owned());
        let tag = ("aws:RequestTag/a".to_owned(), "b".to_owned());
        let arn = ("x:Arn".to_owned(), "arn:aws:x:eu-west-1:111122223333:f-x".to_owned());
        let queues = Question {
            actions: set(&["sqs:CreateQueue", "sqs:TagQueue"]),
            resources: set(&["arn:aws:sqs:eu-west-1:111122223333:check-xx-taskscheck"]),
            context: [region.clone(), tag, arn].into(),
        };
        let functions =
            Question { actions: set(&["lambda:ListFunctions"]), resources: set(&["*"]), context: [region].into() };
        let questions = questions(&document, &here());
        assert_eq!(questions.count(), 3);
        assert_eq!(questions, Questions { asked: vec![queues, functions], elsewhere: BTreeSet::new() });
    }

    #[test]
    fn an_action_is_asked_of_the_types_that_it_takes() {
        let at = |service: &str, rest: &str| format!("arn:aws:{service}:eu-west-1:111122223333:{rest}");
        let (function, mapping) = (at("lambda", "function:f"), at("lambda", "event-source-mapping:u"));
        let (group, schedule) = (at("scheduler", "schedule-group/g"), at("scheduler", "schedule/g/s"));
        for (action, takes, not) in [
            ("lambda:GetFunction", vec![&function], vec![&mapping, &group]),
            ("lambda:DeleteEventSourceMapping", vec![&mapping], vec![&function]),
            ("lambda:TagResource", vec![&function, &mapping], vec![&schedule]),
            ("scheduler:CreateSchedule", vec![&schedule], vec![&group]),
            ("scheduler:DeleteScheduleGroup", vec![&group], vec![&schedule]),
        ] {
            assert!(takes.iter().all(|resource| acts_on(action, resource)), "{action}");
            assert!(!not.iter().any(|resource| acts_on(action, resource)), "{action}");
        }
    }

    #[test]
    fn what_lies_in_another_account_is_not_asked() {
        let document = json!({"Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole"],
            "Resource": ["arn:aws:iam::444455556666:role/r"]}]});
        let questions = questions(&document, &here());
        assert_eq!(questions, Questions { asked: Vec::new(), elsewhere: set(&["sts:AssumeRole"]) });
    }

    #[test]
    fn the_role_of_a_session_is_known_by_its_name() {
        assert_eq!(
            role_of_session("arn:aws:sts::111122223333:assumed-role/task-pipelines/i-1"),
            Some("task-pipelines")
        );
        assert_eq!(role_of_session("arn:aws:iam::111122223333:user/a"), None);
        assert_eq!(role_of_session("arn:aws:sts::111122223333:federated-user/a"), None);
    }
}
