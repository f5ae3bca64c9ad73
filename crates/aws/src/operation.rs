//! Every AWS call that the operator makes, and the rate limit that it counts against.

use std::fmt;

use strum::{EnumIter, IntoEnumIterator as _};

/// One AWS API operation. Its display is the IAM action that it needs, such as `sqs:CreateQueue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum Operation {
    GetCallerIdentity,
    AssumeRole,
    GetResources,
    CreateLogGroup,
    DeleteLogGroup,
    DescribeLogGroups,
    PutRetentionPolicy,
    LogsListTagsForResource,
    LogsTagResource,
    LogsUntagResource,
    CreateQueue,
    DeleteQueue,
    GetQueueAttributes,
    SetQueueAttributes,
    ListQueueTags,
    TagQueue,
    UntagQueue,
    ReceiveMessage,
    DeleteMessage,
    DescribeParameters,
    GetParameter,
    PutParameter,
    DeleteParameter,
    SsmListTagsForResource,
    AddTagsToResource,
    RemoveTagsFromResource,
    CreateRole,
    DeleteRole,
    GetRole,
    UpdateAssumeRolePolicy,
    GetAccountAuthorizationDetails,
    GetRolePolicy,
    ListAttachedRolePolicies,
    ListInstanceProfilesForRole,
    ListRolePolicies,
    PutRolePolicy,
    DeleteRolePolicy,
    PutRolePermissionsBoundary,
    DeleteRolePermissionsBoundary,
    TagRole,
    UntagRole,
    CreateFunction,
    DeleteFunction,
    GetFunction,
    UpdateFunctionCode,
    UpdateFunctionConfiguration,
    GetFunctionEventInvokeConfig,
    PutFunctionEventInvokeConfig,
    DeleteFunctionEventInvokeConfig,
    ListFunctions,
    PublishLayerVersion,
    DeleteLayerVersion,
    ListLayers,
    ListLayerVersions,
    InvokeFunction,
    LambdaListTags,
    LambdaTagResource,
    LambdaUntagResource,
    CreateEventSourceMapping,
    DeleteEventSourceMapping,
    GetEventSourceMapping,
    ListEventSourceMappings,
    UpdateEventSourceMapping,
    CreateScheduleGroup,
    DeleteScheduleGroup,
    GetScheduleGroup,
    SchedulerListTagsForResource,
    SchedulerTagResource,
    SchedulerUntagResource,
    CreateSchedule,
    DeleteSchedule,
    GetSchedule,
    ListSchedules,
    UpdateSchedule,
}

/// Operations that share one of AWS's rate limits, per account and region (IAM: per account).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    /// Not limited in a way that matters.
    Free,
    /// `GetFunction`: 100/s.
    LambdaGet,
    /// All other control-plane calls of Lambda together: 15/s, not adjustable.
    Lambda,
    /// Making, deleting and describing log groups: 10/s each.
    LogGroups,
    /// Retention and tags of log groups: 5/s each.
    LogSettings,
    /// IAM reads: unpublished.
    IamRead,
    /// IAM writes: unpublished, and the lower of the two.
    IamWrite,
    /// SQS: tag actions 30/s; the rest unpublished.
    Sqs,
    /// SSM reads: 40/s.
    SsmRead,
    /// SSM writes: unpublished.
    SsmWrite,
    /// Schedule groups: 10/s.
    ScheduleGroups,
    /// Schedules: hundreds a second.
    Schedules,
}

