//! Every AWS call that the operator makes: one table, and all that is known of a call follows from its line.

mod scope;
#[cfg(test)]
mod tests;

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use pastey::paste;
use strum::{EnumIter, IntoEnumIterator as _};

pub(crate) use scope::Scope;

/// A request of the SDK's, whose type says which operation it is.
pub(crate) trait Request: Send + Sync {
    /// What it asks for.
    const OPERATION: Operation;
    /// What AWS answers.
    type Output: Send;
    /// The error that AWS may answer.
    type Error: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static;

    /// Sends it, at once.
    fn send(self) -> impl Future<Output = Result<Self::Output, SdkError<Self::Error, HttpResponse>>> + Send;
}

/// Generates [`Operation`] from the table, and implements [`Request`] for the SDK's request builders.
///
/// A line is `Operation: Family, Scope;`, and the SDK and IAM have the same name for it. Where several services have an
/// operation of one name, it is `Operation = SdkName`; where IAM's name is another, `SdkName for IamName`.
macro_rules! operations {
    ($(
        $sdk:ident as $service:literal {
            $($operation:ident $(= $name:ident)? $(for $action:ident)?: $family:ident, $scope:ident;)*
        }
    )*) => {
        /// One AWS API operation. Its display is the IAM action that it needs, such as `sqs:CreateQueue`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter)]
        #[expect(missing_docs, reason = "the names are AWS's")]
        pub enum Operation {
            $($($operation,)*)*
        }

        impl Operation {
            /// The service's prefix in IAM, and the action's name.
            pub(crate) const fn action(self) -> (&'static str, &'static str) {
                match self {
                    $($(Self::$operation => ($service, first!($($action)? $($name)? $operation)),)*)*
                }
            }

            /// The rate limit that the call counts against.
            pub(crate) const fn family(self) -> Family {
                match self {
                    $($(Self::$operation => Family::$family,)*)*
                }
            }

            /// What the call acts on.
            pub(crate) const fn scope(self) -> Scope {
                match self {
                    $($(Self::$operation => Scope::$scope,)*)*
                }
            }
        }

        $($(request!($sdk, $operation, $($name)? $operation);)*)*

        /// Each line's request, on its way to be sent.
        #[cfg(test)]
        fn requests(config: &aws_config::SdkConfig) -> Vec<tests::Sending> {
            vec![$($(sending!($sdk, config, $($name)? $operation),)*)*]
        }
    };
}

/// The first of some names, as a text.
macro_rules! first {
    ($name:ident $($others:ident)*) => {
        stringify!($name)
    };
}

/// Implements [`Request`] for an operation's request builder, plain and customized.
macro_rules! request {
    ($sdk:ident, $operation:ident, $name:ident $($others:ident)?) => {
        paste! {
            request!(
                $operation,
                $sdk::operation::[<$name:snake>]::builders::[<$name FluentBuilder>],
                $sdk::operation::[<$name:snake>]::[<$name Output>],
                $sdk::operation::[<$name:snake>]::[<$name Error>],
                $sdk::client::customize::CustomizableOperation
            );
        }
    };
    ($operation:ident, $builder:path, $output:path, $error:path, $($customized:ident)::+) => {
        impl Request for $builder {
            const OPERATION: Operation = Operation::$operation;
            type Output = $output;
            type Error = $error;

            async fn send(self) -> Result<$output, SdkError<$error, HttpResponse>> {
                self.send().await
            }
        }

        impl Request for $($customized)::+<$output, $error, $builder> {
            const OPERATION: Operation = Operation::$operation;
            type Output = $output;
            type Error = $error;

            async fn send(self) -> Result<$output, SdkError<$error, HttpResponse>> {
                self.send().await
            }
        }
    };
}

#[cfg(test)]
macro_rules! sending {
    ($sdk:ident, $config:ident, $name:ident $($others:ident)?) => {
        paste!(tests::sending(|seen| $sdk::Client::new($config).[<$name:snake>]().customize().interceptor(seen)))
    };
}

