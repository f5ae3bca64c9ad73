//! One token bucket, whose rate is learnt: halved when AWS asks for fewer calls, and grown back slowly.
//!
//! AWS's limits are shared with everybody else in the account, so nobody knows what is left of them but by asking.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use super::queue::{Caller, Turns};

/// A rate never falls below this part of the bucket's own: some of what AWS refuses, it refuses at any rate.
const LEAST: f64 = 0.25;

/// Calls a second that a halved rate gains in a second.
const GROWTH: f64 = 0.1;

/// A bucket that holds one second's calls.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Calls a second at most.
    full: f64,
    /// Whether there is no limit until AWS asks for fewer calls.
    open: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tokens: f64,
    counted: Instant,
    halved: Option<Halved>,
    turns: Turns<oneshot::Sender<Permit>>,
    /// Whether a task hands out permits to those who wait.
    serving: bool,
}

/// A rate after AWS asked for fewer calls.
#[derive(Clone, Copy, Debug)]
struct Halved {
    rate: f64,
    when: Instant,
}

/// Leave to make one call.
#[derive(Debug)]
pub(crate) struct Permit {
    bucket: Arc<Bucket>,
    given: Instant,
}

impl Permit {
    /// AWS asked for fewer calls. What was allowed before the rate was last halved says nothing about the new rate.
    pub(crate) fn throttled(self) {
        let now = Instant::now();
        let mut state = self.bucket.state.lock();
        if state.halved.is_some_and(|halved| self.given <= halved.when) {
            return;
        }
        let rate = self.bucket.rate(&state, now).unwrap_or(self.bucket.full);
        let rate = (rate / 2.0).max(self.bucket.least());
        state.tokens = 0.0;
        state.counted = now;
        state.halved = Some(Halved { rate, when: now });
    }
}

impl Bucket {
    /// A full bucket of this many calls a second.
    pub(super) fn new(calls: u32, open: bool) -> Arc<Self> {
        let full = f64::from(calls);
        let state = State { tokens: full, counted: Instant::now(), halved: None, turns: Turns::new(), serving: false };
        Arc::new(Self { full, open, state: Mutex::new(state) })
    }

    /// Waits for leave to make a call.
    pub(super) async fn permit(self: &Arc<Self>, caller: &Caller) -> Permit {
        let receiver = {
            let mut state = self.state.lock();
            if state.turns.is_empty() && self.take(&mut state) {
                return self.permitted();
            }
            let (sender, receiver) = oneshot::channel();
            state.turns.wait(caller, sender);
            if !state.serving {
                state.serving = true;
                tokio::spawn(Arc::clone(self).serve());
            }
            receiver
        };
        // Nobody hands out permits when the program ends.
        receiver.await.unwrap_or_else(|_| self.permitted())
    }

    /// Hands out permits until nobody waits.
    async fn serve(self: Arc<Self>) {
        while let Some(pause) = self.hand_out() {
            sleep(pause).await;
        }
    }

    /// Hands out what there is; the time until there is more, or nothing when nobody waits.
    fn hand_out(self: &Arc<Self>) -> Option<Duration> {
        let mut state = self.state.lock();
        while !state.turns.is_empty() {
            if !self.take(&mut state) {
                let rate = self.rate(&state, Instant::now()).unwrap_or(self.full);
                return Some(Duration::from_secs_f64((1.0 - state.tokens) / rate).max(Duration::from_millis(1)));
            }
            let taken = state.turns.next().is_some_and(|waiting| waiting.send(self.permitted()).is_ok());
            // Who waited no longer waits: the reconcile was given up.
            if !taken {
                state.tokens += 1.0;
            }
        }
        state.serving = false;
        None
    }

    /// Takes a token, if there is one.
    fn take(&self, state: &mut State) -> bool {
        let now = Instant::now();
        let Some(rate) = self.rate(state, now) else { return true };
        state.tokens = now.duration_since(state.counted).as_secs_f64().mul_add(rate, state.tokens).min(rate.max(1.0));
        state.counted = now;
        let enough = state.tokens >= 1.0;
        if enough {
            state.tokens -= 1.0;
        }
        enough
    }

