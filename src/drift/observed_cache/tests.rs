use aws::resource::list;
use pipeline_core::names::Tags;
use pipeline_core::partition::Partition;
use pipeline_core::resource::{Fields, LogGroup, Role};
use serde_json::Value;

use super::*;

const HOUR: Periods = Periods { sweep: Duration::from_hours(1), full_read: Duration::from_hours(1) };

fn location() -> Location {
    let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
    Location { partition: Partition::Aws, account, region, endpoint: None }
}

fn desired(days: u32) -> Resource {
    Resource::LogGroup(LogGroup { name: "logs".to_owned(), retention_days: days, tags: owner("1") })
}

fn owner(uid: &str) -> Tags {
    Tags::from([("taskpipelines.dev/uid".to_owned(), uid.to_owned())])
}

fn seen(resource: &Resource) -> Observed {
    let (tags, fields) = (resource.tags().clone(), resource.fields());
    Observed { tags, fields, revision: Some("made at noon".to_owned()), ..Observed::default() }
}

fn observation(resources: &[Resource]) -> Observation {
    Observation {
        pipeline: PipelineRef { namespace: "team-a".to_owned(), name: "hello".to_owned() },
        location: location(),
        tag_keys: TagKeys::default(),
        snapshots: resources
            .iter()
            .map(|resource| (resource.id(), Snapshot::of(&seen(resource), &TagKeys::default())))
            .collect(),
        complete: true,
        desired_hash: desired_hash(resources),
        depth: QueueDepth::default(),
        annotations: 0,
    }
}

/// A cache that holds one pipeline, observed in sync.
fn cache(resources: &[Resource]) -> ObservedCache {
    let cache = ObservedCache::new(HOUR);
    assert!(cache.record("uid", observation(resources), false), "the first there");
    cache
}

fn is_fresh(cache: &ObservedCache, desired: &[Resource]) -> bool {
    cache.is_fresh("uid", desired_hash(desired), &location(), 0).is_some()
}

/// Whether a sweep asks for a reconcile after a change in what the lists show.
fn sweep(cache: &ObservedCache, resources: &[Resource], change: impl Fn(&mut Observed)) -> bool {
    let snapshots = resources.iter().map(|resource| {
        let mut listed = seen(resource);
        change(&mut listed);
        (resource.id(), listed)
    });
    !cache.compare(&location(), &snapshots.collect(), Instant::now()).is_empty()
}

#[test]
fn what_others_put_on_a_role_is_worth_a_reconcile_when_it_changes() {
    let roles = [Resource::Role(Role {
        name: "a-runner".to_owned(),
        path: "/".to_owned(),
        trust: Value::Null,
        policy: Value::Null,
        boundary: None,
        tags: owner("1"),
    })];
    let cache = cache(&roles);
    assert_eq!(cache.by_others("uid"), None);
    let with = |policies: &[&str]| {
        let policies: Vec<String> = policies.iter().map(|policy| (*policy).to_owned()).collect();
        move |seen: &mut Observed| seen.by_others.clone_from(&policies)
    };
    assert!(!sweep(&cache, &roles, with(&[])));
    assert!(sweep(&cache, &roles, with(&["inline policy more"])));
    assert!(!sweep(&cache, &roles, with(&["inline policy more"])), "told before");
    assert_eq!(cache.by_others("uid").map(|found| found.len()), Some(1));
    assert!(!cache.record("uid", observation(&roles), false));
    assert_eq!(cache.by_others("uid").map(|found| found.len()), Some(1), "a read shows none of it");
    assert!(sweep(&cache, &roles, with(&[])));
}

#[test]
fn aws_is_asked_again_when_something_else_is_wanted() {
    let cache = cache(&[desired(30)]);
    assert!(is_fresh(&cache, &[desired(30)]));
    assert!(!is_fresh(&cache, &[desired(60)]), "another retention");
    assert!(!is_fresh(&cache, &[]), "a part less");
    assert!(cache.is_fresh("uid", desired_hash(&[desired(30)]), &location(), 1).is_none(), "another annotation");
    assert!(cache.is_fresh("other", desired_hash(&[desired(30)]), &location(), 0).is_none(), "another pipeline");
    cache.invalidate("uid");
    assert!(!is_fresh(&cache, &[desired(30)]));
}

