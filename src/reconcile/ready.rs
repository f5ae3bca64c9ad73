//! The condition of a pipeline.
//!
//! The only place that turns the outcome of a reconcile into the conditions `Ready`, `Reconciling` and `Stalled`, and
//! into the time of the next reconcile.

use std::borrow::Cow;

use aws::resource::TagRefusal;
use aws::{AwsError, NoAws};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use pipeline_core::error_chain::chain;
use pipeline_core::error_class::ErrorClass;
use pipeline_core::pipeline::{self, Refusal};
use pipeline_core::reason::{Incomplete, Reason, Settled, Underway};
use pipeline_core::requeue::Requeue;
use pipeline_core::resource::Id;

use crate::reconcile::apply::{Applied, Outcome};
use crate::reconcile::error::ReconcileError;

/// The outcome of a reconcile, as conditions show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Which conditions are true.
    pub state: State,
    /// Reason of the conditions: one word that a person can look up.
    pub reason: Reason,
    /// Message of the conditions: what is wrong, where, and what to do.
    pub message: String,
    /// When the pipeline comes next.
    pub requeue: Requeue,
}

/// State of a pipeline; decides which conditions are true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// AWS matches the spec.
    Ready,
    /// In progress, without a failure.
    Progressing,
    /// Something failed, and may succeed at the next attempt.
    Failing,
    /// Something failed that only a person can fix.
    Stalled,
}

impl Health {
    /// Of a new pipeline, before its first reconcile.
    pub fn new_pipeline() -> Self {
        Self::progressing(Underway::Reconciling, "the operator has begun", Requeue::Resync)
    }

    /// AWS matches the spec.
    pub fn ready(reason: Settled, message: &str) -> Self {
        Self { state: State::Ready, reason: reason.into(), message: message.to_owned(), requeue: Requeue::Resync }
    }

    /// In progress.
    pub fn progressing(reason: Underway, message: impl Into<String>, requeue: Requeue) -> Self {
        Self { state: State::Progressing, reason: reason.into(), message: message.into(), requeue }
    }

    /// Of a reconcile that ended with an error; `None` if the status cannot be written. A pipeline that `was_made` goes
    /// on firing.
    pub fn of_error(error: &ReconcileError, was_made: bool) -> Option<Self> {
        match error {
            ReconcileError::ApiServer(_) | ReconcileError::TooLong(_) => None,
            ReconcileError::Refused(refusals) => Some(Self::refused(refusals, was_made)),
            ReconcileError::NoAws(error) => Some(Self::no_aws(error)),
            ReconcileError::OtherAccount { .. } => Some(Self::conflict(&error.to_string())),
            ReconcileError::Aws(error) => Some(Self::aws(error)),
        }
    }

    /// The spec cannot be carried out. A pipeline that `runs` keeps firing as its last valid spec said.
    pub fn refused(refusals: &[Refusal], runs: bool) -> Self {
        let (reason, mut message) = pipeline::summary(refusals);
        if runs {
            message.push_str(" | what is on AWS goes on as it was");
        }
        let waits_for_secret = refusals.iter().any(Refusal::is_about_another_object);
        let requeue = if waits_for_secret { Requeue::WhenSecretsMayExist } else { Requeue::Resync };
        Self { state: State::Stalled, reason: reason.into(), message, requeue }
    }

    /// AWS clients for the pipeline's account cannot be had.
    pub fn no_aws(error: &NoAws) -> Self {
        match error {
            NoAws::Region => {
                Self::failed(ErrorClass::Credentials, &error.to_string(), ErrorClass::Credentials.remedy())
            }
            NoAws::Identity(cause) | NoAws::Role { error: cause, .. } => {
                Self::failed(cause.class, &chain(error), &cause.remedy())
            }
        }
    }

    /// An AWS call failed outside of the plan's steps.
    pub fn aws(error: &AwsError) -> Self {
        Self::failed(error.class, &error.to_string(), &error.remedy())
    }

    /// A conflict that only a person can resolve.
    pub fn conflict(message: &str) -> Self {
        Self::failed(ErrorClass::Conflict, message, ErrorClass::Conflict.remedy())
    }

