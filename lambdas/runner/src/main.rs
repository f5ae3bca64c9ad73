//! The runner, as Lambda starts it.

use std::env;

use function::Queue;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use runner::{Guard, Runner};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    function::init_log();
    let config = function::config().await;
    let queue = Queue::from_env(&config)?.dead_letters_from_env()?.visibility_from_env();
    let mut runner = Runner::new(&config, queue, Guard::from_env())?;
    if let Ok(telegram) = env::var("TELEGRAM_API_URL") {
        runner = runner.with_telegram_at(telegram);
    }
    runner.warm().await;
    run(service_fn(|event: LambdaEvent<Value>| runner::handle(&runner, event.payload, event.context.deadline()))).await
}
