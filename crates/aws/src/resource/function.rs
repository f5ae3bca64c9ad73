//! Lambda functions with their asynchronous settings.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
//!
//! Configuration and code take one call each, and each leaves the function busy: an update makes one of them, and the
//! next observation shows what is left.

mod read;
mod upload;

use std::time::Duration;

use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::operation::create_function::CreateFunctionOutput;
use aws_sdk_lambda::operation::update_function_code::UpdateFunctionCodeOutput;
use aws_sdk_lambda::operation::update_function_configuration::builders::UpdateFunctionConfigurationFluentBuilder;
use aws_sdk_lambda::types::{
    Architecture, DeadLetterConfig, DestinationConfig, Environment, FunctionCode, LoggingConfig, OnFailure,
    PackageType, Runtime, State, VpcConfig,
};
use pipeline_core::code::Code;
use pipeline_core::names::{Tags, tag};
use pipeline_core::resource::{AsyncInvoke, Field, FieldName, Function, LogGroup, Observed};

use super::changed::with_cluster;
use super::{Changed, Progress, Wait};
use crate::{Aws, AwsError};
pub(super) use upload::Upload;

pub(super) use read::{LISTED_NOT, list, observe, observe_async, observe_new, take_mark};

/// A zip function is often Active at once, and within a second or so otherwise.
const ACTIVE_POLL: Duration = Duration::from_millis(250);

/// How long the name of a deleted function should rest before it is used again.
pub(super) const NAME_RESTS: Duration = Duration::from_secs(1);

const CONFIGURATION: [FieldName; 12] = [
    FieldName::Runtime,
    FieldName::Handler,
    FieldName::Layers,
    FieldName::Role,
    FieldName::Timeout,
    FieldName::MemorySize,
    FieldName::Environment,
    FieldName::LastUpdateStatus,
    FieldName::LogGroup,
    FieldName::Vpc,
    FieldName::DeadLetterTarget,
    FieldName::KmsKey,
];
const CODE: [FieldName; 5] =
    [FieldName::State, FieldName::CodeSha256, FieldName::S3, FieldName::Image, FieldName::Architecture];

pub(super) async fn create(aws: &Aws, function: &Function) -> Result<Progress, AwsError> {
    let entry = function.code.entry();
    let request = aws
        .lambda
        .create_function()
        .function_name(&function.name)
        .package_type(if entry.is_some() { PackageType::Zip } else { PackageType::Image })
        .set_runtime(entry.as_ref().map(|entry| Runtime::from(entry.runtime.as_str())))
        .set_handler(entry.map(|entry| entry.handler))
        .role(&function.role_arn)
        .architectures(Architecture::from(function.architecture.as_str()))
        .memory_size(number(function.memory_mib))
        .timeout(number(function.timeout_seconds))
        .set_layers((!function.layers.is_empty()).then(|| function.layers.clone()))
        .environment(sdk_environment(function))
        .code(sdk_code(function))
        .set_tags(Some(function.tags.clone().into_iter().collect()));
    let filled_in = || async {
        let upload = Upload::of_code(aws, function).await.map_err(SdkError::construction_failure)?;
        Ok(Upload::fill_in(upload, request.clone().customize()))
    };
    let CreateFunctionOutput { state, code_sha256, function_arn, .. } = aws.call_prepared(filled_in).await?;
    let why = "the new function to become Active".to_owned();
    if matches!(function.code, Code::S3 { .. }) {
        return Ok(after_fetch(code_sha256, Wait { why, again: ACTIVE_POLL }));
    }
    if state.is_some_and(|state| state != State::Active) {
        let arn = function_arn.unwrap_or_else(|| aws.location.function_arn(&function.name));
        return Ok(Progress::Made(Box::new(Observed { arn, settling: Some(why), ..Observed::default() })));
    }
    if let Some(invoke) = &function.async_invoke {
        put_async(aws, function, invoke).await?;
    }
    Ok(Progress::Done)
}

