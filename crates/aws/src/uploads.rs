//! Turns for uploads of code, each of which takes the line for itself, and may hold a zip in memory; and the time that they
//! may take. The clients of all accounts share them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::timeout::TimeoutConfig;
use parking_lot::Mutex;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::operation::{Operation, Request};

/// Turns for uploads. Who comes first is served first, but for those whose last upload had no answer: on a slow line each
/// may take minutes, so of them only one waits with the others at a time, and they do not take all turns.
#[derive(Clone, Debug)]
pub(crate) struct Uploads {
    turns: Arc<Semaphore>,
    again: Arc<Semaphore>,
    unanswered: Arc<Mutex<BTreeSet<String>>>,
}

/// Leave for one upload, for as long as its zip is held.
#[derive(Debug)]
pub(crate) struct Turn {
    _turn: OwnedSemaphorePermit,
    _again: Option<OwnedSemaphorePermit>,
}

impl Uploads {
    /// So many at the same time.
    pub(crate) fn new(at_once: u16) -> Self {
        let (turns, again) = (Semaphore::new(at_once.into()), Semaphore::new(1));
        Self { turns: Arc::new(turns), again: Arc::new(again), unanswered: Arc::default() }
    }

    /// Waits for a turn to upload to what has this ARN.
    ///
    /// # Errors
    /// Nobody gives turns any more: the operator is stopping.
    pub(crate) async fn turn(&self, to: &str) -> Result<Turn, AcquireError> {
        let is_again = self.unanswered.lock().contains(to);
        let again = if is_again { Some(Arc::clone(&self.again).acquire_owned().await?) } else { None };
        Ok(Turn { _turn: Arc::clone(&self.turns).acquire_owned().await?, _again: again })
    }

    /// Notes whether what was uploaded there had an answer.
    pub(crate) fn ended(&self, to: &str, is_answered: bool) {
        let mut unanswered = self.unanswered.lock();
        if is_answered {
            unanswered.remove(to);
        } else {
            unanswered.insert(to.to_owned());
        }
    }
}

/// A request that is sent while it has its turn.
#[derive(Debug)]
pub(crate) struct InTurn<R> {
    pub(crate) request: R,
    pub(crate) turn: Turn,
}

impl<R: Request> Request for InTurn<R> {
    const OPERATION: Operation = R::OPERATION;
    type Output = R::Output;
    type Error = R::Error;

    async fn send(self) -> Result<R::Output, SdkError<R::Error, HttpResponse>> {
        let Self { request, turn: _turn } = self;
        request.send().await
    }
}

/// What Lambda may take to fetch, unpack and check code, on top of the upload itself.
const PROCESSING: Duration = Duration::from_mins(1);

/// Bytes per second of the slowest line on which an upload still converges: 2 Mbit/s, less what TCP and TLS add.
const SLOWEST_LINE: u64 = 230_000;

/// The longest upload: a reconcile, which may also have to publish a layer, is ended after 10 minutes.
const LONGEST: Duration = Duration::from_mins(8);

/// The longest that an attempt at a call may take which uploads so many bytes.
pub(crate) fn timeouts(bytes: u64) -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(time_limit(bytes)).build()
}

fn time_limit(bytes: u64) -> Duration {
    LONGEST.min(PROCESSING + Duration::from_secs(bytes.div_ceil(SLOWEST_LINE)))
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use futures::future::join_all;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// Lambda takes 50 MB with a call, which are 70 MB as Base64, and 250 MB from a bucket; a reconcile may last 10 minutes.
    #[test]
    fn the_largest_upload_has_time_on_a_slow_line_and_ends_within_a_reconcile() {
        let largest = BASE64.encode_len(50 * 1024 * 1024) as u64;
        let megabits = largest * 8 / 1_000_000;
        assert!(time_limit(largest) >= Duration::from_secs(megabits / 2) + PROCESSING);
        assert!(time_limit(largest) < LONGEST);
        assert_eq!(time_limit(0), PROCESSING);
        assert!(time_limit(250 * 1024 * 1024) + time_limit(0) < Duration::from_mins(10));
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_that_fail_do_not_take_all_turns() {
        let minute = Duration::from_mins(1);
        let uploads = Uploads::new(1);
        let failing = async |name: String| {
            for _ in 0..3 {
                let turn = uploads.turn(&name).await;
                sleep(5 * minute).await;
                uploads.ended(&name, false);
                drop(turn);
            }
        };
        let begun = Instant::now();
        let new = async {
            sleep(21 * minute).await;
            let asked = Instant::now();
            uploads.turn("new").await.unwrap();
            asked.elapsed()
        };
        let failing = join_all((0..4).map(|number| failing(format!("failing-{number}"))));
        let (_, waited) = tokio::join!(failing, new);
        assert!(waited <= 9 * minute, "behind one of them at most, and the one under way: {waited:?}");
        assert_eq!(begun.elapsed(), 60 * minute, "they go on all the same");
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_had_an_answer_waits_like_any_other() {
        let uploads = Uploads::new(2);
        uploads.ended("a", false);
        uploads.ended("b", false);
        uploads.ended("a", true);
        let (a, b) = (uploads.turn("a").await.unwrap(), uploads.turn("b").await.unwrap());
        assert_eq!(uploads.again.available_permits(), 0, "of b alone");
        drop(b);
        assert_eq!(uploads.again.available_permits(), 1);
        drop(a);
    }
}
