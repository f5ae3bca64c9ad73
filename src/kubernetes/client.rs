//! Clients of the API server, for the operator and its tools.
//!
//! Every answer is read to a bounded depth. The author of an object decides how deep it nests, and `serde_json` gives
//! up a whole list or watch event for one value that is too deep: an author could blind the operator for all namespaces.
//! So what nests deeper than anything that is read is emptied as it comes in, and the answer can be parsed.

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use kube::client::ClientBuilder;
use kube::{Client, Config};
use pipeline_core::depth::{Cursor, Position};
use tower::util::MapResponseLayer;

use crate::metrics::ApiServerRequests;

/// Levels of an answer, below `serde_json`'s limit of 128. A task's `input` begins at the seventh of a list, so what is
/// emptied has far more levels than `input` may have, and is refused by its name.
pub const MAX_DEPTH: usize = 100;

/// A client of a cluster.
///
/// # Errors
/// The configuration is of no use.
pub fn client(config: Config) -> kube::Result<Client> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&MapResponseLayer::new(bounded)).build())
}

/// A client whose requests are counted.
///
/// # Errors
/// The configuration is of no use.
pub fn counted(config: Config, requests: &ApiServerRequests) -> kube::Result<Client> {
    let requests = requests.to(config.cluster_url.host().unwrap_or_default());
    let builder = ClientBuilder::try_from(config)?.with_layer(&MapResponseLayer::new(bounded));
    Ok(builder.with_layer(&requests).build())
}

/// A client of the cluster that kubectl talks to, or of the Pod's own.
///
/// # Errors
/// There is no configuration, or it is of no use.
pub async fn infer() -> kube::Result<Client> {
    client(Config::infer().await.map_err(kube::Error::InferConfig)?)
}

/// An answer, or a stream of them, in which nothing nests too deep.
fn bounded<B>(answer: Response<B>) -> Response<UnsyncBoxBody<Bytes, B::Error>>
where
    B: BodyExt<Data = Bytes> + Send + 'static,
{
    let mut cursor = Cursor::default();
    answer.map(|body| body.map_frame(move |frame| frame.map_data(|piece| emptied(piece, &mut cursor))).boxed_unsync())
}