    fn failed(class: ErrorClass, message: &str, remedy: &str) -> Self {
        let state = if class.needs_a_person() { State::Stalled } else { State::Failing };
        let message = format!("{message}; {remedy}");
        Self { state, reason: class.into(), message, requeue: Requeue::BackOff }
    }

    /// Of an applied plan; `None` if every step is done.
    pub fn of(applied: &Applied, doing: Underway) -> Option<Self> {
        let failures = applied.outcomes.iter().filter_map(|(id, outcome)| failure(id, outcome));
        let failures: Vec<Failure> = failures.collect();
        // Failures that only a person can fix are reported first.
        if let Some(worst) = failures.iter().max_by_key(|failure| failure.class.needs_a_person()) {
            let more = more(failures.len() - 1);
            return Some(Self::failed(worst.class, &format!("{}{more}", worst.message), &worst.remedy));
        }
        Self::waiting(applied, doing).or_else(|| Self::tags_refused(applied))
    }

    /// Some steps wait for AWS.
    fn waiting(applied: &Applied, doing: Underway) -> Option<Self> {
        let waits: Vec<(&Id, &aws::resource::Wait)> = applied
            .outcomes
            .iter()
            .filter_map(|(id, outcome)| match outcome {
                Outcome::Waiting(wait) => Some((id, wait)),
                Outcome::Done(_)
                | Outcome::TagsRefused { .. }
                | Outcome::Failed(_)
                | Outcome::Conflict { .. }
                | Outcome::Blocked { .. } => None,
            })
            .collect();
        let soonest = waits.iter().map(|(_, wait)| wait.again).min()?;
        let message = waits.iter().map(|(id, wait)| format!("{id} waits: {}", wait.why)).collect::<Vec<_>>().join("; ");
        Some(Self::progressing(doing, message, Requeue::In(soonest)))
    }

    /// Everything is done except tags that AWS refuses to change.
    fn tags_refused(applied: &Applied) -> Option<Self> {
        let refusals = applied.outcomes.iter().flat_map(|(id, outcome)| match outcome {
            Outcome::TagsRefused { seen: _, refusals } => refusals.iter().map(|refusal| (id, refusal)).collect(),
            Outcome::Done(_)
            | Outcome::Waiting(_)
            | Outcome::Failed(_)
            | Outcome::Conflict { .. }
            | Outcome::Blocked { .. } => Vec::new(),
        });
        let refusals: Vec<(&Id, &TagRefusal)> = refusals.collect();
        let (id, worst) = refusals.iter().max_by_key(|(_, refusal)| refusal.error.class.needs_a_person())?;
        let more = more(refusals.len() - 1);
        Some(Self {
            state: if worst.error.class.needs_a_person() { State::Stalled } else { State::Failing },
            reason: Incomplete::TagsRefused.into(),
            message: format!("{id}: {worst}{more}; everything else is as wanted; {}", worst.remedy()),
            requeue: Requeue::BackOff,
        })
    }
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" (and {count} more, see resources)") }
}

/// How long AWS may take for a new role or a busy function before the wait counts as a failure: some of these answers
/// are the same as those for a role that can never work.
const MAX_WAIT: SignedDuration = SignedDuration::from_mins(5);

/// How long a deletion may take before it counts as stalled, the time for undelivered messages included.
const MAX_DELETION: SignedDuration = SignedDuration::from_mins(10);

impl Health {
    /// Turns a wait that takes too long into a stall: the same answer of AWS can be permanent.
    #[must_use]
    pub fn not_for_ever(self, before: &[Condition], deleted: Option<Timestamp>, now: Timestamp) -> Self {
        let since = |type_: &str| before.iter().find(|condition| condition.type_ == type_);
        let (overdue, limit) = if let Some(deleted) = deleted {
            (now.duration_since(deleted) > MAX_DELETION, MAX_DELETION)
        } else {
            let overdue = since("Reconciling")
                .is_some_and(|old| now.duration_since(old.last_transition_time.0) > MAX_WAIT)
                || since("Stalled").is_some_and(|old| old.reason == ErrorClass::Waiting.to_string());
            (overdue, MAX_WAIT)
        };
        if self.state != State::Progressing || !overdue {
            return self;
        }
        Self {
            state: State::Stalled,
            reason: ErrorClass::Waiting.into(),
            message: format!("for over {} minutes: {}; check what AWS names", limit.as_mins(), self.message),
            requeue: Requeue::BackOff,
        }
    }
}

