//! CloudWatch log groups.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>

use super::{Field, FieldName, Fields};
use crate::names::Tags;

/// A wanted log group.
#[derive(Clone, Debug)]
pub struct LogGroup {
    /// Name, such as `/aws/lambda/<function>`.
    pub name: String,
    /// Days that log events are kept, one of CloudWatch's steps.
    /// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
    pub retention_days: u32,
    /// Tags.
    pub tags: Tags,
}

impl LogGroup {
    /// What the names of functions' log groups begin with.
    pub const OF_FUNCTIONS: &str = "/aws/lambda/";

    /// Name of the log group that Lambda gives a function by default.
    pub fn of_function(name: &str) -> String {
        format!("{}{name}", Self::OF_FUNCTIONS)
    }

    /// The managed fields, as AWS would report them.
    pub fn fields(&self) -> Fields {
        Fields::from([(FieldName::RetentionInDays, Field::plain(self.retention_days))])
    }
}