operations! {
    aws_sdk_sts as "sts" {
        GetCallerIdentity: Free, Free;
        AssumeRole: Free, AssumedRoles;
    }
    aws_sdk_resourcegroupstagging as "tag" {
        GetResources: Free, Everything;
    }
    aws_sdk_cloudwatchlogs as "logs" {
        CreateLogGroup: LogGroups, LogGroups;
        DeleteLogGroup: LogGroups, Ours;
        DescribeLogGroups: LogGroups, Everything;
        PutRetentionPolicy: LogSettings, LogGroups;
        LogsListTagsForResource = ListTagsForResource: LogSettings, LogGroups;
        LogsTagResource = TagResource: LogSettings, LogGroups;
        LogsUntagResource = UntagResource: LogSettings, Ours;
    }
    aws_sdk_sqs as "sqs" {
        CreateQueue: Sqs, Queues;
        DeleteQueue: Sqs, Queues;
        GetQueueAttributes: Sqs, Queues;
        SetQueueAttributes: Sqs, Queues;
        ListQueueTags: Sqs, Queues;
        TagQueue: Sqs, Queues;
        UntagQueue: Sqs, Queues;
        ReceiveMessage: Free, Inbox;
        DeleteMessageBatch for DeleteMessage: Free, Inbox;
    }
    aws_sdk_ssm as "ssm" {
        DescribeParameters: SsmRead, Everything;
        GetParameter: SsmRead, Parameters;
        PutParameter: SsmWrite, Parameters;
        DeleteParameter: SsmWrite, Parameters;
        SsmListTagsForResource = ListTagsForResource: SsmRead, Parameters;
        AddTagsToResource: SsmWrite, Parameters;
        RemoveTagsFromResource: SsmWrite, Parameters;
    }
    aws_sdk_iam as "iam" {
        CreateRole: IamWrite, BoundedRoles;
        DeleteRole: IamWrite, Roles;
        GetRole: IamRead, Everything;
        UpdateAssumeRolePolicy: IamWrite, Roles;
        GetAccountAuthorizationDetails: IamRead, Everything;
        GetRolePolicy: IamRead, Everything;
        ListAttachedRolePolicies: IamRead, Roles;
        ListInstanceProfilesForRole: IamRead, Roles;
        ListRolePolicies: IamRead, Roles;
        PutRolePolicy: IamWrite, BoundedRoles;
        DeleteRolePolicy: IamWrite, Roles;
        PutRolePermissionsBoundary: IamWrite, BoundaryGiven;
        DeleteRolePermissionsBoundary: IamWrite, BoundaryTaken;
        TagRole: IamWrite, Roles;
        UntagRole: IamWrite, Roles;
    }
    aws_sdk_lambda as "lambda" {
        CreateFunction: Lambda, Tagged;
        DeleteFunction: Lambda, Ours;
        GetFunction: LambdaGet, Functions;
        UpdateFunctionCode: Lambda, Ours;
        UpdateFunctionConfiguration: Lambda, Ours;
        GetFunctionEventInvokeConfig: Lambda, Functions;
        PutFunctionEventInvokeConfig: Lambda, Functions;
        DeleteFunctionEventInvokeConfig: Lambda, Functions;
        DeleteFunctionConcurrency: Lambda, Ours;
        GetAccountSettings: Lambda, Everything;
        ListFunctions: Lambda, Everything;
        PublishLayerVersion: Lambda, Layers;
        DeleteLayerVersion: Lambda, Layers;
        ListLayers: Lambda, Everything;
        ListLayerVersions: Lambda, Everything;
        Invoke for InvokeFunction: Free, Senders;
        LambdaListTags = ListTags: Lambda, Functions;
        LambdaTagResource = TagResource: Lambda, Tagged;
        LambdaUntagResource = UntagResource: Lambda, Ours;
        CreateEventSourceMapping: Lambda, Mappings;
        DeleteEventSourceMapping: Lambda, Mappings;
        GetEventSourceMapping: Lambda, Functions;
        ListEventSourceMappings: Lambda, Everything;
        UpdateEventSourceMapping: Lambda, Mappings;
    }
    aws_sdk_s3 as "s3" {
        PutObject: Free, LayerObjects;
        DeleteObject: Free, LayerObjects;
    }
    aws_sdk_scheduler as "scheduler" {
        CreateScheduleGroup: ScheduleGroups, Tagged;
        DeleteScheduleGroup: ScheduleGroups, Ours;
        GetScheduleGroup: ScheduleGroups, Schedules;
        SchedulerListTagsForResource = ListTagsForResource: ScheduleGroups, Schedules;
        SchedulerTagResource = TagResource: ScheduleGroups, Tagged;
        SchedulerUntagResource = UntagResource: ScheduleGroups, Ours;
        CreateSchedule: Schedules, Schedules;
        DeleteSchedule: Schedules, Schedules;
        GetSchedule: Schedules, Schedules;
        ListSchedules: Schedules, Everything;
        UpdateSchedule: Schedules, Schedules;
    }
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

    /// Whether the call may carry code, and so take minutes and most of a line.
    pub const fn is_upload(self) -> bool {
        matches!(self, Self::CreateFunction | Self::UpdateFunctionCode | Self::PublishLayerVersion | Self::PutObject)
    }

    /// Whether the call acts on the bucket through which layers go.
    pub(crate) fn is_of_layer_bucket(self) -> bool {
        self.scope() == Scope::LayerObjects
    }

    /// Whether the call can change anything.
    pub(crate) fn is_write(self) -> bool {
        let (_, name) = self.action();
        !["Get", "List", "Describe", "Receive"].iter().any(|verb| name.starts_with(verb))
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, name) = self.action();
        write!(f, "{service}:{name}")
    }
}
