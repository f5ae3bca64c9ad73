//! What calls act on. <https://docs.aws.amazon.com/service-authorization/latest/reference/>

/// What a call acts on, as far as IAM can tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Scope {
    /// Nothing that IAM would ask about.
    Free,
    /// Everything: the call takes no resource, or has to hear "not found" of what has no path any more.
    Everything,
    /// The cluster's roles.
    Roles,
    /// The cluster's roles, as long as they carry the boundary, where one is set.
    BoundedRoles,
    /// The boundary of the cluster's roles, where one is set: to give it.
    BoundaryGiven,
    /// The boundary of the cluster's roles, where none is set: to take it away.
    BoundaryTaken,
    /// Roles that the configuration lets the operator assume.
    AssumedRoles,
    /// The functions of each pipeline.
    Functions,
    /// The functions, and mappings to any: both are tagged by the same calls.
    FunctionsAndMappings,
    /// Layers of pipelines, and their versions.
    Layers,
    /// Mappings to a runner.
    Mappings,
    /// A mapping to a runner, which has no name before it is made.
    NewMapping,
    /// The three queues of each pipeline, and the cluster's inbox.
    Queues,
    /// The cluster's inbox.
    Inbox,
    /// The sender of each pipeline.
    Senders,
    /// The cluster's parameters.
    Parameters,
    /// Log groups of the functions.
    LogGroups,
    /// Schedule groups.
    ScheduleGroups,
    /// Schedules.
    Schedules,
}
