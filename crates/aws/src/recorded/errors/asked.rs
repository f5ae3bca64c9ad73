//! A request of each operation that AWS is recorded to have refused.

use std::future::pending;

use crate::call::attempt;
use crate::operation::Request;
use crate::recorded::wire::Replay;
use crate::{AwsError, AwsRequests, Operation};

async fn refused<R: Request>(request: R) -> AwsError {
    let answer = attempt(&AwsRequests::default(), request, pending()).await;
    answer.err().unwrap_or_else(|| panic!("{} is not refused", R::OPERATION))
}

/// Asks AWS, and returns what it refuses with.
pub(super) async fn ask(replay: &Replay, operation: Operation) -> AwsError {
    let aws = replay.aws();
    let (lambda, sqs, logs) = (&aws.lambda, &aws.sqs, &aws.logs);
    match operation {
        Operation::CreateFunction => refused(lambda.create_function()).await,
        Operation::DeleteFunction => refused(lambda.delete_function().function_name("a")).await,
        Operation::GetFunction => refused(lambda.get_function().function_name("a")).await,
        Operation::UpdateFunctionCode => refused(lambda.update_function_code().function_name("a")).await,
        Operation::UpdateFunctionConfiguration => {
            refused(lambda.update_function_configuration().function_name("a")).await
        }
        Operation::GetFunctionEventInvokeConfig => {
            refused(lambda.get_function_event_invoke_config().function_name("a")).await
        }
        Operation::PutFunctionEventInvokeConfig => {
            refused(lambda.put_function_event_invoke_config().function_name("a")).await
        }
        Operation::DeleteFunctionEventInvokeConfig => {
            refused(lambda.delete_function_event_invoke_config().function_name("a")).await
        }
        Operation::Invoke => refused(lambda.invoke().function_name("a")).await,
        Operation::LambdaListTags => refused(lambda.list_tags().resource("a")).await,
        Operation::LambdaTagResource => refused(lambda.tag_resource().resource("a")).await,
        Operation::LambdaUntagResource => refused(lambda.untag_resource().resource("a").tag_keys("k")).await,
        Operation::PublishLayerVersion => refused(lambda.publish_layer_version().layer_name("a")).await,
        Operation::CreateEventSourceMapping => refused(lambda.create_event_source_mapping()).await,
        Operation::GetEventSourceMapping => refused(lambda.get_event_source_mapping().uuid("1")).await,
        Operation::UpdateEventSourceMapping => refused(lambda.update_event_source_mapping().uuid("1")).await,
        Operation::DeleteEventSourceMapping => refused(lambda.delete_event_source_mapping().uuid("1")).await,
        Operation::CreateQueue => refused(sqs.create_queue()).await,
        Operation::GetQueueAttributes => refused(sqs.get_queue_attributes()).await,
        Operation::SetQueueAttributes => refused(sqs.set_queue_attributes()).await,
        Operation::ListQueueTags => refused(sqs.list_queue_tags()).await,
        Operation::ReceiveMessage => refused(sqs.receive_message()).await,
        Operation::CreateLogGroup => refused(logs.create_log_group()).await,
        Operation::DeleteLogGroup => refused(logs.delete_log_group()).await,
        Operation::PutRetentionPolicy => refused(logs.put_retention_policy()).await,
        Operation::LogsListTagsForResource => refused(logs.list_tags_for_resource()).await,
        Operation::CreateRole => refused(aws.iam.create_role()).await,
        Operation::UpdateAssumeRolePolicy => refused(aws.iam.update_assume_role_policy()).await,
        Operation::PutRolePolicy => refused(aws.iam.put_role_policy()).await,
        Operation::AssumeRole => refused(aws_sdk_sts::Client::new(&replay.config()).assume_role()).await,
        Operation::CreateSchedule => refused(aws.scheduler.create_schedule().name("a")).await,
        Operation::GetParameter => refused(aws.ssm.get_parameter()).await,
        Operation::PutParameter => refused(aws.ssm.put_parameter()).await,
        Operation::GetResources => refused(aws.tagging.get_resources()).await,
        other => panic!("no refusal of {other} is on record"),
    }
}
