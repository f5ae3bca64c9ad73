//! Calls that no reconcile makes, on what a check of an account made itself: to see what AWS answers.

use pipeline_core::resource::Queue;

use super::queue;
use crate::{Aws, AwsError};

/// Key of the tag that a queue is given when it is made a second time.
pub const TAG: &str = "made-again";

/// Makes a queue that is there already, with the same attributes and one tag more. Returns the URL that AWS answers.
///
/// # Errors
/// AWS refuses, or cannot be reached.
pub async fn make_again(aws: &Aws, queue: &Queue) -> Result<Option<String>, AwsError> {
    let mut tags = queue.tags.clone();
    tags.insert(TAG.to_owned(), "true".to_owned());
    let answer = aws.call(queue::creation(aws, queue, &tags)).await?;
    Ok(answer.queue_url)
}