impl Operation {
    /// Every call there is.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        Self::iter()
    }

    /// The service's prefix in IAM, and the operation's name.
    pub(crate) const fn action(self) -> (&'static str, &'static str) {
        match self {
            Self::GetResources => ("tag", "GetResources"),
            Self::GetCallerIdentity => ("sts", "GetCallerIdentity"),
            Self::AssumeRole => ("sts", "AssumeRole"),
            Self::CreateLogGroup => ("logs", "CreateLogGroup"),
            Self::DeleteLogGroup => ("logs", "DeleteLogGroup"),
            Self::DescribeLogGroups => ("logs", "DescribeLogGroups"),
            Self::PutRetentionPolicy => ("logs", "PutRetentionPolicy"),
            Self::LogsListTagsForResource => ("logs", "ListTagsForResource"),
            Self::LogsTagResource => ("logs", "TagResource"),
            Self::LogsUntagResource => ("logs", "UntagResource"),
            Self::CreateQueue => ("sqs", "CreateQueue"),
            Self::DeleteQueue => ("sqs", "DeleteQueue"),
            Self::GetQueueAttributes => ("sqs", "GetQueueAttributes"),
            Self::SetQueueAttributes => ("sqs", "SetQueueAttributes"),
            Self::ListQueueTags => ("sqs", "ListQueueTags"),
            Self::TagQueue => ("sqs", "TagQueue"),
            Self::UntagQueue => ("sqs", "UntagQueue"),
            Self::ReceiveMessage => ("sqs", "ReceiveMessage"),
            Self::DeleteMessage => ("sqs", "DeleteMessage"),
            Self::DescribeParameters => ("ssm", "DescribeParameters"),
            Self::GetParameter => ("ssm", "GetParameter"),
            Self::PutParameter => ("ssm", "PutParameter"),
            Self::DeleteParameter => ("ssm", "DeleteParameter"),
            Self::SsmListTagsForResource => ("ssm", "ListTagsForResource"),
            Self::AddTagsToResource => ("ssm", "AddTagsToResource"),
            Self::RemoveTagsFromResource => ("ssm", "RemoveTagsFromResource"),
            Self::CreateRole => ("iam", "CreateRole"),
            Self::DeleteRole => ("iam", "DeleteRole"),
            Self::GetRole => ("iam", "GetRole"),
            Self::UpdateAssumeRolePolicy => ("iam", "UpdateAssumeRolePolicy"),
            Self::GetAccountAuthorizationDetails => ("iam", "GetAccountAuthorizationDetails"),
            Self::GetRolePolicy => ("iam", "GetRolePolicy"),
            Self::ListAttachedRolePolicies => ("iam", "ListAttachedRolePolicies"),
            Self::ListInstanceProfilesForRole => ("iam", "ListInstanceProfilesForRole"),
            Self::ListRolePolicies => ("iam", "ListRolePolicies"),
            Self::PutRolePolicy => ("iam", "PutRolePolicy"),
            Self::DeleteRolePolicy => ("iam", "DeleteRolePolicy"),
            Self::PutRolePermissionsBoundary => ("iam", "PutRolePermissionsBoundary"),
            Self::DeleteRolePermissionsBoundary => ("iam", "DeleteRolePermissionsBoundary"),
            Self::TagRole => ("iam", "TagRole"),
            Self::UntagRole => ("iam", "UntagRole"),
            Self::CreateFunction => ("lambda", "CreateFunction"),
            Self::DeleteFunction => ("lambda", "DeleteFunction"),
            Self::GetFunction => ("lambda", "GetFunction"),
            Self::UpdateFunctionCode => ("lambda", "UpdateFunctionCode"),
            Self::UpdateFunctionConfiguration => ("lambda", "UpdateFunctionConfiguration"),
            Self::GetFunctionEventInvokeConfig => ("lambda", "GetFunctionEventInvokeConfig"),
            Self::PutFunctionEventInvokeConfig => ("lambda", "PutFunctionEventInvokeConfig"),
            Self::DeleteFunctionEventInvokeConfig => ("lambda", "DeleteFunctionEventInvokeConfig"),
            Self::ListFunctions => ("lambda", "ListFunctions"),
            Self::PublishLayerVersion => ("lambda", "PublishLayerVersion"),
            Self::DeleteLayerVersion => ("lambda", "DeleteLayerVersion"),
            Self::ListLayers => ("lambda", "ListLayers"),
            Self::ListLayerVersions => ("lambda", "ListLayerVersions"),
            Self::InvokeFunction => ("lambda", "InvokeFunction"),
            Self::LambdaListTags => ("lambda", "ListTags"),
            Self::LambdaTagResource => ("lambda", "TagResource"),
            Self::LambdaUntagResource => ("lambda", "UntagResource"),
            Self::CreateEventSourceMapping => ("lambda", "CreateEventSourceMapping"),
            Self::DeleteEventSourceMapping => ("lambda", "DeleteEventSourceMapping"),
            Self::GetEventSourceMapping => ("lambda", "GetEventSourceMapping"),
            Self::ListEventSourceMappings => ("lambda", "ListEventSourceMappings"),
            Self::UpdateEventSourceMapping => ("lambda", "UpdateEventSourceMapping"),
            Self::CreateScheduleGroup => ("scheduler", "CreateScheduleGroup"),
            Self::DeleteScheduleGroup => ("scheduler", "DeleteScheduleGroup"),
            Self::GetScheduleGroup => ("scheduler", "GetScheduleGroup"),
            Self::SchedulerListTagsForResource => ("scheduler", "ListTagsForResource"),
            Self::SchedulerTagResource => ("scheduler", "TagResource"),
            Self::SchedulerUntagResource => ("scheduler", "UntagResource"),
            Self::CreateSchedule => ("scheduler", "CreateSchedule"),
            Self::DeleteSchedule => ("scheduler", "DeleteSchedule"),
            Self::GetSchedule => ("scheduler", "GetSchedule"),
            Self::ListSchedules => ("scheduler", "ListSchedules"),
            Self::UpdateSchedule => ("scheduler", "UpdateSchedule"),
        }
    }

    /// Whether the call can change anything.
    pub(crate) fn is_write(self) -> bool {
        let (_, name) = self.action();
        !["Get", "List", "Describe", "Receive"].iter().any(|verb| name.starts_with(verb))
    }

    /// The rate limit that the call counts against.
    pub(crate) fn family(self) -> Family {
        match self.action() {
            // What is done with messages, and by functions, has no limit that one operator could reach.
            (_, "ReceiveMessage" | "DeleteMessage" | "InvokeFunction") => Family::Free,
            (_, "GetFunction") => Family::LambdaGet,
            ("lambda", _) => Family::Lambda,
            ("logs", "CreateLogGroup" | "DeleteLogGroup" | "DescribeLogGroups") => Family::LogGroups,
            ("logs", _) => Family::LogSettings,
            ("iam", _) if self.is_write() => Family::IamWrite,
            ("iam", _) => Family::IamRead,
            ("sqs", _) => Family::Sqs,
            ("ssm", _) if self.is_write() => Family::SsmWrite,
            ("ssm", _) => Family::SsmRead,
            ("scheduler", "CreateSchedule" | "DeleteSchedule" | "GetSchedule" | "ListSchedules" | "UpdateSchedule") => {
                Family::Schedules
            }
            ("scheduler", _) => Family::ScheduleGroups,
            (_, _) => Family::Free,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, name) = self.action();
        write!(f, "{service}:{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_are_told_apart() {
        assert!(Operation::PutRolePolicy.is_write());
        assert!(Operation::AddTagsToResource.is_write());
        assert!(!Operation::DescribeLogGroups.is_write());
        assert!(!Operation::LambdaListTags.is_write());
    }

    #[test]
    fn each_call_counts_against_the_limit_that_aws_documents() {
        assert_eq!(Operation::GetFunction.family(), Family::LambdaGet);
        assert_eq!(Operation::GetFunctionEventInvokeConfig.family(), Family::Lambda);
        assert_eq!(Operation::SchedulerTagResource.family(), Family::ScheduleGroups);
        assert_eq!(Operation::GetRole.family(), Family::IamRead);
    }
}