pub(super) async fn update(
    aws: &Aws,
    function: &Function,
    observed: &Observed,
    changed: Changed<'_>,
    fetched: Option<&str>,
) -> Result<Progress, AwsError> {
    if changed.any(&[FieldName::ReservedConcurrency]) {
        aws.call(aws.lambda.delete_function_concurrency().function_name(&function.name)).await?;
    }
    if changed.any(&CONFIGURATION) {
        // The grant to decrypt the environment was made for the deleted role. AWS makes another one only for another ARN, so the
        // function is given another role now, and its own by the next update.
        // <https://repost.aws/knowledge-center/lambda-kmsaccessdeniedexception-errors>
        let role = if changed.has_deleted_role() { &function.other_role_arn } else { &function.role_arn };
        let entry = function.code.entry();
        let request = aws
            .lambda
            .update_function_configuration()
            .function_name(&function.name)
            .set_runtime(entry.as_ref().map(|entry| Runtime::from(entry.runtime.as_str())))
            .set_handler(entry.map(|entry| entry.handler))
            .role(role)
            .memory_size(number(function.memory_mib))
            .timeout(number(function.timeout_seconds))
            .set_layers(changed.any(&[FieldName::Layers]).then(|| function.layers.clone()))
            .environment(sdk_environment(function));
        aws.call(without_foreign_settings(request, function, changed)).await?;
        return Ok(Progress::waiting("the function's new configuration", ACTIVE_POLL));
    }
    if changed.any(&CODE) {
        return update_code(aws, function, observed, fetched).await;
    }
    if changed.any(&FieldName::ASYNC) {
        if let Some(invoke) = &function.async_invoke {
            put_async(aws, function, invoke).await?;
        } else {
            let request = aws.lambda.delete_function_event_invoke_config().function_name(&function.name);
            aws.find(request).await?;
        }
    }
    Ok(Progress::Done)
}

/// Adds to an update what removes settings that others made and the operator never makes.
fn without_foreign_settings(
    request: UpdateFunctionConfigurationFluentBuilder,
    function: &Function,
    changed: Changed<'_>,
) -> UpdateFunctionConfigurationFluentBuilder {
    let differs = |name: FieldName| changed.any(&[name]);
    let group = || LoggingConfig::builder().log_group(LogGroup::of_function(&function.name)).build();
    let nowhere =
        || VpcConfig::builder().set_subnet_ids(Some(Vec::new())).set_security_group_ids(Some(Vec::new())).build();
    request
        .set_logging_config(differs(FieldName::LogGroup).then(group))
        .set_vpc_config(differs(FieldName::Vpc).then(nowhere))
        .set_dead_letter_config(
            differs(FieldName::DeadLetterTarget).then(|| DeadLetterConfig::builder().target_arn("").build()),
        )
        .set_kms_key_arn(differs(FieldName::KmsKey).then(String::new))
}

async fn update_code(
    aws: &Aws,
    function: &Function,
    observed: &Observed,
    fetched: Option<&str>,
) -> Result<Progress, AwsError> {
    // Only what Lambda still has is noted: somebody may have deployed since.
    let fetched = fetched.filter(|sha256| observed.fields.get(&FieldName::CodeSha256) == Some(&Field::plain(*sha256)));
    if let (Code::S3 { object, .. }, Some(sha256)) = (&function.code, fetched) {
        let tags = Tags::from([(tag::CODE.to_owned(), format!("{} {sha256}", object.mark()))]);
        put_tags(aws, &observed.arn, &with_cluster(&tags, &function.tags)).await?;
        return Ok(Progress::waiting("the note of what was deployed", ACTIVE_POLL));
    }
    let FunctionCode { zip_file, s3_bucket, s3_key, s3_object_version, image_uri, .. } = sdk_code(function);
    let request = aws
        .lambda
        .update_function_code()
        .function_name(&function.name)
        .architectures(Architecture::from(function.architecture.as_str()))
        .set_zip_file(zip_file)
        .set_s3_bucket(s3_bucket)
        .set_s3_key(s3_key)
        .set_s3_object_version(s3_object_version)
        .set_image_uri(image_uri);
    let filled_in = || async {
        let upload = Upload::of_code(aws, function).await.map_err(SdkError::construction_failure)?;
        Ok(Upload::fill_in(upload, request.clone().customize()))
    };
    let UpdateFunctionCodeOutput { code_sha256, .. } = aws.call_prepared(filled_in).await?;
    let wait = Wait { why: "the function's new code".to_owned(), again: ACTIVE_POLL };
    Ok(if matches!(function.code, Code::S3 { .. }) { after_fetch(code_sha256, wait) } else { Progress::Waiting(wait) })
}

/// The progress after Lambda was asked to fetch code from S3.
fn after_fetch(sha256: Option<String>, wait: Wait) -> Progress {
    match sha256 {
        Some(sha256) => Progress::Fetched { sha256, wait },
        None => Progress::Waiting(wait),
    }
}

/// Sets how failed asynchronous invocations are retried, and where they are sent.
async fn put_async(aws: &Aws, function: &Function, invoke: &AsyncInvoke) -> Result<(), AwsError> {
    let on_failure = OnFailure::builder().destination(&invoke.on_failure_arn).build();
    let request = aws
        .lambda
        .put_function_event_invoke_config()
        .function_name(&function.name)
        .maximum_retry_attempts(number(invoke.max_retries))
        .maximum_event_age_in_seconds(number(invoke.max_age_seconds))
        .destination_config(DestinationConfig::builder().on_failure(on_failure).build());
    aws.call(request).await?;
    Ok(())
}

