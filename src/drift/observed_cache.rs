//! The last observation of each pipeline, kept between reconciles.
//!
//! The cache only ever saves reads of AWS; nothing is changed because of its content. It lives in the process, and is
//! rebuilt by the next reconcile of each pipeline.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use api::QueueDepth;
use aws::resource::list::{self, IndividualReads, ListedResources};
use parking_lot::Mutex;
use pipeline_core::location::Location;
use pipeline_core::names::{TagKeys, Tags};
use pipeline_core::resource::{Field, FieldName, Id, Kind, Observed, Resource, depth};
use protocol::PipelineRef;

/// A resource at the time of an observation, as hashes, so that a thousand pipelines need little memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    fields: BTreeMap<FieldName, u64>,
    tags: u64,
    revision: Option<String>,
}

impl Snapshot {
    /// Hashes an observed resource, without the tags of others.
    pub fn of(seen: &Observed, tag_keys: &TagKeys) -> Self {
        let fields = seen.fields.iter().map(|(name, field)| (*name, mark_of(field))).collect();
        Self { fields, tags: mark(&tag_keys.only(&seen.tags)), revision: seen.revision.clone() }
    }

    /// Whether a listed resource differs in the fields that lists show.
    fn differs(&self, kind: Kind, listed: &Observed, tag_keys: &TagKeys) -> bool {
        let now = Self::of(listed, tag_keys);
        let shown = |fields: &BTreeMap<FieldName, u64>| -> BTreeMap<FieldName, u64> {
            fields.iter().filter(|(name, _)| list::shows(kind, **name)).map(|(name, hash)| (*name, *hash)).collect()
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

/// Hash of the desired resources, secrets included.
pub fn desired_hash(desired: &[Resource]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for resource in desired {
        let fields: BTreeMap<FieldName, u64> =
            resource.fields().iter().map(|(name, field)| (*name, mark_of(field))).collect();
        (resource.id(), fields, resource.tags()).hash(&mut hasher);
    }
    hasher.finish()
}

/// Hash of a map of texts.
pub fn mark(tags: &Tags) -> u64 {
    let mut hasher = DefaultHasher::new();
    tags.hash(&mut hasher);
    hasher.finish()
}

/// What a reconcile observed of a pipeline that is in sync.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The pipeline.
    pub pipeline: PipelineRef,
    /// Account and region of its resources.
    pub location: Location,
    /// Keys of the tags that are the pipeline's own.
    pub tag_keys: TagKeys,
    /// Its resources. Those that were just written, and not read since, are missing.
    pub snapshots: BTreeMap<Id, Snapshot>,
    /// Whether no resource is missing, and AWS shows none as it was before a recent write.
    pub complete: bool,
    /// Hash of the desired resources, as [`desired_hash`] gives it.
    pub desired_hash: u64,
    /// Number of messages in its queues.
    pub depth: QueueDepth,
    /// Hash of the pipeline's annotations, which can be commands.
    pub annotations: u64,
}

struct Entry {
    observation: Observation,
    /// Time of the observation.
    read: Instant,
    /// Time of the next full read, even if nothing seems to have changed.
    read_again: Instant,
    /// The last sweep counts as an observation until this time.
    fresh_until: Instant,
    /// False once [`ObservedCache::invalidate`] was called.
    trusted: bool,
    /// Hashes of listed resources that differ and made the sweep ask for a reconcile.
    suspected: BTreeMap<Id, u64>,
    /// Hashes of listed resources that a reconcile found to be harmless. They are not investigated again.
    dismissed: BTreeMap<Id, u64>,
    /// What others put on the pipeline's roles, by name, as the last sweep showed it; absent until one did.
    by_others: Option<BTreeMap<String, Vec<String>>>,
}

/// Periods of the sweep and of full reads.
#[derive(Clone, Copy, Debug)]
pub struct Periods {
    /// Time between two sweeps.
    pub sweep: Duration,
    /// Time between two full reads of a pipeline of which the sweeps show no change.
    pub full_read: Duration,
}

/// The last observation of each pipeline, by UID.
pub struct ObservedCache {
    periods: Periods,
    /// How long the last sweep of each account and region took.
    took: Mutex<HashMap<Location, Duration>>,
    pipelines: Mutex<HashMap<String, Entry>>,
}

impl ObservedCache {
    /// An empty cache.
    pub fn new(periods: Periods) -> Self {
        Self { periods, took: Mutex::default(), pipelines: Mutex::default() }
    }

    /// How long an observation stands until a sweep has to have confirmed it: with many pipelines, a sweep takes long.
    fn stands(&self, location: &Location) -> Duration {
        let took = self.took.lock().get(location).copied().unwrap_or_default();
        (self.periods.sweep + took) * 3
    }

    /// Time between two sweeps.
    pub const fn sweep_period(&self) -> Duration {
        self.periods.sweep
    }

    /// Stores an observation. `changed` says whether the reconcile had to change anything. Returns whether the pipeline
    /// is the first known one in its account and region.
    #[must_use]
    pub fn record(&self, uid: &str, observation: Observation, changed: bool) -> bool {
        let now = Instant::now();
        let stands = self.stands(&observation.location);
        let mut pipelines = self.pipelines.lock();
        let first = !pipelines.values().any(|other| other.observation.location == observation.location);
        let dismissed = match pipelines.get(uid) {
            Some(before) if !changed => before.dismissed.iter().chain(&before.suspected).map(cloned).collect(),
            Some(_) | None => BTreeMap::new(),
        };
        let by_others = pipelines.get(uid).and_then(|before| before.by_others.clone());
        let entry = Entry {
            observation,
            read: now,
            read_again: now + pipeline_core::backoff::spread(self.periods.full_read),
            fresh_until: now + stands,
            trusted: true,
            suspected: BTreeMap::new(),
            dismissed,
            by_others,
        };
        pipelines.insert(uid.to_owned(), entry);
        first
    }

    /// Makes the next reconcile read AWS.
    pub fn invalidate(&self, uid: &str) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            entry.trusted = false;
        }
    }

