//! A plan as people and machines see it: one type for the status, for JSON, and for what is printed.

use api::{Action, Change, FieldChange};
use data_encoding::BASE32_NOPAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Goal, Plan, Step, Verdict};
use crate::archive::UNKNOWN;
use crate::location::Location;
use crate::names::{Owner, tag};
use crate::resource::{Difference, Resource, Side, diff_new};
use crate::text::{bounded_line, printable, truncate};

/// The plan of one pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanReport {
    /// Namespace of the pipeline.
    pub namespace: String,
    /// Name of the pipeline.
    pub name: String,
    /// Cluster name, in names and tags on AWS.
    pub cluster: String,
    /// AWS account.
    pub account: String,
    /// AWS region.
    pub region: String,
    /// What would be done about each resource, nothing included.
    pub plan: Vec<Change>,
    /// What could not be compared, for a person.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_compared: Vec<String>,
}

/// The overall result of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Summary {
    /// AWS has what is wanted.
    NothingToDo,
    /// Something is to be done, or waited for.
    Changes,
    /// A resource belongs to another owner: nothing is done until a person resolves that.
    Conflict,
}

/// What a report takes into account besides the plan.
#[derive(Clone, Copy, Debug)]
pub struct Knowledge {
    /// Whether AWS already matched the same desired state before, so that differences are drift.
    pub was_in_sync: bool,
    /// Whether the values of Secrets are known.
    pub secrets: bool,
}

/// What stands for a value that only the cluster knows.
const AFTER_APPLY: &str = UNKNOWN;

impl PlanReport {
    /// The plan of a pipeline that lives here.
    pub fn new(owner: &Owner, location: &Location, plan: Vec<Change>, knowledge: Knowledge) -> Self {
        let secret = |change: &&Change| change.kind == "Parameter" && change.action != Action::Create;
        let not_compared = if knowledge.secrets { None } else { plan.iter().find(secret) };
        let not_compared = not_compared.map(|parameter| format!("value of Parameter {}", parameter.name));
        Self {
            namespace: owner.namespace.clone(),
            name: owner.name.clone(),
            cluster: owner.cluster.to_string(),
            account: location.account.clone(),
            region: location.region.clone(),
            plan,
            not_compared: not_compared.into_iter().collect(),
        }
    }

    /// The overall result of the plan.
    pub fn summary(&self) -> Summary {
        Summary::of(&self.plan)
    }
}

impl Summary {
    /// The summary of these changes.
    pub fn of(plan: &[Change]) -> Self {
        let has = |is: fn(Action) -> bool| plan.iter().any(|change| is(change.action));
        if has(|action| action == Action::Conflict) {
            Self::Conflict
        } else if has(|action| action != Action::InSync) {
            Self::Changes
        } else {
            Self::NothingToDo
        }
    }
}

/// What would be done about each resource, in the plan's order.
pub fn changes(plan: &Plan, knowledge: Knowledge) -> Vec<Change> {
    plan.steps.iter().map(|step| change(step, knowledge)).collect()
}

fn change(step: &Step, knowledge: Knowledge) -> Change {
    let nothing = Change {
        action: Action::InSync,
        kind: step.id.kind.to_string(),
        name: step.id.name.clone(),
        drift: false,
        note: None,
        changes: Vec::new(),
    };
    match &step.verdict {
        Verdict::InSync => nothing,
        Verdict::Settle(why) => Change { action: Action::Wait, note: Some(why.clone()), ..nothing },
        Verdict::Delete => Change { action: Action::Delete, ..nothing },
        Verdict::Conflict { whose } => Change { action: Action::Conflict, note: Some(whose.clone()), ..nothing },
        Verdict::Create => {
            let changes = created(step, knowledge);
            Change { action: Action::Create, drift: knowledge.was_in_sync, changes, ..nothing }
        }
        Verdict::TakeOver { from, differences } => {
            let note = Some(format!("it belongs to an earlier pipeline of this name with UID {from}"));
            Change { action: Action::TakeOver, note, changes: field_changes(step, differences), ..nothing }
        }
        Verdict::Update(differences) => {
            let drift = knowledge.is_drift(differences);
            Change { action: Action::Update, drift, changes: field_changes(step, differences), ..nothing }
        }
        Verdict::Replace(differences) => {
            let drift = knowledge.is_drift(differences);
            Change { action: Action::Replace, drift, changes: field_changes(step, differences), ..nothing }
        }
    }
}

