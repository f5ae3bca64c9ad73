//! What the operator remembers of pipelines from one reconcile to the next.
//!
//! A reason not to ask AWS, never a reason to change anything. It goes with the
//! process, and the next reconcile of a pipeline makes it again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use api::QueueDepth;
use aws::resource::list::{self, IndividualReads, ListedResources};
use parking_lot::Mutex;
use pipeline_core::location::Location;
use pipeline_core::names::{TagKeys, Tags};
use pipeline_core::resource::{Field, Id, Kind, Observed, Resource, depth};
use protocol::PipelineRef;

/// How a resource was when all was as wanted: hashes, so that a thousand pipelines fit into little memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    fields: BTreeMap<&'static str, u64>,
    tags: u64,
    revision: Option<String>,
}

impl Snapshot {
    /// How AWS has it, tags of others aside.
    pub fn of(seen: &Observed, tag_keys: &TagKeys) -> Self {
        let fields = seen.fields.iter().map(|(name, field)| (*name, mark_of(field))).collect();
        Self { fields, tags: mark(&tag_keys.only(&seen.tags)), revision: seen.revision.clone() }
    }

    /// Whether what a list shows differs from it.
    fn differs(&self, kind: Kind, listed: &Observed, tag_keys: &TagKeys) -> bool {
        let now = Self::of(listed, tag_keys);
        let shown = |fields: &BTreeMap<&'static str, u64>| -> BTreeMap<&'static str, u64> {
            fields.iter().filter(|(name, _)| list::shows(kind, name)).map(|(name, hash)| (*name, *hash)).collect()
        };
        let other_revision = matches!((&self.revision, &now.revision), (Some(then), Some(now)) if then != now);
        other_revision || shown(&self.fields) != shown(&now.fields) || (list::shows_tags(kind) && self.tags != now.tags)
    }
}

fn mark_of(field: &Field) -> u64 {
    let mut hasher = DefaultHasher::new();
    match field {
        Field::Plain(value) => value.to_string().hash(&mut hasher),
        Field::Policy(document) => document.to_string().hash(&mut hasher),
        Field::Secret(secret) => secret.expose().hash(&mut hasher),
    }
    hasher.finish()
}

/// One number for all that is wanted, secrets included.
pub fn desired_hash(want: &[Resource]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for resource in want {
        let fields: BTreeMap<&'static str, u64> =
            resource.fields().iter().map(|(name, field)| (*name, mark_of(field))).collect();
        (resource.id(), fields, resource.tags()).hash(&mut hasher);
    }
    hasher.finish()
}

/// One number for texts by key.
pub fn mark(tags: &Tags) -> u64 {
    let mut hasher = DefaultHasher::new();
    tags.hash(&mut hasher);
    hasher.finish()
}

/// What a reconcile found in sync.
#[derive(Clone, Debug)]
pub struct Found {
    /// The pipeline.
    pub pipeline: PipelineRef,
    /// Where on AWS it lives.
    pub location: Location,
    /// Which of its resources' tags are its own.
    pub tag_keys: TagKeys,
    /// Its resources. One that was just written was not read, and is missing here.
    pub snapshots: BTreeMap<Id, Snapshot>,
    /// Whether none is missing, and AWS shows each as it is.
    pub complete: bool,
    /// Hash of the desired resources, as [`desired_hash`] gives it.
    pub desired_hash: u64,
    /// Messages in its queues.
    pub depth: QueueDepth,
    /// What else asks for a reconcile when it changes: a mark of the pipeline's annotations.
    pub annotations: u64,
}

struct Remembered {
    found: Found,
    /// When it was read.
    read: Instant,
    /// When it is to be read even if nothing seems to have changed.
    read_again: Instant,
    /// Until when the last sweep counts as an observation of it.
    fresh_until: Instant,
    /// Whether `found` still holds.
    trusted: bool,
    /// What a list showed that led to a reconcile, by resource.
    suspected: BTreeMap<Id, u64>,
    /// The same of reconciles that came to nothing: not investigated twice.
    dismissed: BTreeMap<Id, u64>,
}

/// How long what is remembered counts.
#[derive(Clone, Copy, Debug)]
pub struct Periods {
    /// Between two sweeps.
    pub sweep: Duration,
    /// Between two reconciles of a pipeline of which the sweeps show nothing new.
    pub full_read: Duration,
}

/// What is remembered of all pipelines, by UID.
pub struct Memory {
    periods: Periods,
    pipelines: Mutex<HashMap<String, Remembered>>,
}

impl Memory {
    /// Remembers nothing yet.
    pub fn new(periods: Periods) -> Self {
        Self { periods, pipelines: Mutex::default() }
    }

    /// Time between two sweeps.
    pub const fn sweep_period(&self) -> Duration {
        self.periods.sweep
    }

    /// Keeps what a reconcile found. `changed` says whether the reconcile had something to mend. Answers whether the pipeline is
    /// the first known in its account and region.
    #[must_use]
    pub fn remember(&self, uid: &str, found: Found, changed: bool) -> bool {
        let now = Instant::now();
        let mut pipelines = self.pipelines.lock();
        let first = !pipelines.values().any(|other| other.found.location == found.location);
        let dismissed = match pipelines.get(uid) {
            Some(before) if !changed => before.dismissed.iter().chain(&before.suspected).map(cloned).collect(),
            Some(_) | None => BTreeMap::new(),
        };
        let remembered = Remembered {
            found,
            read: now,
            read_again: now + pipeline_core::backoff::spread(self.periods.full_read),
            fresh_until: now + self.periods.sweep * 3,
            trusted: true,
            suspected: BTreeMap::new(),
            dismissed,
        };
        pipelines.insert(uid.to_owned(), remembered);
        first
    }

