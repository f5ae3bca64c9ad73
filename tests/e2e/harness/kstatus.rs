//! The status contract: what every status that a pipeline ever had must keep to.
//! <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>

use std::collections::BTreeMap;

use serde_json::Value;

use super::gate::Write;

/// Bytes of a status: enough for a hundred tasks, and far below what etcd takes.
const MAX_STATUS: usize = 64 * 1024;

/// What is wrong with the statuses of a journal.
pub(crate) fn breaches(journal: &[Write]) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut before: BTreeMap<&str, &Value> = BTreeMap::new();
    for (at, write) in journal.iter().enumerate() {
        let (Write::Status(pipeline) | Write::Pipeline(pipeline)) = write else { continue };
        let uid = pipeline["metadata"]["uid"].as_str().unwrap();
        let wrong = match before.insert(uid, pipeline) {
            None => [first(pipeline), single(pipeline)].concat(),
            Some(before) => [transition(before, pipeline), single(pipeline)].concat(),
        };
        breaches.extend(wrong.into_iter().map(|wrong| format!("write {}: {wrong}: {}", at + 1, pipeline["status"])));
    }
    breaches
}

/// To kstatus, a pipeline without a status is done; so the first word is that it is not.
fn first(pipeline: &Value) -> Vec<&'static str> {
    let said = status_of(pipeline, "Ready").is_some_and(|ready| ready == "Unknown");
    if said { Vec::new() } else { vec!["the first write is not Ready=Unknown"] }
}

fn single(pipeline: &Value) -> Vec<&'static str> {
    let generation = pipeline["metadata"]["generation"].as_i64();
    let ahead = |observed: &Value| observed.as_i64() > generation;
    let of_future = ahead(&pipeline["status"]["observedGeneration"])
        || conditions(pipeline).any(|condition| ahead(&condition["observedGeneration"]));
    let stuck_and_on_its_way =
        ["Reconciling", "Stalled"].iter().all(|type_| status_of(pipeline, type_) == Some("True"));
    [
        (of_future, "observedGeneration is of a generation that is yet to come"),
        (stuck_and_on_its_way, "Reconciling and Stalled are both True"),
        (pipeline["status"].to_string().len() > MAX_STATUS, "the status is larger than 64 KB"),
    ]
    .into_iter()
    .filter_map(|(wrong, what)| wrong.then_some(what))
    .collect()
}

fn transition(before: &Value, after: &Value) -> Vec<&'static str> {
    let wrong = conditions(after).filter_map(|condition| {
        let old = conditions(before).find(|old| old["type"] == condition["type"])?;
        let (moved, changed) =
            (old["lastTransitionTime"] != condition["lastTransitionTime"], old["status"] != condition["status"]);
        match (moved, changed) {
            (true, false) => Some("lastTransitionTime moved without a change of status"),
            // Within one second, a change does not show in it.
            (false | true, _) => None,
        }
    });
    wrong.collect()
}

fn conditions(pipeline: &Value) -> impl Iterator<Item = &Value> {
    pipeline["status"]["conditions"].as_array().into_iter().flatten()
}

fn status_of<'pipeline>(pipeline: &'pipeline Value, type_: &str) -> Option<&'pipeline str> {
    conditions(pipeline).find(|condition| condition["type"] == type_)?["status"].as_str()
}

/// Writes to AWS that came after the pipeline was said to be Ready in its last generation: it said so too early.
pub(crate) fn after_ready(journal: &[Write], generation: i64) -> Vec<String> {
    let ready = |write: &Write| match write {
        Write::Status(pipeline) => {
            status_of(pipeline, "Ready") == Some("True")
                && pipeline["status"]["observedGeneration"].as_i64() == Some(generation)
        }
        Write::Aws(_) | Write::Pipeline(_) | Write::Event(_) => false,
    };
    let after = journal.iter().skip_while(|write| !ready(write));
    after.filter(|write| matches!(write, Write::Aws(_))).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A status that was written for generation 2: its observed generation, and conditions as (type, status, time).
    fn status(observed: i64, conditions: &[(&str, &str, &str)]) -> Write {
        let condition = |(type_, status, time): &(&str, &str, &str)| json!({"type": type_, "status": status, "lastTransitionTime": time, "observedGeneration": observed});
        let conditions: Vec<Value> = conditions.iter().map(condition).collect();
        Write::Status(json!({
            "metadata": {"uid": "a", "generation": 2}, "status": {"observedGeneration": observed, "conditions": conditions},
        }))
    }

    #[test]
    fn each_breach_of_the_contract_is_seen() {
        let begun = || status(1, &[("Ready", "Unknown", "1"), ("Reconciling", "True", "1")]);
        let good = [begun(), status(2, &[("Ready", "True", "2")]), status(2, &[("Ready", "True", "2")])];
        assert_eq!(breaches(&good), Vec::<String>::new());
        for (journal, wrong) in [
            (vec![status(1, &[("Ready", "True", "1")])], "not Ready=Unknown"),
            (vec![begun(), status(3, &[("Ready", "True", "2")])], "yet to come"),
            (vec![begun(), status(2, &[("Reconciling", "True", "1"), ("Stalled", "True", "2")])], "both True"),
            (vec![begun(), status(2, &[("Ready", "Unknown", "2")])], "moved"),
            (vec![begun(), status(2, &[(&"x".repeat(MAX_STATUS), "True", "2")])], "larger"),
        ] {
            let breaches = breaches(&journal);
            assert!(breaches.len() == 1 && breaches[0].contains(wrong), "{wrong}: {breaches:?}");
        }
    }

    #[test]
    fn ready_before_the_last_write_is_too_early() {
        let call = || Write::Aws("sqs:TagQueue".to_owned());
        let ready = |generation| status(generation, &[("Ready", "True", "1")]);
        assert_eq!(after_ready(&[call(), ready(2), Write::Event("InSync".to_owned())], 2), Vec::<String>::new());
        assert_eq!(after_ready(&[ready(1), call(), ready(2)], 2), Vec::<String>::new());
        assert_eq!(after_ready(&[ready(2), call()], 2), ["sqs:TagQueue"]);
    }
}
