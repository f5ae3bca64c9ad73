//! AWS's quotas: which one is reached, and what to do about it.

use pipeline_core::error_class::ErrorClass;
use strum::{EnumMessage, VariantArray};

use super::operation::Operation;

/// A quota that pipelines count against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumMessage, VariantArray)]
pub enum Quota {
    /// Roles of an account.
    Roles,
    /// Characters of a role's inline policies.
    RolePolicy,
    /// Characters of a role's trust policy.
    TrustPolicy,
    /// Bytes of all functions and layers.
    FunctionStorage,
    /// Event source mappings.
    EventSourceMappings,
    /// Schedule groups.
    ScheduleGroups,
    /// Schedules.
    Schedules,
    /// SSM parameters of the standard tier.
    Parameters,
    /// Versions of one SSM parameter.
    ParameterVersions,
    /// Log groups.
    LogGroups,
    /// Anything else.
    Other,
}

impl Quota {
    /// Which quota an answer means.
    pub(super) fn of(operation: Operation, code: &str, message: &str) -> Self {
        match operation {
            Operation::CreateRole if message.contains("ACLSizePerRole") => Self::TrustPolicy,
            Operation::CreateRole => Self::Roles,
            Operation::UpdateAssumeRolePolicy => Self::TrustPolicy,
            Operation::PutRolePolicy => Self::RolePolicy,
            Operation::CreateFunction | Operation::UpdateFunctionCode if code == "CodeStorageExceededException" => {
                Self::FunctionStorage
            }
            Operation::CreateEventSourceMapping => Self::EventSourceMappings,
            Operation::CreateScheduleGroup => Self::ScheduleGroups,
            Operation::CreateSchedule | Operation::UpdateSchedule => Self::Schedules,
            Operation::PutParameter if code == "ParameterMaxVersionLimitExceeded" => Self::ParameterVersions,
            Operation::PutParameter => Self::Parameters,
            Operation::CreateLogGroup => Self::LogGroups,
            _ => Self::Other,
        }
    }

    /// What to do. Names and codes are those of Service Quotas.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Roles => {
                "a pipeline has three roles, and one more for each of its functions: ask AWS for a higher quota, \"Roles per account\" (iam L-FE177D64), or \
                 remove roles that are no longer needed, such as those that `task-pipelines orphans` lists"
            }
            Self::RolePolicy => {
                "IAM's 10,240 characters for a role's policies cannot be raised: let the pipeline reach less"
            }
            Self::TrustPolicy => "ask AWS for a higher quota, \"Role trust policy length\" (iam)",
            Self::FunctionStorage => {
                "ask AWS for a higher quota, \"Function and layer storage\" (lambda L-2ACBD22F), or remove old versions \
                 of functions and layers in this region"
            }
            Self::EventSourceMappings => {
                "ask AWS for a higher quota of event source mappings, or remove those that are no longer needed"
            }
            Self::ScheduleGroups => {
                "a pipeline has one schedule group: ask AWS for a higher quota, \"Number of schedule groups\" (scheduler \
                 L-A632CD40), or remove groups that are no longer needed"
            }
            Self::Schedules => {
                "ask AWS for a higher quota, \"Number of schedules\" (scheduler L-EE5D6FF0), or remove schedules that \
                 are no longer needed"
            }
            Self::Parameters => {
                "an account has 10,000 standard parameters in a region: remove those that are no longer needed"
            }
            Self::ParameterVersions => {
                "a label holds the parameter's oldest version, and there can be 100: remove the label, or the parameter"
            }
            Self::LogGroups => {
                "an account has 1,000,000 log groups in a region: remove those that are no longer needed"
            }
            Self::Other => ErrorClass::Quota.remedy(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_are_told_apart() {
        use Operation::*;
        for (operation, code, message, expected) in [
            (CreateRole, "LimitExceeded", "Cannot exceed quota for RolesPerAccount: 1000", Quota::Roles),
            (CreateRole, "LimitExceeded", "Cannot exceed quota for ACLSizePerRole: 2048", Quota::TrustPolicy),
            (
                PutRolePolicy,
                "LimitExceeded",
                "Maximum policy size of 10240 bytes exceeded for role a",
                Quota::RolePolicy,
            ),
            (CreateFunction, "CodeStorageExceededException", "Code storage limit exceeded.", Quota::FunctionStorage),
            (UpdateFunctionCode, "CodeStorageExceededException", "", Quota::FunctionStorage),
            (CreateScheduleGroup, "ServiceQuotaExceededException", "", Quota::ScheduleGroups),
            (CreateSchedule, "ServiceQuotaExceededException", "", Quota::Schedules),
            (PutParameter, "ParameterLimitExceeded", "", Quota::Parameters),
            (PutParameter, "ParameterMaxVersionLimitExceeded", "", Quota::ParameterVersions),
            (CreateLogGroup, "LimitExceededException", "", Quota::LogGroups),
            (CreateEventSourceMapping, "ServiceQuotaExceededException", "", Quota::EventSourceMappings),
            (CreateQueue, "OverLimit", "", Quota::Other),
        ] {
            assert_eq!(Quota::of(operation, code, message), expected, "{operation} {code}");
        }
    }
}