fn sdk_code(function: &Function) -> FunctionCode {
    let code = FunctionCode::builder();
    match &function.code {
        Code::Builtin(_) | Code::Zip { .. } => code.zip_file(Upload::placeholder()),
        Code::S3 { object, .. } => {
            code.s3_bucket(&object.bucket).s3_key(&object.key).set_s3_object_version(object.version.clone())
        }
        Code::Image(uri) => code.image_uri(uri),
    }
    .build()
}

fn sdk_environment(function: &Function) -> Environment {
    Environment::builder().set_variables(Some(function.environment.clone().into_iter().collect())).build()
}

pub(super) async fn delete(aws: &Aws, name: &str) -> Result<Progress, AwsError> {
    aws.call(aws.lambda.delete_function().function_name(name)).await?;
    Ok(Progress::Done)
}

/// Puts tags on a function or a mapping.
pub(super) async fn put_tags(aws: &Aws, arn: &str, tags: &Tags) -> Result<(), AwsError> {
    let request = aws.lambda.tag_resource().resource(arn).set_tags(Some(tags.clone().into_iter().collect()));
    aws.call(request).await?;
    Ok(())
}

/// Removes tags from a function or a mapping.
pub(super) async fn remove_tags(aws: &Aws, arn: &str, keys: Vec<String>) -> Result<(), AwsError> {
    let request = aws.lambda.untag_resource().resource(arn).set_tag_keys(Some(keys));
    aws.call(request).await?;
    Ok(())
}

