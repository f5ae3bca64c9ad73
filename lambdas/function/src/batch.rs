//! How messages are put together for `SendMessageBatch`.

/// Entries in one call.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>
const MAX_ENTRIES: usize = 10;

/// Bytes of all bodies in one call (same source).
pub(crate) const MAX_BYTES: usize = 1 << 20;

/// Splits items into batches within the limits, in their order. An item that is too large by itself gets a batch of
/// its own, so that SQS's refusal concerns no other.
pub(crate) fn split<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut bytes = 0;
    for item in items {
        let item_bytes = size(&item);
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_ENTRIES && bytes + item_bytes <= MAX_BYTES => {
                bytes += item_bytes;
                batch.push(item);
            }
            Some(_) | None => {
                bytes = item_bytes;
                batches.push(vec![item]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_item_is_in_one_batch_and_limits_are_kept(sizes in prop::collection::vec(1..=MAX_BYTES, 0..120)) {
            let batches = split(sizes.clone(), |size| *size);
            for batch in &batches {
                prop_assert!(!batch.is_empty());
                prop_assert!(batch.len() <= MAX_ENTRIES);
                prop_assert!(batch.iter().sum::<usize>() <= MAX_BYTES);
            }
            prop_assert_eq!(batches.concat(), sizes);
        }
    }

    #[test]
    fn small_items_fill_batches_and_a_giant_is_alone() {
        let sizes = |batches: Vec<Vec<usize>>| batches.iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(split(vec![1; 25], |size| *size)), [10, 10, 5]);
        assert_eq!(sizes(split(vec![1, MAX_BYTES + 1, 1], |size| *size)), [1, 1, 1]);
    }
}