    /// Calls a second that may be made now; nothing where there is no limit.
    fn rate(&self, state: &State, now: Instant) -> Option<f64> {
        let grown = |halved: Halved| now.duration_since(halved.when).as_secs_f64().mul_add(GROWTH, halved.rate);
        let learnt = state.halved.map(grown).filter(|rate| *rate < self.full);
        learnt.or((!self.open).then_some(self.full))
    }

    fn least(&self) -> f64 {
        (self.full * LEAST).max(1.0)
    }

    fn permitted(self: &Arc<Self>) -> Permit {
        Permit { bucket: Arc::clone(self), given: Instant::now() }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::super::queue::Urgency;
    use super::*;

    fn caller(name: &str) -> Caller {
        Caller { name: name.into(), urgency: Urgency::Unready }
    }

    /// Seconds until this many calls were allowed.
    async fn seconds_for(bucket: &Arc<Bucket>, calls: u32) -> f64 {
        let begun = Instant::now();
        for _ in 0..calls {
            bucket.permit(&caller("a")).await;
        }
        begun.elapsed().as_secs_f64()
    }

    fn near(seconds: f64, wanted: f64) -> bool {
        (seconds - wanted).abs() < 0.05 * wanted + 0.01
    }

    #[tokio::test(start_paused = true)]
    async fn a_bucket_lets_one_seconds_calls_through_and_then_keeps_its_rate() {
        let bucket = Bucket::new(10, false);
        assert!(near(seconds_for(&bucket, 10).await, 0.0));
        assert!(near(seconds_for(&bucket, 50).await, 5.0));
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_bucket_has_no_limit_until_aws_asks_for_fewer_calls() {
        let bucket = Bucket::new(10, true);
        assert!(near(seconds_for(&bucket, 10_000).await, 0.0));
        bucket.permit(&caller("a")).await.throttled();
        let seconds = seconds_for(&bucket, 5).await;
        assert!((0.8..1.2).contains(&seconds), "half the bucket's rate: {seconds}");
        tokio::time::advance(Duration::from_mins(1)).await;
        assert!(near(seconds_for(&bucket, 10_000).await, 0.0), "and none again after a while");
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_bucket_halves_its_rate_down_to_a_quarter_and_grows_back() {
        let bucket = Bucket::new(40, false);
        for wanted in [20.0, 10.0, 10.0] {
            // Later than the last halving.
            tokio::time::advance(Duration::from_millis(1)).await;
            bucket.permit(&caller("a")).await.throttled();
            let rate = bucket.rate(&bucket.state.lock(), Instant::now());
            assert!(rate.is_some_and(|rate| near(rate, wanted)), "{rate:?} for {wanted}");
        }
        for (seconds, wanted) in [(100, 20.0), (200, 40.0), (300, 40.0)] {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            let rate = bucket.rate(&bucket.state.lock(), Instant::now());
            assert!(rate.is_some_and(|rate| near(rate, wanted)), "{rate:?} for {wanted} after {seconds} s more");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_under_way_together_halve_the_rate_once() {
        let bucket = Bucket::new(40, false);
        let a = caller("a");
        let permits = join_all((0..10).map(|_| bucket.permit(&a))).await;
        tokio::time::advance(Duration::from_millis(50)).await;
        permits.into_iter().for_each(Permit::throttled);
        let rate = bucket.rate(&bucket.state.lock(), Instant::now());
        assert!(rate.is_some_and(|rate| near(rate, 20.0)), "{rate:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_with_much_to_ask_for_does_not_hold_up_another() {
        let bucket = Bucket::new(10, false);
        let begun = Instant::now();
        let name = caller("noisy");
        let noisy = join_all((0..1000).map(|_| bucket.permit(&name)));
        let quiet = async {
            tokio::task::yield_now().await;
            for _ in 0..5 {
                bucket.permit(&caller("quiet")).await;
            }
            begun.elapsed()
        };
        let (_, waited) = tokio::join!(noisy, quiet);
        assert!(waited < Duration::from_secs(2), "every other turn: {waited:?}");
        assert!(begun.elapsed() > Duration::from_secs(90));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_is_given_up_costs_no_token() {
        let bucket = Bucket::new(10, false);
        seconds_for(&bucket, 10).await;
        for _ in 0..100 {
            let given_up = tokio::time::timeout(Duration::from_micros(1), bucket.permit(&caller("impatient"))).await;
            assert!(given_up.is_err());
        }
        assert!(seconds_for(&bucket, 10).await < 1.2);
    }
}
