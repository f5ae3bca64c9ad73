//! AWS as a value: what it has, what each call does to it, and what it refuses.

use std::collections::BTreeSet;

use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::{Tags, tag};
use pipeline_core::resource::{Field, FieldName, Fields, Id, Kind, Observed};
use serde_json::Value;

use super::Setting;
use super::shared::Shared;

/// A place that at most one resource can have on AWS: a name, and for a mapping also its queue.
pub(super) struct Slot {
    /// The operator's id, which all mappings to one function share.
    pub(super) id: Id,
    /// The queue of a mapping: AWS takes one mapping for each queue and function.
    pub(super) queue: Option<String>,
    pub(super) arn: String,
    /// The kind, as rows name it.
    pub(super) kind: String,
}

/// A resource that exists on AWS.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Thing {
    pub(super) tags: Tags,
    pub(super) fields: Fields,
    pub(super) state: State,
}

/// Whether AWS is still working on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Settled,
    /// Pending, Creating, Updating: refuses changes meanwhile.
    Settling,
    /// Deleting: vanishes by itself.
    Going,
}

/// Everything that exists in the account, by slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Aws {
    pub(super) things: Vec<Option<Shared<Thing>>>,
    /// Slots of deleted queues, whose names SQS reserves for 60 s.
    pub(super) reserved: BTreeSet<usize>,
}

/// One call that writes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Call {
    Make {
        fields: Fields,
        tags: Tags,
    },
    /// Sets these fields, or unsets those that `fields` lacks.
    Set {
        keys: Vec<FieldName>,
        fields: Fields,
    },
    /// A schedule's update: replaces all fields, and the description that names its owner.
    Replace {
        fields: Fields,
        tags: Tags,
    },
    Tag(Tags),
    Untag(Vec<String>),
    Delete,
}

impl Call {
    /// Whether the call changes only the user's tags.
    pub(super) fn is_of_users_tags(&self) -> bool {
        match self {
            Self::Tag(tags) => !tags.contains_key(tag::UID),
            Self::Untag(_) => true,
            Self::Make { .. } | Self::Set { .. } | Self::Replace { .. } | Self::Delete => false,
        }
    }

    /// The keys of the tags that it sets or removes.
    pub(super) fn tag_keys(&self) -> Vec<&String> {
        match self {
            Self::Make { fields: _, tags } | Self::Replace { fields: _, tags } | Self::Tag(tags) => {
                tags.keys().collect()
            }
            Self::Untag(keys) => keys.iter().collect(),
            Self::Set { .. } | Self::Delete => Vec::new(),
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Make { .. } => "make",
            Self::Set { .. } => "set",
            Self::Replace { .. } => "replace",
            Self::Tag(_) => "tag",
            Self::Untag(_) => "untag",
            Self::Delete => "delete",
        }
    }
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    Exists,
    Missing,
    Refused(ErrorClass),
}

/// AWS is not ready for the call, as with an [`AwsError`](aws::AwsError) of this class: the step observes again.
const NOT_YET: Answer = Answer::Refused(ErrorClass::Waiting);

impl Aws {
    pub(super) fn new(setting: &Setting) -> Self {
        Self { things: vec![None; setting.slots.len()], reserved: BTreeSet::new() }
    }

    /// What `resource::observe` answers.
    pub(super) fn observe(&self, setting: &Setting, id: &Id) -> Option<Observed> {
        let (slot, thing) = setting.slots_of(id).find_map(|slot| Some((slot, self.things[slot].as_ref()?)))?;
        let settling = match thing.state {
            State::Settled => None,
            State::Settling => Some("AWS works on it".to_owned()),
            State::Going => Some("it is being deleted".to_owned()),
        };
        let (tags, fields) = (thing.tags.clone(), thing.fields.clone());
        Some(Observed { arn: setting.slots[slot].arn.clone(), tags, fields, settling, ..Observed::default() })
    }