    /// Reads AWS next time, whatever is remembered.
    pub fn invalidate(&self, uid: &str) {
        if let Some(remembered) = self.pipelines.lock().get_mut(uid) {
            remembered.trusted = false;
        }
    }

    /// Drops all that is known of a pipeline.
    pub fn forget(&self, uid: &str) {
        self.pipelines.lock().remove(uid);
    }

    /// Whether just this was wanted when all was last as wanted.
    pub fn wanted(&self, uid: &str, desired_hash: u64) -> bool {
        self.pipelines.lock().get(uid).is_some_and(|remembered| remembered.found.desired_hash == desired_hash)
    }

    /// Whether AWS need not be asked: what is wanted is what was found, and the sweeps have shown nothing else since.
    /// Answers how many messages the queues held.
    pub fn is_fresh(&self, uid: &str, desired_hash: u64, location: &Location, annotations: u64) -> Option<QueueDepth> {
        let now = Instant::now();
        let pipelines = self.pipelines.lock();
        let Remembered { found, read: _, read_again, fresh_until, trusted, suspected, dismissed: _ } =
            pipelines.get(uid)?;
        let same = found.complete
            && found.location == *location
            && found.annotations == annotations
            && found.desired_hash == desired_hash;
        let fresh = now < *read_again && now < *fresh_until;
        (*trusted && suspected.is_empty() && fresh && same).then_some(found.depth)
    }

    /// Whether a pipeline is known to live in an account and region.
    pub fn lives_in(&self, location: &Location) -> bool {
        self.pipelines.lock().values().any(|remembered| remembered.found.location == *location)
    }

    /// Names of a pipeline's queues, as far as they were seen.
    pub fn queues(&self, uid: &str) -> BTreeSet<String> {
        let pipelines = self.pipelines.lock();
        let ids = pipelines.get(uid).into_iter().flat_map(|remembered| remembered.found.snapshots.keys());
        ids.filter(|id| id.kind == Kind::Queue).map(|id| id.name.clone()).collect()
    }

    /// Takes over how many messages a pipeline's queues hold now.
    pub fn recount(&self, uid: &str, snapshots: &ListedResources) {
        if let Some(remembered) = self.pipelines.lock().get_mut(uid) {
            remembered.count(snapshots);
        }
    }

    /// What to ask for by itself in an account and region; nothing when no pipeline is known there.
    pub fn individually(&self, location: &Location) -> Option<IndividualReads> {
        let pipelines = self.pipelines.lock();
        let mut here = pipelines.values().filter(|remembered| remembered.found.location == *location).peekable();
        here.peek()?;
        let mut individually = IndividualReads::default();
        for (id, snapshot) in here.flat_map(|remembered| &remembered.found.snapshots) {
            if id.kind == Kind::Queue {
                individually.queues.insert(id.name.clone());
            } else if id.kind == Kind::LayerVersion {
                individually.layers = true;
            } else if snapshot.fields.keys().any(|field| field.starts_with("async")) {
                individually.async_functions.insert(id.name.clone());
            }
        }
        Some(individually)
    }

    /// Compares what a sweep begun at `since` shows with what is remembered; returns the pipelines worth a reconcile.
    pub fn compare(&self, location: &Location, snapshots: &ListedResources, since: Instant) -> Vec<PipelineRef> {
        let mut worth_a_reconcile = Vec::new();
        for remembered in self.pipelines.lock().values_mut() {
            // What was read while the lists were made is newer than they are.
            if remembered.found.location == *location && remembered.read < since {
                let other_depth = remembered.count(snapshots);
                let suspicious = remembered.suspect(snapshots);
                remembered.fresh_until = Instant::now() + self.periods.sweep * 3;
                if other_depth || suspicious || !remembered.found.complete {
                    worth_a_reconcile.push(remembered.found.pipeline.clone());
                }
            }
        }
        worth_a_reconcile
    }
}

fn cloned((id, hash): (&Id, &u64)) -> (Id, u64) {
    (id.clone(), *hash)
}

impl Remembered {
    /// Takes over how many messages the queues hold; whether it changed.
    fn count(&mut self, snapshots: &ListedResources) -> bool {
        let held: BTreeSet<&Id> = self.found.snapshots.keys().collect();
        let depth = depth::depth(snapshots.iter().filter(|(id, _)| held.contains(id)));
        let other = depth != self.found.depth;
        self.found.depth = depth;
        other
    }

    /// Records the resources that differ from the last observation and were not investigated yet. Returns whether there
    /// are any.
    fn suspect(&mut self, snapshots: &ListedResources) -> bool {
        let tag_keys = &self.found.tag_keys;
        let differing: BTreeMap<Id, u64> = self
            .found
            .snapshots
            .iter()
            .filter_map(|(id, snapshot)| match snapshots.get(id) {
                None => Some((id.clone(), 0)),
                Some(listed) => {
                    snapshot.differs(id.kind, listed, tag_keys).then(|| (id.clone(), print(listed, tag_keys)))
                }
            })
            .collect();
        self.dismissed.retain(|id, print| differing.get(id) == Some(print));
        let dismissed = &self.dismissed;
        self.suspected = differing.into_iter().filter(|(id, print)| dismissed.get(id) != Some(print)).collect();
        !self.suspected.is_empty()
    }
}

/// One number for all that a list shows of a resource.
fn print(listed: &Observed, tag_keys: &TagKeys) -> u64 {
    let Snapshot { fields, tags, revision } = Snapshot::of(listed, tag_keys);
    let mut hasher = DefaultHasher::new();
    (fields, tags, revision).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
