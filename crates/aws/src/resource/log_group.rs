//! CloudWatch log groups.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>
//!
//! Retention takes a separate call: after a crash between the two, the next reconcile sets it.

use std::time::Duration;

use aws_sdk_cloudwatchlogs::types::LogGroup as SdkLogGroup;
use jiff::Timestamp;
use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::Tags;
use pipeline_core::resource::{Field, FieldName, Id, Kind, LogGroup, Observed};
use tokio::time::sleep;

use super::{Changed, Progress, pages};
use crate::{Aws, AwsError};

/// Log groups on a page of a list, the most there are.
const LIST_PAGE: i32 = 50;

/// How often in a row a call about a group that was just made may be denied before that counts.
/// <https://github.com/hashicorp/terraform-provider-aws/issues/27028>
const DENIALS: u32 = 5;

/// The pause after each.
const DENIAL_POLL: Duration = Duration::from_secs(1);

pub(super) async fn create(aws: &Aws, group: &LogGroup) -> Result<Progress, AwsError> {
    let tags = group.tags.clone().into_iter().collect();
    let request = aws.logs.create_log_group().log_group_name(&group.name).set_tags(Some(tags));
    aws.call(request).await?;
    let mut denied = 0;
    loop {
        match put_retention(aws, group).await {
            // A policy may ask for tags of the group, which it does not know at once.
            Err(error) if error.class == ErrorClass::Denied && denied < DENIALS => denied += 1,
            result => return result.map(|()| Progress::Done),
        }
        sleep(DENIAL_POLL).await;
    }
}

pub(super) async fn update(aws: &Aws, group: &LogGroup, changed: Changed<'_>) -> Result<Progress, AwsError> {
    if changed.any(&[FieldName::RetentionInDays]) {
        put_retention(aws, group).await?;
    }
    Ok(Progress::Done)
}

async fn put_retention(aws: &Aws, group: &LogGroup) -> Result<(), AwsError> {
    let days = group.retention_days.cast_signed();
    let request = aws.logs.put_retention_policy().log_group_name(&group.name).retention_in_days(days);
    aws.call(request).await?;
    Ok(())
}

pub(super) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let Some(group) = find(aws, name).await? else { return Ok(None) };
    let arn = aws.location.log_group_arn(name);
    let request = aws.logs.list_tags_for_resource().resource_arn(&arn);
    let Some(answer) = aws.find(request).await? else {
        return Ok(None);
    };
    let tags = answer.tags.unwrap_or_default().into_iter().collect();
    Ok(Some(Observed { arn, tags, ..read(&group) }))
}

/// All log groups of functions, without their tags.
pub(super) async fn list(aws: &Aws) -> Result<Vec<(Id, Observed)>, AwsError> {
    let shown = |group: SdkLogGroup| {
        let name = group.log_group_name()?;
        let arn = aws.location.log_group_arn(name);
        Some((Id::new(Kind::LogGroup, name), Observed { arn, ..read(&group) }))
    };
    let request = |token| {
        aws.logs
            .describe_log_groups()
            .log_group_name_prefix(LogGroup::OF_FUNCTIONS)
            .limit(LIST_PAGE)
            .set_next_token(token)
    };
    pages::all(aws, request, |answer| {
        (answer.log_groups.unwrap_or_default().into_iter().filter_map(shown).collect(), answer.next_token)
    })
    .await
}

/// Finds a log group by name: CloudWatch Logs can only search by prefix.
async fn find(aws: &Aws, name: &str) -> Result<Option<SdkLogGroup>, AwsError> {
    let mut token = None;
    loop {
        let request = aws.logs.describe_log_groups().log_group_name_prefix(name).set_next_token(token);
        let answer = aws.call(request).await?;
        let groups = answer.log_groups.unwrap_or_default();
        if let Some(group) = groups.into_iter().find(|group| group.log_group_name() == Some(name)) {
            return Ok(Some(group));
        }
        token = answer.next_token;
        if token.is_none() {
            return Ok(None);
        }
    }
}

/// The observation of a listed group. Without a retention period, the field is absent.
fn read(group: &SdkLogGroup) -> Observed {
    let retention = group.retention_in_days.map(|days| (FieldName::RetentionInDays, Field::plain(days)));
    // A re-created group has another creation time.
    let revision = group.creation_time.map(|time| time.to_string());
    let since = group.creation_time.and_then(|time| Timestamp::from_millisecond(time).ok());
    Observed { fields: retention.into_iter().collect(), revision, since, ..Observed::default() }
}

pub(super) async fn put_tags(aws: &Aws, arn: &str, tags: &Tags) -> Result<(), AwsError> {
    let request = aws.logs.tag_resource().resource_arn(arn).set_tags(Some(tags.clone().into_iter().collect()));
    aws.call(request).await?;
    Ok(())
}

pub(super) async fn remove_tags(aws: &Aws, arn: &str, keys: Vec<String>) -> Result<(), AwsError> {
    let request = aws.logs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
    aws.call(request).await?;
    Ok(())
}

pub(super) async fn delete(aws: &Aws, name: &str) -> Result<Progress, AwsError> {
    let request = aws.logs.delete_log_group().log_group_name(name);
    match aws.call(request).await {
        Ok(_) => Ok(Progress::Done),
        Err(error) if error.is_not_found() => Err(error),
        Err(error) => Err(explain(aws, name, error).await),
    }
}

/// The refusal to delete a group, as one for a person where its deletion protection is on. AWS does not document what it then
/// answers, so it is asked, whatever that was. Somebody wanted the protection: it stays.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/protecting-log-groups-from-deletion.html>
async fn explain(aws: &Aws, name: &str, refusal: AwsError) -> AwsError {
    match refusal.class {
        ErrorClass::Waiting | ErrorClass::Invalid | ErrorClass::Conflict => {}
        // These are about the call, whatever the group.
        ErrorClass::Throttled
        | ErrorClass::Transient
        | ErrorClass::Denied
        | ErrorClass::Quota
        | ErrorClass::Credentials => return refusal,
    }
    match find(aws, name).await {
        Ok(Some(group)) if group.deletion_protection_enabled == Some(true) => protected(refusal),
        Ok(_) | Err(_) => refusal,
    }
}

fn protected(refusal: AwsError) -> AwsError {
    let message = format!("the log group's deletion protection is on: {}", refusal.message);
    AwsError { class: ErrorClass::Conflict, message, ..refusal }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Operation;

    fn desired() -> LogGroup {
        LogGroup { name: "/aws/lambda/a-sender".to_owned(), retention_days: 30, tags: Tags::new() }
    }

    #[test]
    fn what_was_created_reads_back_as_wanted() {
        let answer = SdkLogGroup::builder().log_group_name("/aws/lambda/a-sender").retention_in_days(30).build();
        assert_eq!(read(&answer).fields, desired().fields());
    }

    #[test]
    fn deletion_protection_is_said_with_what_to_do() {
        let refusal = AwsError {
            operation: Operation::DeleteLogGroup,
            class: ErrorClass::Waiting,
            code: "OperationAbortedException".to_owned(),
            message: "no".to_owned(),
        };
        let error = protected(refusal);
        assert!(error.class.needs_a_person());
        assert_eq!(
            format!("{error}; {}", error.remedy()),
            "logs:DeleteLogGroup: OperationAbortedException: the log group's deletion protection is on: no; turn its \
             deletion protection off: the deletion then goes on"
        );
    }

    #[test]
    fn a_group_without_retention_is_a_difference() {
        let answer = SdkLogGroup::builder().log_group_name("/aws/lambda/a-sender").build();
        assert_ne!(read(&answer).fields, desired().fields());
    }
}
