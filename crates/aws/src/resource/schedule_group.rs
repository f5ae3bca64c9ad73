//! EventBridge schedule groups.
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html>
//!
//! A group has only a name and tags. Deleting it deletes all schedules in it, asynchronously (state DELETING), so a group
//! that holds a schedule of another owner is not deleted.

use std::time::Duration;

use aws_sdk_scheduler::types::{ScheduleGroupState, ScheduleSummary, Tag};
use jiff::Timestamp;
use pipeline_core::error_class::ErrorClass;
use pipeline_core::names::Tags;
use pipeline_core::resource::{Observed, ScheduleGroup};

use super::{Progress, schedule};
use crate::{Aws, AwsError, Operation};

/// How often a group that is being deleted is read.
const GONE_POLL: Duration = Duration::from_secs(1);

pub(super) async fn create(aws: &Aws, group: &ScheduleGroup) -> Result<Progress, AwsError> {
    let request = aws.scheduler.create_schedule_group().name(&group.name).set_tags(Some(sdk_tags(&group.tags)));
    aws.call(request).await?;
    Ok(Progress::Done)
}

pub(super) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let request = aws.scheduler.get_schedule_group().name(name);
    let Some(group) = aws.find(request).await? else { return Ok(None) };
    let arn = aws.location.schedule_group_arn(name);
    let request = aws.scheduler.list_tags_for_resource().resource_arn(&arn);
    let Some(answer) = aws.find(request).await? else {
        return Ok(None);
    };
    let tags = answer.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)).collect();
    let settling = settling(group.state.as_ref());
    let since = group.creation_date.and_then(|date| Timestamp::from_second(date.secs()).ok());
    Ok(Some(Observed { arn, tags, settling, since, ..Observed::default() }))
}

fn settling(state: Option<&ScheduleGroupState>) -> Option<String> {
    (state == Some(&ScheduleGroupState::Deleting)).then(|| "the schedule group is DELETING".to_owned())
}

pub(super) async fn delete(aws: &Aws, name: &str, observed: &Observed) -> Result<Progress, AwsError> {
    if let Some(why) = &observed.settling {
        return Ok(Progress::waiting(why, GONE_POLL));
    }
    // A remaining schedule with the group's name may still belong to another owner.
    let left = schedule::observe(aws, name).await?;
    if left.is_some_and(|left| !is_of_one_owner(&left, observed)) {
        return Err(holds_foreign(name, name));
    }
    let mut token = None;
    loop {
        let request = aws.scheduler.list_schedules().group_name(name).set_next_token(token);
        let answer = aws.call(request).await?;
        refuse_foreign(name, &answer.schedules)?;
        token = answer.next_token;
        if token.is_none() {
            break;
        }
    }
    aws.call(aws.scheduler.delete_schedule_group().name(name)).await?;
    Ok(Progress::waiting("the schedule group to be gone", GONE_POLL))
}

/// Whether the owner in a schedule's description is that of the group's tags.
fn is_of_one_owner(schedule: &Observed, group: &Observed) -> bool {
    !schedule.tags.is_empty() && schedule.tags.iter().all(|(key, value)| group.tags.get(key) == Some(value))
}

/// Fails if the group holds a schedule of another name, which cannot be ours.
fn refuse_foreign(group: &str, schedules: &[ScheduleSummary]) -> Result<(), AwsError> {
    let Some(foreign) = schedules.iter().filter_map(ScheduleSummary::name).find(|schedule| *schedule != group) else {
        return Ok(());
    };
    Err(holds_foreign(group, foreign))
}

fn holds_foreign(group: &str, schedule: &str) -> AwsError {
    AwsError {
        operation: Operation::DeleteScheduleGroup,
        class: ErrorClass::Conflict,
        code: String::new(),
        message: format!("schedule group {group} holds schedule {schedule}, which the pipeline did not make"),
    }
}

pub(super) async fn put_tags(aws: &Aws, arn: &str, tags: &Tags) -> Result<(), AwsError> {
    let request = aws.scheduler.tag_resource().resource_arn(arn).set_tags(Some(sdk_tags(tags)));
    aws.call(request).await?;
    Ok(())
}

pub(super) async fn remove_tags(aws: &Aws, arn: &str, keys: Vec<String>) -> Result<(), AwsError> {
    let request = aws.scheduler.untag_resource().resource_arn(arn).set_tag_keys(Some(keys));
    aws.call(request).await?;
    Ok(())
}

fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    // The builder refuses only a missing key or value.
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

#[cfg(test)]
mod tests {
    use pipeline_core::names::tag;

    use super::*;

    fn schedule(name: &str) -> ScheduleSummary {
        ScheduleSummary::builder().name(name).group_name("team-a-hello").build()
    }

    #[test]
    fn a_group_with_a_foreign_schedule_is_not_deleted() {
        let error = refuse_foreign("team-a-hello", &[schedule("team-a-hello"), schedule("payroll")]).unwrap_err();
        assert_eq!(error.class, ErrorClass::Conflict);
        assert!(error.to_string().contains("payroll"), "{error}");
    }

    #[test]
    fn a_group_with_ours_alone_or_with_none_is_deleted() {
        assert!(refuse_foreign("team-a-hello", &[]).is_ok());
        assert!(refuse_foreign("team-a-hello", &[schedule("team-a-hello")]).is_ok());
    }

    #[test]
    fn a_schedule_is_of_the_groups_owner_only_if_it_says_so() {
        let seen = |tags: &[(&str, &str)]| Observed {
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            ..Observed::default()
        };
        let group = seen(&[(tag::NAME, "hello"), (tag::UID, "uid-1"), ("team", "a")]);
        assert!(is_of_one_owner(&seen(&[(tag::NAME, "hello"), (tag::UID, "uid-1")]), &group));
        assert!(!is_of_one_owner(&seen(&[(tag::NAME, "hello"), (tag::UID, "uid-2")]), &group));
        assert!(!is_of_one_owner(&seen(&[]), &group));
    }

    #[test]
    fn only_a_group_that_goes_is_busy() {
        assert_eq!(settling(None), None);
        assert_eq!(settling(Some(&ScheduleGroupState::Active)), None);
        assert!(settling(Some(&ScheduleGroupState::Deleting)).is_some());
    }
}
