//! The names of managed fields.

/// A managed field of any kind of resource. Its text is what statuses, events and plans show, and the order is that of the
/// texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "camelCase")]
#[expect(missing_docs, reason = "each is the field of AWS's API that has its name")]
pub enum FieldName {
    ActionAfterCompletion,
    Architecture,
    AsyncMaximumEventAge,
    AsyncMaximumRetryAttempts,
    AsyncOnFailure,
    BatchSize,
    CodeSha256,
    CompatibleArchitecture,
    CompatibleRuntime,
    /// How many versions of a layer have the same content.
    Copies,
    DeadLetterQueue,
    DeadLetterTarget,
    DelaySeconds,
    Enabled,
    EndDate,
    Environment,
    Expression,
    FilterCriteria,
    FlexibleWindowMinutes,
    FunctionResponseTypes,
    Handler,
    Image,
    Input,
    KmsKey,
    KmsMasterKeyId,
    LastUpdateStatus,
    Layers,
    LogGroup,
    MaximumBatchingWindowInSeconds,
    MaximumConcurrency,
    MaximumEventAgeInSeconds,
    MaximumMessageSize,
    MaximumRetryAttempts,
    MemorySize,
    MessageRetentionPeriod,
    PackageType,
    Path,
    PermissionsBoundary,
    Policy,
    ProvisionedPollers,
    Queue,
    RedriveAllowPolicy,
    RedrivePolicy,
    ReservedConcurrency,
    RetentionInDays,
    Role,
    Runtime,
    /// The object in S3 that a function's code was fetched from.
    S3,
    SqsManagedSseEnabled,
    StartDate,
    State,
    Target,
    TimeZone,
    Timeout,
    Trust,
    Type,
    Value,
    VisibilityTimeout,
    Vpc,
}

impl FieldName {
    /// What becomes of a function's asynchronous invocations that fail: AWS keeps it beside the function.
    pub const ASYNC: [Self; 3] = [Self::AsyncMaximumEventAge, Self::AsyncMaximumRetryAttempts, Self::AsyncOnFailure];
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator as _;

    use super::*;

    #[test]
    fn fields_are_in_the_order_of_their_texts() {
        let texts: Vec<String> = FieldName::iter().map(|name| name.to_string()).collect();
        assert!(texts.is_sorted(), "{texts:?}");
        let names = [FieldName::AsyncMaximumRetryAttempts, FieldName::S3].map(|name| name.to_string());
        assert_eq!(names, ["asyncMaximumRetryAttempts", "s3"]);
    }
}