/// Lambda's numbers are signed; ours are bounded far below.
fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::sync::Arc;

    use aws_sdk_lambda::types::builders::FunctionConfigurationBuilder;
    use aws_sdk_lambda::types::{
        EnvironmentResponse, FunctionConfiguration, LastUpdateStatus, Layer, StateReasonCode, VpcConfigResponse,
    };
    use pipeline_core::archive::Zip;
    use pipeline_core::code::{Artifact, Entry, S3Object};
    use pipeline_core::names::TagKeys;
    use pipeline_core::plan::Verdict;
    use pipeline_core::resource::Field;
    use pipeline_core::resource::{Difference, Kind, Resource, diff};

    use super::read::{read, settling};
    use super::*;

    fn desired() -> Function {
        Function {
            name: "a-sender".to_owned(),
            role_arn: "arn:aws:iam::111122223333:role/taskpipelines/lab/a-sender".to_owned(),
            other_role_arn: "arn:aws:iam::111122223333:role/taskpipelines/lab/a-runner".to_owned(),
            code: Code::Builtin(Arc::new(Artifact {
                size: 1,
                path: PathBuf::from("sender-arm64.zip"),
                sha256: "hash".to_owned(),
            })),
            layers: Vec::new(),
            architecture: api::Architecture::Arm64,
            memory_mib: 128,
            timeout_seconds: 30,
            environment: BTreeMap::from([("QUEUE_URL".to_owned(), "https://sqs/a-tasks".to_owned())]),
            async_invoke: None,
            tags: Tags::new(),
        }
    }

    fn answer() -> FunctionConfigurationBuilder {
        FunctionConfiguration::builder()
            .function_name("a-sender")
            .runtime(Runtime::Providedal2023)
            .handler("bootstrap")
            .role("arn:aws:iam::111122223333:role/taskpipelines/lab/a-sender")
            .timeout(30)
            .memory_size(128)
            .architectures(Architecture::Arm64)
            .package_type(PackageType::Zip)
            .code_sha256("hash")
            .environment(EnvironmentResponse::builder().variables("QUEUE_URL", "https://sqs/a-tasks").build())
            .state(State::Active)
            .last_update_status(LastUpdateStatus::Successful)
    }

    fn entry() -> Entry {
        Entry { runtime: "python3.13".to_owned(), handler: "index.handler".to_owned() }
    }

    #[test]
    fn what_was_created_reads_back_as_wanted() {
        assert_eq!(read(answer().build()).fields, desired().fields());
        assert_eq!(settling(&answer().build()), None);
    }

    #[test]
    fn a_zip_and_layers_read_back_as_wanted() {
        let zip = Arc::new(Zip::of(b"zip".to_vec()));
        let layers = vec!["arn:aws:lambda:eu-west-1:111122223333:layer:a:1".to_owned()];
        let answer = answer().runtime(Runtime::Python313).handler("index.handler").code_sha256(zip.sha256());
        let answer = answer.layers(Layer::builder().arn(&layers[0]).code_size(7).build()).build();
        let desired = Function { code: Code::Zip { zip, entry: entry() }, layers, ..desired() };
        assert_eq!(read(answer).fields, desired.fields());
    }

    #[test]
    fn code_from_s3_is_judged_by_what_was_noted_when_it_was_fetched() {
        let object = S3Object { bucket: "b".to_owned(), key: "k.zip".to_owned(), version: None };
        let tagged = |note: &str| {
            let answer = answer().runtime(Runtime::Python313).handler("index.handler");
            let mut seen = read(answer.build());
            seen.tags = Tags::from([(tag::CODE.to_owned(), note.to_owned())]);
            take_mark(&mut seen);
            seen
        };
        let desired = Function { code: Code::S3 { object: object.clone(), entry: entry() }, ..desired() };
        let seen = tagged(&format!("{} hash", object.mark()));
        assert_eq!((seen.fields, seen.tags), (desired.fields(), Tags::new()));
        for stale in [format!("{} another-hash", object.mark()), "other hash".to_owned(), String::new()] {
            assert_ne!(tagged(&stale).fields, desired.fields(), "{stale}");
        }
    }

    #[test]
    fn an_image_reads_back_as_wanted() {
        let uri = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/reports@sha256:1a2b";
        let answer = FunctionConfiguration::builder()
            .role("arn:aws:iam::111122223333:role/taskpipelines/lab/a-sender")
            .timeout(30)
            .memory_size(128)
            .architectures(Architecture::Arm64)
            .package_type(PackageType::Image)
            .code_sha256("digest")
            .environment(EnvironmentResponse::builder().variables("QUEUE_URL", "https://sqs/a-tasks").build());
        let mut seen = read(answer.build());
        seen.fields.insert(FieldName::Image, Field::plain(uri));
        assert_eq!(seen.fields, Function { code: Code::Image(uri.to_owned()), ..desired() }.fields());
    }

    #[test]
    fn a_failed_update_is_a_difference() {
        let failed = answer().last_update_status(LastUpdateStatus::Failed).last_update_status_reason("no role").build();
        assert_ne!(read(failed).fields, desired().fields());
    }

    #[test]
    fn a_busy_function_is_left_alone() {
        assert!(settling(&answer().state(State::Pending).build()).is_some());
        assert!(settling(&answer().last_update_status(LastUpdateStatus::InProgress).build()).is_some());
        assert!(settling(&answer().state(State::Deleting).build()).is_some());
    }

    #[test]
    fn the_code_of_a_function_that_failed_is_sent_again_with_the_reason_at_hand() {
        let failed = answer().state(State::Failed).state_reason_code(StateReasonCode::ImageAccessDenied);
        let seen = read(failed.state_reason("not allowed").build());
        let differences = diff(&Resource::Function(desired()), &seen, &TagKeys::default());
        assert!(Changed(&differences).any(&CODE) && !Changed(&differences).any(&CONFIGURATION), "{differences:?}");
        assert!(!differences.iter().any(|it| Kind::Function.is_replaced_for(it)), "{differences:?}");
        let failure = seen.failure.expect("it failed");
        assert_eq!(failure.to_string(), "Failed: ImageAccessDenied: not allowed");
        let error = super::super::failed(&failure, &Verdict::Update(differences));
        assert_eq!(error.to_string(), "lambda:UpdateFunctionCode: ImageAccessDenied: not allowed");
    }

    #[test]
    fn what_others_set_is_a_difference_and_defaults_are_none() {
        let default = LoggingConfig::builder().log_group("/aws/lambda/a-sender").build();
        let same = answer().logging_config(default).kms_key_arn("").vpc_config(VpcConfigResponse::builder().build());
        assert_eq!(read(same.build()).fields, desired().fields());
        let theirs = answer()
            .logging_config(LoggingConfig::builder().log_group("/theirs").build())
            .kms_key_arn("arn:aws:kms:eu-west-1:111122223333:key/1")
            .dead_letter_config(DeadLetterConfig::builder().target_arn("arn:aws:sqs:eu-west-1:111122223333:q").build())
            .vpc_config(VpcConfigResponse::builder().subnet_ids("subnet-1").build());
        let seen = read(theirs.build());
        let differences = diff(&Resource::Function(desired()), &seen, &TagKeys::default());
        let fields: Vec<FieldName> = differences.iter().filter_map(Difference::field).collect();
        assert_eq!(fields, [FieldName::DeadLetterTarget, FieldName::KmsKey, FieldName::LogGroup, FieldName::Vpc]);
    }
}