/// Why one resource is not ready.
struct Failure {
    class: ErrorClass,
    message: String,
    remedy: Cow<'static, str>,
}

fn failure(id: &Id, outcome: &Outcome) -> Option<Failure> {
    match outcome {
        Outcome::Failed(error) => {
            Some(Failure { class: error.class, message: format!("{id}: {error}"), remedy: error.remedy() })
        }
        Outcome::Conflict { whose } => Some(Failure {
            class: ErrorClass::Conflict,
            message: format!("{id} exists, and {whose}"),
            remedy: ErrorClass::Conflict.remedy().into(),
        }),
        Outcome::Done(_) | Outcome::TagsRefused { .. } | Outcome::Waiting(_) | Outcome::Blocked { .. } => None,
    }
}

/// Maximum length of a condition's message, in characters; the API server refuses longer ones.
const MAX_MESSAGE: usize = 32_768;

/// The conditions for a health, by the rules of kstatus: `Reconciling` and `Stalled` exist only while true, and never
/// both.
/// <https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md>
pub fn conditions(health: &Health, before: &[Condition], generation: i64, now: Timestamp) -> Vec<Condition> {
    let (ready, extra) = match health.state {
        State::Ready => ("True", None),
        State::Progressing => ("Unknown", Some("Reconciling")),
        State::Failing => ("False", Some("Reconciling")),
        State::Stalled => ("False", Some("Stalled")),
    };
    let condition = |type_: &str, status: &str| {
        let same = before.iter().find(|condition| condition.type_ == type_ && condition.status == status);
        Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: health.reason.to_string(),
            message: pipeline_core::text::bounded_line(&health.message, MAX_MESSAGE),
            observed_generation: Some(generation),
            last_transition_time: same.map_or_else(
                || Time(now.round(jiff::Unit::Second).unwrap_or(now)),
                |same| same.last_transition_time.clone(),
            ),
        }
    };
    [condition("Ready", ready)].into_iter().chain(extra.map(|type_| condition(type_, "True"))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws::Operation;
    use aws::resource::{TagChange, Wait};
    use pipeline_core::resource::Kind;

    use super::*;

    fn error(class: ErrorClass, code: &str) -> AwsError {
        AwsError { operation: Operation::CreateRole, class, code: code.to_owned(), message: "no".to_owned() }
    }

    fn applied(outcomes: Vec<(Kind, Outcome)>) -> Applied {
        let outcomes = outcomes.into_iter().map(|(kind, outcome)| (Id::new(kind, "a"), outcome)).collect();
        Applied { outcomes, changes: Vec::new() }
    }

    fn types(health: &Health) -> Vec<(String, String)> {
        let conditions = conditions(health, &[], 1, Timestamp::UNIX_EPOCH);
        conditions.into_iter().map(|condition| (condition.type_, condition.status)).collect()
    }

    fn pair(type_: &str, status: &str) -> (String, String) {
        (type_.to_owned(), status.to_owned())
    }

    #[test]
    fn reconciling_and_stalled_never_stand_together() {
        let ready = Health::ready(Settled::InSync, "all there");
        assert_eq!(types(&ready), [pair("Ready", "True")]);
        assert_eq!(types(&Health::new_pipeline()), [pair("Ready", "Unknown"), pair("Reconciling", "True")]);
        let throttled = Health::aws(&error(ErrorClass::Throttled, "Throttling"));
        assert_eq!(types(&throttled), [pair("Ready", "False"), pair("Reconciling", "True")]);
        let denied = Health::aws(&error(ErrorClass::Denied, "AccessDenied"));
        assert_eq!(types(&denied), [pair("Ready", "False"), pair("Stalled", "True")]);
    }

    #[test]
    fn what_only_a_person_can_mend_is_said_first() {
        let wait = Wait { why: "soon".to_owned(), again: Duration::from_secs(1) };
        let health = Health::of(
            &applied(vec![
                (Kind::Role, Outcome::Failed(error(ErrorClass::Throttled, "Throttling"))),
                (Kind::Queue, Outcome::Failed(error(ErrorClass::Denied, "AccessDenied"))),
                (Kind::Function, Outcome::Waiting(wait)),
            ]),
            Underway::Reconciling,
        )
        .unwrap();
        assert_eq!(health.reason, Reason::Failed(ErrorClass::Denied));
        assert_eq!(
            health.message,
            "Queue a: iam:CreateRole: AccessDenied: no (and 1 more, see resources); allow iam:CreateRole in the \
             operator's IAM policy, which `task-pipelines iam-policy` prints"
        );
    }

    #[test]
    fn a_tag_that_is_refused_is_told_once_nothing_else_is_to_do() {
        let refusal = |key: &str, class| TagRefusal {
            key: key.to_owned(),
            change: TagChange::Set,
            error: AwsError { operation: Operation::TagRole, ..error(class, "AccessDenied") },
        };
        let refused = || {
            let refusals = vec![refusal("slow", ErrorClass::Throttled), refusal("cost-center", ErrorClass::Denied)];
            Outcome::TagsRefused { seen: None, refusals }
        };
        let health = Health::of(&applied(vec![(Kind::Role, refused())]), Underway::Reconciling).unwrap();
        let expected = "Role a: tag `cost-center` cannot be set: iam:TagRole: AccessDenied: no (and 1 more, see \
                        resources); everything else is as wanted; allow iam:TagRole in the operator's IAM policy, \
                        which `task-pipelines iam-policy` prints, or change or remove tag `cost-center` in spec.tags";
        assert_eq!((health.state, health.reason), (State::Stalled, Incomplete::TagsRefused.into()));
        assert_eq!((health.message.as_str(), health.requeue), (expected, Requeue::BackOff));
        let wait = Wait { why: "soon".to_owned(), again: Duration::from_secs(1) };
        let failed = Outcome::Failed(error(ErrorClass::Invalid, "No"));
        for (other, reason) in [
            (Outcome::Waiting(wait), Reason::Underway(Underway::Reconciling)),
            (failed, Reason::Failed(ErrorClass::Invalid)),
        ] {
            let both = applied(vec![(Kind::Role, refused()), (Kind::Queue, other)]);
            assert_eq!(Health::of(&both, Underway::Reconciling).unwrap().reason, reason);
        }
    }

    #[test]
    fn a_plan_that_is_done_has_nothing_to_say() {
        assert_eq!(Health::of(&applied(vec![(Kind::Role, Outcome::Done(None))]), Underway::Reconciling), None);
    }

    #[test]
    fn what_waits_too_long_is_stalled_and_stays_so() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let waiting = Health::progressing(Underway::Reconciling, "Role a waits", Requeue::Resync);
        let first = conditions(&waiting, &[], 1, at(0));
        assert_eq!(waiting.clone().not_for_ever(&first, None, at(4)).state, State::Progressing);
        let late = waiting.clone().not_for_ever(&first, None, at(6));
        assert_eq!((late.state, late.reason), (State::Stalled, ErrorClass::Waiting.into()));
        let stalled = conditions(&late, &first, 1, at(6));
        assert_eq!(waiting.not_for_ever(&stalled, None, at(7)).state, State::Stalled);
    }

    #[test]
    fn a_deletion_that_takes_too_long_is_stalled_whatever_came_before_it() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).unwrap();
        let long_failing = conditions(&Health::aws(&error(ErrorClass::Throttled, "Throttling")), &[], 1, at(0));
        let deleting = Health::progressing(Underway::Deleting, "EventSourceMapping a waits", Requeue::Resync);
        let deleted = Some(at(100));
        assert_eq!(deleting.clone().not_for_ever(&long_failing, deleted, at(109)).state, State::Progressing);
        let late = deleting.not_for_ever(&long_failing, deleted, at(111));
        assert_eq!((late.state, late.reason), (State::Stalled, ErrorClass::Waiting.into()));
        assert!(late.message.contains("EventSourceMapping a waits"), "{}", late.message);
    }

    #[test]
    fn the_time_of_a_transition_moves_only_with_the_status() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = conditions(&Health::ready(Settled::InSync, "a"), &[], 1, at(10));
        let second = conditions(&Health::ready(Settled::Suspended, "b"), &first, 2, at(20));
        assert_eq!(second[0].last_transition_time, first[0].last_transition_time);
        let third = conditions(&Health::aws(&error(ErrorClass::Denied, "x")), &second, 2, at(30));
        assert_eq!(third[0].last_transition_time.0, at(30));
    }
}