#[test]
fn aws_is_asked_again_after_the_time_of_a_full_read_and_where_no_sweep_comes() {
    for periods in [Periods { full_read: Duration::ZERO, ..HOUR }, Periods { sweep: Duration::ZERO, ..HOUR }] {
        let cache = ObservedCache::new(periods);
        assert!(cache.record("uid", observation(&[desired(30)]), false));
        assert!(!is_fresh(&cache, &[desired(30)]), "{periods:?}");
    }
}

#[test]
fn what_lists_show_as_before_needs_no_observation() {
    let cache = cache(&[desired(30)]);
    assert!(!sweep(&cache, &[desired(30)], |_| {}));
    assert!(is_fresh(&cache, &[desired(30)]));
}

#[test]
fn each_change_that_lists_show_needs_an_observation() {
    let as_it_was = seen(&desired(30));
    for now in [
        Observed { fields: Fields::new(), ..as_it_was.clone() },
        Observed { tags: owner("2"), ..as_it_was.clone() },
        Observed { revision: Some("made at one".to_owned()), ..as_it_was },
    ] {
        let cache = cache(&[desired(30)]);
        assert!(sweep(&cache, &[desired(30)], |seen| *seen = now.clone()), "{now:?}");
        assert!(!is_fresh(&cache, &[desired(30)]), "{now:?}");
    }
    let cache = cache(&[desired(30)]);
    assert!(sweep(&cache, &[], |_| {}), "deleted");
}

#[test]
fn a_foreign_tag_needs_no_observation_and_one_of_the_pipelines_is() {
    let tagged = |key: &'static str| {
        move |seen: &mut Observed| {
            seen.tags.insert(key.to_owned(), "x".to_owned());
        }
    };
    let cache = ObservedCache::new(HOUR);
    let tag_keys = TagKeys::new(["team".to_owned()]);
    assert!(cache.record("uid", Observation { tag_keys, ..observation(&[desired(30)]) }, false));
    for foreign in ["cost-center", "aws:cloudformation:stack-id"] {
        assert!(!sweep(&cache, &[desired(30)], tagged(foreign)), "{foreign}");
    }
    assert!(is_fresh(&cache, &[desired(30)]));
    assert!(sweep(&cache, &[desired(30)], tagged("team")));
}

#[test]
fn what_an_observation_found_to_be_nothing_is_not_investigated_twice() {
    let cache = cache(&[desired(30)]);
    let lag = |seen: &mut Observed| seen.tags = Tags::new();
    assert!(sweep(&cache, &[desired(30)], lag));
    assert!(!cache.record("uid", observation(&[desired(30)]), false));
    assert!(!sweep(&cache, &[desired(30)], lag), "the index of tags is still behind");
    assert!(is_fresh(&cache, &[desired(30)]));
    assert!(sweep(&cache, &[desired(30)], |seen| seen.tags = owner("2")), "and now it shows something else");
}

#[test]
fn what_was_mended_is_looked_into_when_it_comes_back() {
    let cache = cache(&[desired(30)]);
    let change = |seen: &mut Observed| seen.fields = Fields::new();
    assert!(sweep(&cache, &[desired(30)], change));
    assert!(!cache.record("uid", observation(&[desired(30)]), true));
    assert!(sweep(&cache, &[desired(30)], change));
}

#[test]
fn what_was_looked_at_during_a_sweep_is_newer_than_it() {
    let cache = cache(&[desired(30)]);
    let before = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    assert!(cache.compare(&location(), &list::ListedResources::new(), before).is_empty());
}

#[test]
fn a_resource_that_was_only_written_is_looked_at_with_the_next_sweep() {
    let cache = ObservedCache::new(HOUR);
    let written = Observation { complete: false, ..observation(&[]) };
    assert!(cache.record("uid", written, true));
    assert!(sweep(&cache, &[desired(30)], |_| {}));
}

#[test]
fn an_observation_stands_until_a_sweep_can_have_confirmed_it_however_long_that_takes() {
    let cache = ObservedCache::new(Periods { sweep: Duration::ZERO, ..HOUR });
    assert!(cache.record("uid", observation(&[desired(30)]), false));
    assert!(!is_fresh(&cache, &[desired(30)]));
    let since = Instant::now().checked_sub(Duration::from_secs(20)).expect("the machine has run for longer");
    let _ = cache.compare(&location(), &ListedResources::new(), since);
    assert!(!cache.record("uid", observation(&[desired(30)]), false));
    assert!(is_fresh(&cache, &[desired(30)]));
}