/// A piece of JSON in which containers of the last level that is read are empty. It has as many bytes as before.
fn emptied(piece: Bytes, cursor: &mut Cursor) -> Bytes {
    let mut copy: Option<Vec<u8>> = None;
    for (at, byte) in piece.iter().enumerate() {
        let is_read = match cursor.next(*byte) {
            Position::Edge(level) => level <= MAX_DEPTH,
            Position::Within(level) => level < MAX_DEPTH,
        };
        if !is_read && let Some(byte) = copy.get_or_insert_with(|| piece.to_vec()).get_mut(at) {
            *byte = b' ';
        }
    }
    // Almost always nothing is, and nothing is copied.
    copy.map_or(piece, Bytes::from)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;

    use futures::TryStreamExt as _;
    use http::Request;
    use http_body_util::Full;
    use kube::api::{Api, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
    use kube::client::Body;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tower::service_fn;

    use super::*;
    use api::Stored;
    use pipeline_core::depth::{MAX_INPUT, is_deeper, is_text_deeper};

    /// What is refused by name, what no list and what no answer could hold, and what the API server takes.
    const DEPTHS: [usize; 7] = [33, 100, 117, 122, 124, 1_000, 9_000];

    /// A pipeline as text. Managed fields of maps nest as deep as the maps.
    fn pipeline(name: &str, levels: usize) -> String {
        let lists = "[".repeat(levels) + &"]".repeat(levels);
        let maps = "{\"f:a\":".repeat(levels) + "{}" + &"}".repeat(levels);
        format!(
            r#"{{"apiVersion": "taskpipelines.dev/v1alpha1", "kind": "ScheduledTaskPipeline",
            "metadata": {{"name": "{name}", "namespace": "team", "uid": "u", "resourceVersion": "7", "managedFields": [
                {{"manager": "m", "operation": "Update", "fieldsV1": {{"f:spec": {maps}}}}}]}},
            "spec": {{"schedule": "@daily", "tasks": [{{"name": "a", "message": {{}}, "input": {lists}}}]}}}}"#
        )
    }

    /// A client of an API server that gives this answer.
    fn answering(text: String) -> Client {
        let service = service_fn(move |_: Request<Body>| {
            ready(Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(text.clone())))))
        });
        ClientBuilder::new(service, "team").with_layer(&MapResponseLayer::new(bounded)).build()
    }

    fn api(text: String) -> Api<Stored> {
        Api::namespaced(answering(text), "team")
    }

    /// Whether the pipeline was read, and its input is still deeper than it may be.
    fn is_deep(Stored { pipeline, unreadable }: &Stored) -> bool {
        assert_eq!(*unreadable, None);
        let input = pipeline.spec.tasks.first().and_then(|task| task.input.as_ref());
        input.is_some_and(|input| is_deeper(input, MAX_INPUT))
    }

    #[tokio::test]
    async fn a_list_with_a_deep_pipeline_is_read_and_the_pipeline_is_still_too_deep() {
        for levels in DEPTHS {
            let items = [("first", 1), ("deep", levels), ("last", 32)].map(|(name, levels)| pipeline(name, levels));
            let list = format!(
                r#"{{"apiVersion": "v1", "kind": "List", "metadata": {{"resourceVersion": "9"}}, "items": [{}]}}"#,
                items.join(",")
            );
            let listed = api(list).list(&ListParams::default()).await.unwrap();
            assert_eq!(listed.items.iter().map(is_deep).collect::<Vec<_>>(), [false, true, false], "{levels}");
        }
    }

    #[tokio::test]
    async fn a_watch_goes_on_after_a_deep_pipeline() {
        for levels in DEPTHS {
            let event = |pipeline: String| format!(r#"{{"type": "MODIFIED", "object": {pipeline}}}"#).replace('\n', "");
            let lines = [event(pipeline("deep", levels)), event(pipeline("last", 32))].join("\n") + "\n";
            let events = api(lines).watch(&WatchParams::default(), "0").await.unwrap();
            let events: Vec<WatchEvent<Stored>> = events.try_collect().await.unwrap();
            let deep = events.iter().map(|event| match event {
                WatchEvent::Modified(pipeline) => is_deep(pipeline),
                other => panic!("{levels}: {other:?}"),
            });
            assert_eq!(deep.collect::<Vec<_>>(), [true, false], "{levels}");
        }
    }

    #[tokio::test]
    async fn the_answer_to_a_read_and_to_a_write_of_a_deep_pipeline_is_read() {
        for levels in DEPTHS {
            let api = api(pipeline("deep", levels));
            assert!(is_deep(&api.get("deep").await.unwrap()), "{levels}");
            let written = api.patch_status("deep", &PatchParams::default(), &Patch::Merge(json!({}))).await.unwrap();
            assert_eq!(written.pipeline.metadata.resource_version.as_deref(), Some("7"), "{levels}");
        }
    }

    #[tokio::test]
    async fn without_the_bound_one_deep_pipeline_takes_the_list_along() {
        let list = format!(r#"{{"metadata": {{"resourceVersion": "9"}}, "items": [{}]}}"#, pipeline("deep", 122));
        assert!(serde_json::from_str::<Value>(&list).is_err());
        let text = answering(list).request_text(Request::get("/").body(Vec::new()).unwrap()).await.unwrap();
        assert!(serde_json::from_str::<Value>(&text).is_ok());
    }

    /// JSON of any shape and some depth.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i32>().prop_map(Value::from), ".*".prop_map(Value::from)];
        leaf.prop_recursive(6, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".*", inner), 0..4).prop_map(|members| members.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_not_deep_is_as_it_was_and_what_is_stops_nothing_beside_it(
            inner in any_json(),
            levels in 90_usize..200,
            size in 1_usize..50,
        ) {
            let text = format!("[{}{inner}{}, \"rest\"]", "[".repeat(levels), "]".repeat(levels));
            let mut cursor = Cursor::default();
            let pieces = text.as_bytes().chunks(size).map(Bytes::copy_from_slice);
            let read: Vec<u8> = pieces.flat_map(|piece| emptied(piece, &mut cursor)).collect();
            prop_assert_eq!(read.len(), text.len());
            prop_assert!(is_text_deeper(&text, MAX_DEPTH - 1) || read == text.as_bytes());
            let value: Value = serde_json::from_slice(&read).unwrap();
            prop_assert_eq!(&value[1], "rest");
            prop_assert!(!is_deeper(&value, MAX_DEPTH));
        }
    }
}
