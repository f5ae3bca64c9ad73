//! The annotation `taskpipelines.dev/run-now`: fires a pipeline by hand.
//!
//! A token acts once. It is recorded after the sender accepted the firing: if the operator crashes in between, the
//! firing is handed over again, as the same run. If nothing was fired, the token is not recorded, and the next
//! reconcile tries again.

use api::{PipelineStatus, annotation};
use aws::AwsError;
use jiff::Timestamp;
use kube::ResourceExt as _;
use pipeline_core::depth;
use pipeline_core::event::Event;
use pipeline_core::names::Part;
use pipeline_core::reason::Acted;
use protocol::{Firing, RunRef, Trigger};
use serde_json::Value;

use super::commands;
use super::context::ReconcileContext;
use super::planning::Desired;
use super::subject::Subject;

/// Bytes that Lambda takes for an asynchronous invocation.
/// <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_PAYLOAD: usize = 262_144;

/// Why a pipeline cannot be fired by hand.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("it is not a JSON object: {0}; write one, such as {{\"day\": \"2026-03-01\"}}")]
    NoObject(String),
    #[error("it nests deeper than {} levels; flatten it, or write the deeper part as a text", depth::MAX_INPUT)]
    TooDeep,
    #[error("with it the firing is {0} bytes as JSON, and Lambda takes {MAX_PAYLOAD}; shorten it")]
    TooLarge(usize),
}

/// Fires the pipeline if the annotation has a new token, suspended or not. Returns an event for it.
pub(super) async fn fire(
    context: &ReconcileContext,
    subject: &Subject,
    Desired { pipeline, aws, .. }: &Desired,
    status: &mut PipelineStatus,
) -> Result<Option<Event>, AwsError> {
    let Subject { pipeline: object, owner, previous } = subject;
    let Some(token) = commands::new_run_now(object, previous.status()) else { return Ok(None) };
    let input = object.annotations().get(annotation::RUN_INPUT);
    let schedule = owner.prefix();
    let arn = aws.location.schedule_arn(&schedule, &schedule);
    let event = match firing(pipeline.firing.clone(), &arn, &token, input.map(String::as_str), Timestamp::now()) {
        Err(refused) => Event::new(
            Acted::RunNowRefused,
            format!(
                "annotation {}: {refused}; nothing was fired: annotate with a new token as well",
                annotation::RUN_INPUT
            ),
        ),
        Ok((run, payload)) => {
            aws::invocation::invoke_async(aws, &owner.part(Part::Sender), payload).await?;
            let note = format!("run {} was fired by hand, by token `{token}`", run.run_id);
            context.expectations.fired(&owner.uid, run);
            Event::new(Acted::RunNow, note)
        }
    };
    commands::handle_run_now(status, token);
    Ok(Some(event))
}

/// Records the token of a `run-now` that cannot be carried out, and returns an event with the reason.
pub(super) fn refuse(subject: &Subject, status: &mut PipelineStatus, why: &str) -> Option<Event> {
    let token = commands::new_run_now(&subject.pipeline, subject.previous.status())?;
    commands::handle_run_now(status, token);
    Some(Event::new(Acted::RunNowRefused, format!("annotation {}: {why}; nothing was fired", annotation::RUN_NOW)))
}

/// The run, and the payload for the sender: the schedule's Input marked as manual, with the annotation's input if there
/// is one.
///
/// # Errors
/// The input cannot be used.
pub(crate) fn firing(
    mut firing: Firing,
    schedule_arn: &str,
    token: &str,
    run_input: Option<&str>,
    now: Timestamp,
) -> Result<(RunRef, String), Refused> {
    schedule_arn.clone_into(&mut firing.schedule_arn);
    firing.scheduled_time = now.round(jiff::Unit::Second).unwrap_or(now).to_string();
    firing.trigger = Trigger::Manual;
    firing.token = Some(token.to_owned());
    if let Some(text) = run_input {
        if depth::is_text_deeper(text, depth::MAX_INPUT) {
            return Err(Refused::TooDeep);
        }
        let input = match serde_json::from_str(text) {
            Ok(object @ Value::Object(_)) => object,
            Ok(_) => return Err(Refused::NoObject("it is of another type".to_owned())),
            Err(error) => return Err(Refused::NoObject(error.to_string())),
        };
        for task in &mut firing.tasks {
            task.input = Some(input.clone());
        }
    }
    let payload = serde_json::json!(firing).to_string();
    if payload.len() > MAX_PAYLOAD {
        return Err(Refused::TooLarge(payload.len()));
    }
    let run = RunRef {
        run_id: firing.run_id(),
        scheduled_time: firing.scheduled_time,
        trigger: firing.trigger,
        tasks: u32::try_from(firing.tasks.len()).unwrap_or(u32::MAX),
    };
    Ok((run, payload))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:scheduler:eu-west-1:111122223333:schedule/a/a";

    fn check(token: &str, run_input: Option<&str>) -> Result<(String, Value), String> {
        let task = |name: &str| {
            json!({"name": name, "action": "message", "input": {"own": name}, "timeoutSeconds": 1, "attempts": 1,
                   "backoffSeconds": 1})
        };
        let input = json!({
            "scheduleArn": "<aws.scheduler.schedule-arn>", "scheduledTime": "<aws.scheduler.scheduled-time>",
            "trigger": "Schedule", "pipeline": {"namespace": "a", "name": "b"}, "tasks": [task("one"), task("two")],
        });
        let now = "2026-01-01T09:00:00.7Z".parse().unwrap();
        let input = serde_json::from_value(input).unwrap();
        let fired = firing(input, ARN, token, run_input, now).map_err(|refused| refused.to_string())?;
        Ok((fired.0.run_id, serde_json::from_str(&fired.1).unwrap()))
    }

    #[test]
    fn a_firing_by_hand_is_the_schedules_own_with_another_mark_and_perhaps_other_input() {
        let (id, fired) = check("now", None).unwrap();
        assert_eq!(fired["scheduleArn"], ARN);
        assert_eq!((&fired["trigger"], &fired["scheduledTime"]), (&json!("Manual"), &json!("2026-01-01T09:00:01Z")));
        assert_eq!(fired["tasks"][1]["input"], json!({"own": "two"}));
        let (same, with_input) = check("now", Some(r#"{"day": 1}"#)).unwrap();
        assert_eq!(id, same, "a token is a run");
        assert_eq!(with_input["tasks"][0]["input"], json!({"day": 1}));
        assert_eq!(with_input["tasks"][1]["input"], json!({"day": 1}));
        assert_ne!(check("later", None).unwrap().0, id);
    }

    #[test]
    fn input_that_cannot_be_used_is_refused_with_what_is_wrong() {
        let refused = |input: &str| check("now", Some(input)).unwrap_err();
        let front = "it is not a JSON object: ";
        assert!(refused("[1]").starts_with(&format!("{front}it is of another type; write one")), "{}", refused("[1]"));
        assert!(refused("{day: 1}").starts_with(&format!("{front}key must be a string")), "{}", refused("{day: 1}"));
        let nested = |levels: usize| format!("{{\"a\": {}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(check("now", Some(&nested(31))).is_ok());
        for levels in [32, 100, 127, 128, 10_000] {
            assert!(refused(&nested(levels)).starts_with("it nests deeper than 32 levels; "), "{levels}");
        }
        let large = json!({"text": "x".repeat(140_000)}).to_string();
        assert!(refused(&large).contains("and Lambda takes 262144; shorten it"), "{}", refused(&large));
    }
}
