//! Plans for tests: what pipelines want, and what AWS then has.

use std::collections::BTreeMap;

use api::ScheduledTaskPipelineSpec;

use super::{Observations, Recorded};
use crate::desired::{Installation, desired};
use crate::location::Location;
use crate::names::tag;
use crate::partition::Partition;
use crate::resource::{Id, Observed, Resource};
use crate::test_support::resolved_spec;

/// Where the pipelines live.
pub fn location() -> Location {
    let [account, region] = ["111122223333", "eu-west-1"].map(str::to_owned);
    Location { partition: Partition::Aws, account, region, endpoint: None }
}

/// The resources that a spec wants.
pub fn desired_by(spec: &ScheduledTaskPipelineSpec) -> Vec<Resource> {
    let installation = Installation { artifacts: BTreeMap::new(), permissions_boundary: None, layer_bucket: None };
    desired(&resolved_spec(spec), &installation, &location())
}

/// AWS after all of these were made.
pub fn made(resources: &[Resource]) -> Observations {
    // Where AWS assigns the ARN, the name stands in for it.
    let observed = |resource: &Resource| Observed {
        arn: resource.arn(&location()).unwrap_or_else(|| resource.id().name),
        tags: resource.tags().clone(),
        fields: resource.fields(),
        ..Observed::default()
    };
    resources.iter().map(|resource| (resource.id(), Some(observed(resource)))).collect()
}

/// A status that lists all of these as held.
pub fn recorded(resources: &[Resource]) -> BTreeMap<Id, Recorded> {
    resources.iter().map(|resource| (resource.id(), Recorded::Ours)).collect()
}

/// The same resources, as a pipeline of this UID wants them.
pub fn owned_by(mut resources: Vec<Resource>, uid: &str) -> Vec<Resource> {
    for resource in &mut resources {
        let tags = match resource {
            Resource::LogGroup(it) => &mut it.tags,
            Resource::Queue(it) => &mut it.tags,
            Resource::Parameter(it) => &mut it.tags,
            Resource::Role(it) => &mut it.tags,
            Resource::ScheduleGroup(it) => &mut it.tags,
            Resource::LayerVersion(it) => &mut it.owner_tags,
            Resource::Function(it) => &mut it.tags,
            Resource::EventSourceMapping(it) => &mut it.tags,
            Resource::Schedule(it) => &mut it.owner_tags,
        };
        tags.insert(tag::UID.to_owned(), uid.to_owned());
    }
    resources
}