    /// Drops the observation of a pipeline.
    pub fn forget(&self, uid: &str) {
        self.pipelines.lock().remove(uid);
    }

    /// Whether the desired resources had this hash at the last observation.
    pub fn had_desired(&self, uid: &str, desired_hash: u64) -> bool {
        self.pipelines.lock().get(uid).is_some_and(|entry| entry.observation.desired_hash == desired_hash)
    }

    /// The queue depth if the observation is fresh: the desired state, the location and the annotations are the same,
    /// and no sweep since has shown a difference. Else `None`: AWS has to be read.
    pub fn is_fresh(&self, uid: &str, desired_hash: u64, location: &Location, annotations: u64) -> Option<QueueDepth> {
        let now = Instant::now();
        let pipelines = self.pipelines.lock();
        let Entry { observation, read: _, read_again, fresh_until, trusted, suspected, dismissed: _, by_others: _ } =
            pipelines.get(uid)?;
        let same = observation.complete
            && observation.location == *location
            && observation.annotations == annotations
            && observation.desired_hash == desired_hash;
        let fresh = now < *read_again && now < *fresh_until;
        (*trusted && suspected.is_empty() && fresh && same).then_some(observation.depth)
    }

    /// What others put on the pipeline's roles, by name, if a sweep has shown it.
    pub fn by_others(&self, uid: &str) -> Option<BTreeMap<String, Vec<String>>> {
        self.pipelines.lock().get(uid).and_then(|entry| entry.by_others.clone())
    }

    /// Whether a pipeline is known to live in an account and region.
    pub fn lives_in(&self, location: &Location) -> bool {
        self.pipelines.lock().values().any(|entry| entry.observation.location == *location)
    }

    /// Names of the pipeline's queues that were observed.
    pub fn queues(&self, uid: &str) -> BTreeSet<String> {
        let pipelines = self.pipelines.lock();
        let ids = pipelines.get(uid).into_iter().flat_map(|entry| entry.observation.snapshots.keys());
        ids.filter(|id| id.kind == Kind::Queue).map(|id| id.name.clone()).collect()
    }

