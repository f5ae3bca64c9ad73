//! What is done with messages that were received: hidden, or deleted.

use std::time::Duration;

use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;

use super::{Queue, told};
use crate::reason;
use crate::twice::twice;

/// Time limit for hiding or deleting messages.
const HIDING: Duration = Duration::from_secs(1);

impl Queue {
    /// Hides a received message for this time from now.
    ///
    /// # Errors
    /// SQS did not do it; the message shows up when its present time is over.
    pub async fn hide(&self, receipt_handle: &str, time: Duration) -> Result<(), String> {
        let call = async || {
            let request = self.client.change_message_visibility().queue_url(&self.url);
            let request = request.receipt_handle(receipt_handle).visibility_timeout(whole_seconds(time));
            request.send().await.map(drop).map_err(|error| reason(&error))
        };
        twice(call, HIDING, HIDING).await
    }

    /// Hides up to ten received messages for this time from now.
    ///
    /// # Errors
    /// SQS did not do it for all of them.
    pub async fn hide_all(&self, receipt_handles: &[&str], time: Duration) -> Result<(), String> {
        let entry = |(at, handle): (usize, &&str)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string()).receipt_handle(*handle);
            // The builder refuses only a missing id or handle.
            entry.visibility_timeout(whole_seconds(time)).build().ok()
        };
        let call = async || {
            let entries = receipt_handles.iter().enumerate().filter_map(entry).collect();
            let request = self.client.change_message_visibility_batch().queue_url(&self.url);
            let answer = request.set_entries(Some(entries)).send().await.map_err(|error| reason(&error))?;
            answer.failed().first().map_or(Ok(()), |failed| Err(told(failed)))
        };
        twice(call, HIDING, HIDING).await
    }

    /// Deletes a received message.
    ///
    /// # Errors
    /// SQS did not do it.
    pub async fn delete(&self, receipt_handle: &str) -> Result<(), String> {
        let call = async || {
            let request = self.client.delete_message().queue_url(&self.url).receipt_handle(receipt_handle);
            request.send().await.map(drop).map_err(|error| reason(&error))
        };
        twice(call, HIDING, HIDING).await
    }
}

/// Seconds as SQS takes them, none too few.
fn whole_seconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
}