impl Knowledge {
    /// Whether the differences are drift. A difference of a secret may also come from an edit of the Secret, so it is not.
    fn is_drift(self, differences: &[Difference]) -> bool {
        self.was_in_sync && !differences.iter().any(Difference::is_secret)
    }
}

fn field_changes(step: &Step, differences: &[Difference]) -> Vec<FieldChange> {
    differences.iter().map(|it| field_change(it, step.id.kind.is_replaced_for(it))).collect()
}

fn field_change(difference: &Difference, forces_replacement: bool) -> FieldChange {
    let Difference { place, from, to } = difference;
    let text = |side: &Option<Side>| side.as_ref().map(ToString::to_string).unwrap_or_default();
    FieldChange { field: place.to_string(), from: text(from), to: text(to), forces_replacement }
}

/// The fields of what is new, without the tags that everything of a pipeline carries.
fn created(step: &Step, knowledge: Knowledge) -> Vec<FieldChange> {
    let Goal::Present(desired) = &step.goal else { return Vec::new() };
    let says_owner = |it: &Difference| it.tag_key().is_some_and(|key| tag::OWNER.contains(&key));
    let of_its_own = diff_new(&desired.resource).into_iter().filter(|it| !says_owner(it));
    of_its_own
        .map(|it| {
            let change = field_change(&it, false);
            let is_unknown = !knowledge.secrets && it.is_secret();
            if is_unknown { FieldChange { to: AFTER_APPLY.to_owned(), ..change } } else { change }
        })
        .collect()
}

/// Resources in the status, and fields of all of them together.
const MAX_ROWS: usize = 50;

/// Characters of a value in the status.
const MAX_VALUE: usize = 120;

/// The part of a plan that fits into a status: what is to be done, without the fields of what is new.
pub fn for_status(plan: Vec<Change>) -> Vec<Change> {
    let mut left = MAX_ROWS;
    let pending = plan.into_iter().filter(|change| change.action != Action::InSync).take(MAX_ROWS);
    pending
        .map(|change| {
            let Change { action, kind, name, drift, note, changes } = change;
            let changes = if action == Action::Create { Vec::new() } else { changes };
            let all = changes.len();
            let changes: Vec<FieldChange> = changes.into_iter().take(left).map(cut).collect();
            left -= changes.len();
            let more = (all > changes.len()).then(|| format!("and {} more fields", all - changes.len()));
            let notes: Vec<String> = note.into_iter().chain(more).collect();
            let note = (!notes.is_empty()).then(|| bounded_line(&notes.join("; "), MAX_VALUE));
            Change { action, kind, name, drift, note, changes }
        })
        .collect()
}

fn cut(change: FieldChange) -> FieldChange {
    let FieldChange { field, from, to, forces_replacement } = change;
    let [field, from, to] = [field, from, to].map(|text| truncate(&printable(&text), MAX_VALUE));
    FieldChange { field, from, to, forces_replacement }
}

/// A hash of the desired resources, without the values of secrets.
pub fn fingerprint(desired: &[Resource]) -> String {
    let lines = desired.iter().flat_map(|resource| {
        let fields = resource.fields().into_iter().map(|(field, value)| format!("{field}={value}"));
        let tags = resource.tags().clone().into_iter().map(|(key, value)| format!("tags.{key}={value}"));
        let id = resource.id();
        fields.chain(tags).map(move |line| format!("{id} {line}\0")).collect::<Vec<_>>()
    });
    let hash = lines.fold(Sha256::new(), Sha256::chain_update);
    BASE32_NOPAD.encode(&hash.finalize()[..10]).to_ascii_lowercase()
}