    /// Updates the queue depth from listed queues.
    pub fn recount(&self, uid: &str, snapshots: &ListedResources) {
        if let Some(entry) = self.pipelines.lock().get_mut(uid) {
            entry.count(snapshots);
        }
    }

    /// The resources in an account and region that lists do not show and the sweep has to read individually; `None` if
    /// no pipeline lives there.
    pub fn individually(&self, location: &Location) -> Option<IndividualReads> {
        let pipelines = self.pipelines.lock();
        let mut here = pipelines.values().filter(|entry| entry.observation.location == *location).peekable();
        here.peek()?;
        let mut individually = IndividualReads::default();
        for (id, snapshot) in here.flat_map(|entry| &entry.observation.snapshots) {
            if id.kind == Kind::Queue {
                individually.queues.insert(id.name.clone());
            } else if id.kind == Kind::LayerVersion {
                individually.layers = true;
            } else if snapshot.fields.keys().any(|field| FieldName::ASYNC.contains(field)) {
                individually.async_functions.insert(id.name.clone());
            }
        }
        Some(individually)
    }

    /// Compares the lists of a sweep that began at `since` with the observations. Returns the pipelines that need a
    /// reconcile.
    pub fn compare(&self, location: &Location, snapshots: &ListedResources, since: Instant) -> Vec<PipelineRef> {
        self.took.lock().insert(location.clone(), since.elapsed());
        let stands = self.stands(location);
        let mut worth_a_reconcile = Vec::new();
        for entry in self.pipelines.lock().values_mut() {
            // An observation that began after the sweep is newer than its lists.
            if entry.observation.location == *location && entry.read < since {
                let other_depth = entry.count(snapshots);
                let suspicious = entry.suspect(snapshots);
                let other_policies = entry.note_by_others(snapshots);
                entry.fresh_until = Instant::now() + stands;
                if other_depth || suspicious || other_policies || !entry.observation.complete {
                    worth_a_reconcile.push(entry.observation.pipeline.clone());
                }
            }
        }
        worth_a_reconcile
    }
}

fn cloned((id, hash): (&Id, &u64)) -> (Id, u64) {
    (id.clone(), *hash)
}

impl Entry {
    /// Updates the queue depth from listed queues. Returns whether it changed.
    fn count(&mut self, snapshots: &ListedResources) -> bool {
        let held: BTreeSet<&Id> = self.observation.snapshots.keys().collect();
        let depth = depth::depth(snapshots.iter().filter(|(id, _)| held.contains(id)));
        let other = depth != self.observation.depth;
        self.observation.depth = depth;
        other
    }

    /// Records what others put on the pipeline's roles. Returns whether that is another than it was.
    fn note_by_others(&mut self, snapshots: &ListedResources) -> bool {
        let ours = self.observation.snapshots.keys().filter(|id| id.kind == Kind::Role);
        let listed = ours.filter_map(|id| Some((id.name.clone(), snapshots.get(id)?.by_others.clone())));
        let now: BTreeMap<String, Vec<String>> = listed.filter(|(_, found)| !found.is_empty()).collect();
        let before = self.by_others.replace(now);
        before.unwrap_or_default() != *self.by_others.get_or_insert_default()
    }

    /// Records the resources that differ from the last observation and were not investigated yet. Returns whether there
    /// are any.
    fn suspect(&mut self, snapshots: &ListedResources) -> bool {
        let tag_keys = &self.observation.tag_keys;
        let differing: BTreeMap<Id, u64> = self
            .observation
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

/// Hash of all that a list shows of a resource.
fn print(listed: &Observed, tag_keys: &TagKeys) -> u64 {
    let Snapshot { fields, tags, revision } = Snapshot::of(listed, tag_keys);
    let mut hasher = DefaultHasher::new();
    (fields, tags, revision).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
