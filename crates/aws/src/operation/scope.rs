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
    /// What is made with the cluster's tag, or gets it: functions, mappings to any, schedule groups.
    Tagged,
    /// What has the cluster's tag: of functions, mappings, schedule groups and log groups.
    Ours,
    /// Functions with the names of pipelines' functions, and mappings to any: what is read, what has to hear "not found",
    /// and what comes right after the making, when AWS may not know the tags yet.
    Functions,
    /// Layers of pipelines, and their versions.
    Layers,
    /// Layers on their way to Lambda, in the bucket of the configuration, if it names one.
    LayerObjects,
    /// Mappings to a runner. A new one has no name yet.
    Mappings,
    /// The three queues of each pipeline, and the cluster's inbox. SQS knows conditions on tags in most regions only.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-abac.html>
    Queues,
    /// The cluster's inbox.
    Inbox,
    /// The sender of each pipeline.
    Senders,
    /// The cluster's parameters.
    Parameters,
    /// Log groups of the functions. CloudWatch Logs does not decide by a request's tags, and sees a new group's late.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-identity-based-access-control-cwl.html>
    LogGroups,
    /// Schedule groups, and schedules, which have no tags.
    Schedules,
}