    /// Carries a call out, or refuses it.
    pub(super) fn carry_out(&mut self, setting: &Setting, slot: usize, call: &Call) -> Answer {
        let answer = self.answer(setting, slot, call);
        if answer != Answer::Done {
            return answer;
        }
        let kind = setting.slots[slot].id.kind;
        let mut thing = self.things[slot].as_deref().cloned();
        match (call, &mut thing) {
            (Call::Make { .. }, Some(_)) => {}
            (Call::Make { fields, tags }, None) => {
                let state = match kind {
                    Kind::Function | Kind::EventSourceMapping => State::Settling,
                    _ => State::Settled,
                };
                thing = Some(Thing { tags: tags.clone(), fields: fields.clone(), state });
            }
            (Call::Set { keys, fields }, Some(thing)) => {
                thing.fields.retain(|key, _| !keys.contains(key));
                let set = fields.iter().filter(|(key, _)| keys.contains(key));
                thing.fields.extend(set.map(|(key, field)| (*key, field.clone())));
                let asynchronous = keys.iter().all(|key| FieldName::ASYNC.contains(key));
                if kind == Kind::EventSourceMapping || (kind == Kind::Function && !asynchronous) {
                    thing.state = State::Settling;
                }
            }
            (Call::Replace { fields, tags }, Some(thing)) => {
                thing.fields.clone_from(fields);
                thing.tags.clone_from(tags);
            }
            (Call::Tag(tags), Some(thing)) => thing.tags.extend(tags.clone()),
            (Call::Untag(keys), Some(thing)) => thing.tags.retain(|key, _| !keys.contains(key)),
            (Call::Delete, Some(going)) => match kind {
                Kind::EventSourceMapping | Kind::ScheduleGroup => going.state = State::Going,
                _ => return self.vanish(setting, slot),
            },
            (_, None) => return Answer::Missing,
        }
        self.things[slot] = thing.map(|thing| setting.things.share(slot, thing));
        Answer::Done
    }

    /// Whether AWS would carry out a call, as its answer.
    fn answer(&self, setting: &Setting, slot: usize, call: &Call) -> Answer {
        let id = &setting.slots[slot].id;
        let thing = self.things[slot].as_deref();
        let state = thing.map(|thing| thing.state);
        match (call, id.kind, state) {
            (Call::Make { fields, .. }, Kind::Queue, Some(_)) => {
                // SQS answers success if the queue exists with the same attributes, even if it is not ours.
                if thing.is_some_and(|thing| thing.fields == *fields) { Answer::Done } else { Answer::Exists }
            }
            (Call::Make { .. }, _, Some(_)) => Answer::Exists,
            (Call::Make { .. }, ..) if self.reserved.contains(&slot) => NOT_YET,
            (Call::Make { fields, .. }, _, None) => self.refuse_references(setting, slot, fields),
            (_, _, None) => Answer::Missing,
            (Call::Set { .. } | Call::Replace { .. }, Kind::Function, Some(State::Settling | State::Going))
            | (Call::Set { .. } | Call::Delete, Kind::EventSourceMapping, Some(State::Settling | State::Going)) => {
                NOT_YET
            }
            (Call::Set { fields, .. } | Call::Replace { fields, .. }, ..) => {
                self.refuse_references(setting, slot, fields)
            }
            (Call::Tag(_) | Call::Untag(_) | Call::Delete, _, Some(_)) => Answer::Done,
        }
    }

    /// Whether AWS would accept these fields: whether the resources that they refer to exist.
    fn refuse_references(&self, setting: &Setting, slot: usize, fields: &Fields) -> Answer {
        let Slot { id, queue, .. } = &setting.slots[slot];
        let is_there = |kind: Kind, name: &str| self.find(setting, kind, name).is_some();
        let role = text(fields, FieldName::Role).is_none_or(|arn| is_there(Kind::Role, last(arn)));
        match id.kind {
            Kind::LogGroup | Kind::Parameter | Kind::Role | Kind::ScheduleGroup | Kind::LayerVersion => Answer::Done,
            Kind::Queue => {
                let target = match fields.get(&FieldName::RedrivePolicy) {
                    Some(Field::Plain(policy)) => policy["deadLetterTargetArn"].as_str(),
                    Some(Field::Secret(_) | Field::Policy(_)) | None => None,
                };
                if target.is_none_or(|arn| is_there(Kind::Queue, last(arn))) {
                    Answer::Done
                } else {
                    Answer::Refused(ErrorClass::Invalid)
                }
            }
            Kind::Function if !role => NOT_YET,
            Kind::Function if layers(fields).any(|layer| !is_there(Kind::LayerVersion, layer)) => {
                Answer::Refused(ErrorClass::Invalid)
            }
            Kind::Function => {
                let mapping =
                    setting.slots.iter().position(|it| it.id.kind == Kind::EventSourceMapping && it.id.name == id.name);
                let hidden_by = mapping.filter(|mapping| self.things[*mapping].is_some());
                let queue = hidden_by.and_then(|mapping| setting.slots[mapping].queue.as_deref());
                self.refuse_visibility(setting, queue, Some(fields))
            }
            Kind::EventSourceMapping => {
                let queue = queue.as_deref().unwrap_or_default();
                let function = self.find(setting, Kind::Function, &id.name);
                if function.is_none() || !is_there(Kind::Queue, queue) {
                    return NOT_YET;
                }
                self.refuse_visibility(setting, Some(queue), function.map(|function| &function.fields))
            }
            Kind::Schedule => {
                let group = self.find(setting, Kind::ScheduleGroup, &id.name);
                let usable = group.is_some_and(|group| group.state == State::Settled);
                if usable && role { Answer::Done } else { NOT_YET }
            }
        }
    }

