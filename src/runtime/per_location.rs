//! Work that goes on for each account and region by itself, for as long as pipelines live there.

use std::collections::HashSet;

use aws::Aws;
use futures::channel::mpsc::UnboundedReceiver;
use futures::stream::{FuturesUnordered, StreamExt as _};
use pipeline_core::location::Location;

/// Keeps `work` going in each place that comes up, until it is dropped. The work ends, and gives its place back, when it
/// finds that nothing lives there any more.
pub async fn each<F: Future<Output = Aws>>(
    lives_in: impl Fn(&Location) -> bool,
    mut places: UnboundedReceiver<Aws>,
    work: impl Fn(Aws) -> F,
) {
    let mut known = HashSet::new();
    let mut working = FuturesUnordered::new();
    loop {
        tokio::select! {
            place = places.next() => match place {
                Some(aws) if known.insert(aws.location.clone()) => working.push(work(aws)),
                Some(_) => {}
                None => return,
            },
            Some(aws) = working.next() => {
                // A pipeline may have come since the work found none.
                if lives_in(&aws.location) {
                    working.push(work(aws));
                } else {
                    known.remove(&aws.location);
                }
            }
        }
    }
}
