//! The sender, as Lambda starts it.

use function::Queue;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    function::init_log();
    let queue = Queue::from_env(&function::config().await)?;
    queue.warm().await;
    run(service_fn(|event: LambdaEvent<Value>| sender::handle(&queue, event.payload, event.context.deadline()))).await
}