    /// Lambda refuses a function timeout above the visibility timeout of the queue that invokes the function.
    fn refuse_visibility(&self, setting: &Setting, queue: Option<&str>, function: Option<&Fields>) -> Answer {
        let queue = queue.and_then(|queue| self.find(setting, Kind::Queue, queue));
        let hidden = queue.and_then(|queue| number(&queue.fields, FieldName::VisibilityTimeout));
        let runs = function.and_then(|fields| number(fields, FieldName::Timeout));
        match (hidden, runs) {
            (Some(hidden), Some(runs)) if hidden < runs => Answer::Refused(ErrorClass::Invalid),
            _ => Answer::Done,
        }
    }

    pub(super) fn find(&self, setting: &Setting, kind: Kind, name: &str) -> Option<&Thing> {
        let slot = setting.slots.iter().position(|slot| slot.id.kind == kind && slot.id.name == name)?;
        self.things[slot].as_deref()
    }

    /// AWS finishes asynchronous work: the resource becomes usable, or is gone with all that it contains.
    pub(super) fn settle(&mut self, setting: &Setting, slot: usize) {
        let Some(thing) = self.things[slot].as_deref() else { return };
        match thing.state {
            State::Settled => {}
            State::Settling => {
                self.things[slot] = Some(setting.things.share(slot, Thing { state: State::Settled, ..thing.clone() }));
            }
            State::Going => {
                self.vanish(setting, slot);
            }
        }
    }

    /// Removes a resource: a schedule group with its schedules; a queue's name stays reserved.
    pub(super) fn vanish(&mut self, setting: &Setting, slot: usize) -> Answer {
        self.things[slot] = None;
        let id = &setting.slots[slot].id;
        match id.kind {
            Kind::Queue => {
                self.reserved.insert(slot);
            }
            Kind::ScheduleGroup => {
                for schedule in setting.slots_of(&Id::new(Kind::Schedule, &id.name)) {
                    self.things[schedule] = None;
                }
            }
            _ => {}
        }
        Answer::Done
    }
}

/// The end of an ARN: a name.
pub(super) fn last(arn: &str) -> &str {
    arn.rsplit([':', '/']).next().unwrap_or_default()
}

pub(super) fn text(fields: &Fields, key: FieldName) -> Option<&str> {
    match fields.get(&key)? {
        Field::Plain(value) => value.as_str(),
        Field::Secret(_) | Field::Policy(_) => None,
    }
}

/// The layer versions of a function that are the pipeline's own. Others, named by ARN, are assumed to exist.
pub(super) fn layers(fields: &Fields) -> impl Iterator<Item = &str> {
    let layers = match fields.get(&FieldName::Layers) {
        Some(Field::Plain(layers)) => layers.as_array(),
        Some(Field::Secret(_) | Field::Policy(_)) | None => None,
    };
    layers.into_iter().flatten().filter_map(Value::as_str).filter(|layer| !layer.starts_with("arn:"))
}

fn number(fields: &Fields, key: FieldName) -> Option<u64> {
    match fields.get(&key)? {
        Field::Plain(value) => Value::as_u64(value),
        Field::Secret(_) | Field::Policy(_) => None,
    }
}
