//! Which part of a pipeline an AWS resource is, by its name.

use api::PipelineStatus;
use pipeline_core::names::Part;
use pipeline_core::resource::Kind;

/// What all names of a pipeline have in common, as its status shows it: the name of its schedule group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix<'status>(Option<&'status str>);

impl<'status> Prefix<'status> {
    pub(crate) fn of(status: &'status PipelineStatus) -> Self {
        let group = status.resources.iter().find(|row| row.kind == Kind::ScheduleGroup.to_string());
        Self(group.map(|row| row.name.as_str()))
    }

    /// The part that has a name; none for a name that is not the pipeline's.
    pub(crate) fn part<'name>(&self, name: &'name str) -> Option<Part<'name>> {
        let (_, ending) = name.split_once(self.0?)?;
        Part::parse(ending.trim_start_matches(['-', '/']))
    }
}
