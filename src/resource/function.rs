//! Lambda functions with their asynchronous settings.
//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html>
//!
//! Configuration and code are two calls, and each leaves the function busy: an update does one, and the next look finds
//! what is left.

mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_lambda::types::{
    Architecture, DestinationConfig, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, OnFailure,
    Runtime, State,
};
use aws_smithy_runtime_api::client::result::SdkError;
use serde_json::json;

use super::{Changed, Field, Fields, Id, Kind, Observed, Progress, TagChanges};
use crate::aws::{Aws, AwsError, Operation};
use crate::identity::Tags;
pub use upload::Artifact;
pub(super) use upload::Upload;

/// The runtime of the built-in functions: Amazon Linux 2023 and nothing else.
const RUNTIME: Runtime = Runtime::Providedal2023;

/// A custom runtime starts the zip's `bootstrap` whatever the handler; the API asks for one all the same.
const HANDLER: &str = "bootstrap";

/// A zip function is often Active at once, and within a second or so otherwise.
const ACTIVE_POLL: Duration = Duration::from_millis(250);

/// Functions on a page of a list; more are not given whatever is asked for.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html>
const LIST_PAGE: i32 = 50;

/// A wanted function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Name, at most 64 characters.
    pub name: String,
    /// ARN of the role it runs as.
    pub role_arn: String,
    /// The code.
    pub artifact: Arc<Artifact>,
    /// Processor architecture.
    pub architecture: crate::crd::Architecture,
    /// Memory in MiB.
    pub memory_mib: u32,
    /// Seconds after which an invocation is ended.
    pub timeout_seconds: u32,
    /// ARNs of layer versions, in the order in which they are unpacked. AWS makes up those of the pipeline's own, which
    /// go by their names until then.
    pub layers: Vec<String>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// What becomes of asynchronous invocations that fail; absent: Lambda's defaults.
    pub async_invoke: Option<AsyncInvoke>,
    /// Tags.
    pub tags: Tags,
}

/// What becomes of asynchronous invocations that fail.
#[derive(Clone, Debug)]
pub struct AsyncInvoke {
    /// How often Lambda tries again, 0 to 2.
    pub max_retries: u32,
    /// Seconds after which an event is given up, 60 to 21600.
    pub max_age_seconds: u32,
    /// ARN of the queue that gets what was given up.
    pub on_failure_arn: String,
}

const CONFIGURATION: [&str; 8] =
    ["runtime", "handler", "layers", "role", "timeout", "memorySize", "environment", "lastUpdateStatus"];
const CODE: [&str; 2] = ["codeSha256", "architecture"];
const ASYNC: [&str; 3] = ["asyncMaximumRetryAttempts", "asyncMaximumEventAge", "asyncOnFailure"];

impl Function {
    pub(super) fn fields(&self) -> Fields {
        let mut fields = Fields::from([
            ("runtime", Field::plain(RUNTIME.as_str())),
            ("handler", Field::plain(HANDLER)),
            ("role", Field::plain(self.role_arn.as_str())),
            ("timeout", Field::plain(self.timeout_seconds)),
            ("memorySize", Field::plain(self.memory_mib)),
            ("architecture", Field::plain(self.architecture.as_str())),
            ("codeSha256", Field::plain(self.artifact.sha256.as_str())),
        ]);
        if !self.layers.is_empty() {
            fields.insert("layers", Field::Plain(json!(self.layers)));
        }
        if !self.environment.is_empty() {
            fields.insert("environment", Field::Plain(json!(self.environment)));
        }
        if let Some(invoke) = &self.async_invoke {
            fields.insert("asyncMaximumRetryAttempts", Field::plain(invoke.max_retries));
            fields.insert("asyncMaximumEventAge", Field::plain(invoke.max_age_seconds));
            fields.insert("asyncOnFailure", Field::plain(invoke.on_failure_arn.as_str()));
        }
        fields
    }

    pub(super) async fn create(&self, aws: &Aws) -> Result<Progress, AwsError> {
        let request = aws
            .lambda
            .create_function()
            .function_name(&self.name)
            .runtime(RUNTIME)
            .handler(HANDLER)
            .role(&self.role_arn)
            .architectures(Architecture::from(self.architecture.as_str()))
            .memory_size(number(self.memory_mib))
            .timeout(number(self.timeout_seconds))
            .set_layers((!self.layers.is_empty()).then(|| self.layers.clone()))
            .environment(self.sdk_environment())
            .code(FunctionCode::builder().zip_file(Upload::placeholder()).build())
            .set_tags(Some(self.tags.clone().into_iter().collect()));
        let send = || async {
            let upload = self.artifact.read().await.map_err(SdkError::construction_failure)?;
            request.clone().customize().mutate_request(upload.fill()).send().await
        };
        let answer = aws.call(Operation::CreateFunction, send).await?;
        if answer.state.is_some_and(|state| state != State::Active) {
            return Ok(Progress::waiting("the new function to become Active", ACTIVE_POLL));
        }
        self.put_async(aws).await?;
        Ok(Progress::Done)
    }

    pub(super) async fn update(&self, aws: &Aws, have: &Observed, changed: Changed<'_>) -> Result<Progress, AwsError> {
        put_lambda_tags(aws, &self.tags, have).await?;
        if changed.any(&CONFIGURATION) {
            let request = aws
                .lambda
                .update_function_configuration()
                .function_name(&self.name)
                .runtime(RUNTIME)
                .handler(HANDLER)
                .role(&self.role_arn)
                .memory_size(number(self.memory_mib))
                .timeout(number(self.timeout_seconds))
                .set_layers(changed.any(&["layers"]).then(|| self.layers.clone()))
                .environment(self.sdk_environment());
            aws.call(Operation::UpdateFunctionConfiguration, || request.clone().send()).await?;
            return Ok(Progress::waiting("the function's new configuration", ACTIVE_POLL));
        }
        if changed.any(&CODE) {
            let request = aws
                .lambda
                .update_function_code()
                .function_name(&self.name)
                .architectures(Architecture::from(self.architecture.as_str()))
                .zip_file(Upload::placeholder());
            let send = || async {
                let upload = self.artifact.read().await.map_err(SdkError::construction_failure)?;
                request.clone().customize().mutate_request(upload.fill()).send().await
            };
            aws.call(Operation::UpdateFunctionCode, send).await?;
            return Ok(Progress::waiting("the function's new code", ACTIVE_POLL));
        }
        if changed.any(&ASYNC) {
            self.put_async(aws).await?;
        }
        Ok(Progress::Done)
    }

    async fn put_async(&self, aws: &Aws) -> Result<(), AwsError> {
        if let Some(invoke) = &self.async_invoke {
            let on_failure = OnFailure::builder().destination(&invoke.on_failure_arn).build();
            let request = aws
                .lambda
                .put_function_event_invoke_config()
                .function_name(&self.name)
                .maximum_retry_attempts(number(invoke.max_retries))
                .maximum_event_age_in_seconds(number(invoke.max_age_seconds))
                .destination_config(DestinationConfig::builder().on_failure(on_failure).build());
            aws.call(Operation::PutFunctionEventInvokeConfig, || request.clone().send()).await?;
        } else {
            let request = aws.lambda.delete_function_event_invoke_config().function_name(&self.name);
            aws.find(Operation::DeleteFunctionEventInvokeConfig, || request.clone().send()).await?;
        }
        Ok(())
    }

    fn sdk_environment(&self) -> Environment {
        Environment::builder().set_variables(Some(self.environment.clone().into_iter().collect())).build()
    }
}

pub(super) async fn observe(aws: &Aws, name: &str) -> Result<Option<Observed>, AwsError> {
    let request = aws.lambda.get_function().function_name(name);
    let Some(answer) = aws.find(Operation::GetFunction, || request.clone().send()).await? else { return Ok(None) };
    let tags = answer.tags.unwrap_or_default().into_iter().collect();
    let configuration = answer.configuration.unwrap_or_else(|| FunctionConfiguration::builder().build());
    let arn = configuration.function_arn.clone().unwrap_or_else(|| aws.location.function_arn(name));
    let settling = settling(&configuration);
    let mut seen = Observed { arn, tags, settling, ..read(configuration) };
    if seen.settling.is_none() {
        seen.fields.extend(observe_async(aws, name).await?);
    }
    Ok(Some(seen))
}

/// What becomes of a function's asynchronous invocations that fail.
pub(super) async fn observe_async(aws: &Aws, name: &str) -> Result<Fields, AwsError> {
    let request = aws.lambda.get_function_event_invoke_config().function_name(name);
    let mut fields = Fields::new();
    if let Some(invoke) = aws.find(Operation::GetFunctionEventInvokeConfig, || request.clone().send()).await? {
        let on_failure = invoke.destination_config.and_then(|config| config.on_failure?.destination);
        fields.extend(invoke.maximum_retry_attempts.map(|value| ("asyncMaximumRetryAttempts", Field::plain(value))));
        fields.extend(invoke.maximum_event_age_in_seconds.map(|value| ("asyncMaximumEventAge", Field::plain(value))));
        fields.extend(on_failure.map(|value| ("asyncOnFailure", Field::plain(value))));
    }
    Ok(fields)
}

/// All functions there are, without their tags, and without what becomes of their asynchronous invocations.
pub(super) async fn list(aws: &Aws) -> Result<Vec<(Id, Observed)>, AwsError> {
    let mut found = Vec::new();
    let mut marker = None;
    loop {
        let request = aws.lambda.list_functions().max_items(LIST_PAGE).set_marker(marker);
        let answer = aws.call(Operation::ListFunctions, || request.clone().send()).await?;
        for configuration in answer.functions.unwrap_or_default() {
            let Some(name) = configuration.function_name.clone() else { continue };
            let arn = configuration.function_arn.clone().unwrap_or_else(|| aws.location.function_arn(&name));
            found.push((Id::new(Kind::Function, name), Observed { arn, ..read(configuration) }));
        }
        marker = answer.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// What a look and a list have in common.
fn read(configuration: FunctionConfiguration) -> Observed {
    let revision = configuration.revision_id.clone();
    let since = configuration.last_modified.as_deref().and_then(|text| {
        let moment = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", text).ok()?;
        moment.to_timestamp().ok()
    });
    Observed { fields: configuration_fields(configuration), revision, since, ..Observed::default() }
}

fn settling(configuration: &FunctionConfiguration) -> Option<String> {
    match (&configuration.state, &configuration.last_update_status) {
        (Some(State::Pending), _) => Some("the function is Pending".to_owned()),
        (_, Some(LastUpdateStatus::InProgress)) => Some("an update of the function is in progress".to_owned()),
        _ => None,
    }
}

fn configuration_fields(configuration: FunctionConfiguration) -> Fields {
    let architecture =
        configuration.architectures.and_then(|all| all.into_iter().next()).unwrap_or(Architecture::X8664);
    let environment: BTreeMap<String, String> =
        configuration.environment.and_then(|answer| answer.variables).unwrap_or_default().into_iter().collect();
    let mut fields = Fields::from([("architecture", Field::plain(architecture.as_str()))]);
    let layers: Vec<String> = configuration.layers.unwrap_or_default().into_iter().filter_map(|it| it.arn).collect();
    if !layers.is_empty() {
        fields.insert("layers", Field::Plain(json!(layers)));
    }
    fields.extend(configuration.runtime.map(|value| ("runtime", Field::plain(value.as_str()))));
    fields.extend(configuration.handler.map(|value| ("handler", Field::plain(value))));
    fields.extend(configuration.role.map(|value| ("role", Field::plain(value))));
    fields.extend(configuration.timeout.map(|value| ("timeout", Field::plain(value))));
    fields.extend(configuration.memory_size.map(|value| ("memorySize", Field::plain(value))));
    fields.extend(configuration.code_sha256.map(|value| ("codeSha256", Field::plain(value))));
    if !environment.is_empty() {
        fields.insert("environment", Field::Plain(json!(environment)));
    }
    // Wanted never has the field, so a failed update is a difference, and is sent again.
    if configuration.last_update_status == Some(LastUpdateStatus::Failed) {
        let reason = configuration.last_update_status_reason.unwrap_or_default();
        fields.insert("lastUpdateStatus", Field::plain(format!("Failed: {reason}")));
    }
    fields
}

pub(super) async fn delete(aws: &Aws, name: &str) -> Result<Progress, AwsError> {
    aws.call(Operation::DeleteFunction, || aws.lambda.delete_function().function_name(name).send()).await?;
    Ok(Progress::Done)
}

/// Puts the wanted tags on a function or a mapping, and takes others away.
pub(super) async fn put_lambda_tags(aws: &Aws, want: &Tags, have: &Observed) -> Result<(), AwsError> {
    let TagChanges { set, remove } = TagChanges::between(want, &have.tags);
    if !set.is_empty() {
        let request = aws.lambda.tag_resource().resource(&have.arn).set_tags(Some(set.into_iter().collect()));
        aws.call(Operation::LambdaTagResource, || request.clone().send()).await?;
    }
    if !remove.is_empty() {
        let request = aws.lambda.untag_resource().resource(&have.arn).set_tag_keys(Some(remove));
        aws.call(Operation::LambdaUntagResource, || request.clone().send()).await?;
    }
    Ok(())
}

/// Lambda's numbers are signed; ours are bounded far below.
fn number(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use aws_sdk_lambda::types::EnvironmentResponse;
    use tokio::sync::Semaphore;

    use super::*;

    fn wanted() -> Function {
        Function {
            name: "a-sender".to_owned(),
            role_arn: "arn:aws:iam::111122223333:role/taskpipelines/lab/a-sender".to_owned(),
            artifact: Arc::new(Artifact {
                path: PathBuf::from("sender-arm64.zip"),
                sha256: "hash".to_owned(),
                uploads: Arc::new(Semaphore::new(1)),
            }),
            architecture: crate::crd::Architecture::Arm64,
            memory_mib: 128,
            timeout_seconds: 30,
            layers: Vec::new(),
            environment: BTreeMap::from([("QUEUE_URL".to_owned(), "https://sqs/a-tasks".to_owned())]),
            async_invoke: None,
            tags: Tags::new(),
        }
    }

    fn answer() -> aws_sdk_lambda::types::builders::FunctionConfigurationBuilder {
        FunctionConfiguration::builder()
            .runtime(Runtime::Providedal2023)
            .handler("bootstrap")
            .role("arn:aws:iam::111122223333:role/taskpipelines/lab/a-sender")
            .timeout(30)
            .memory_size(128)
            .architectures(Architecture::Arm64)
            .code_sha256("hash")
            .environment(EnvironmentResponse::builder().variables("QUEUE_URL", "https://sqs/a-tasks").build())
            .state(State::Active)
            .last_update_status(LastUpdateStatus::Successful)
    }

    #[test]
    fn what_was_created_reads_back_as_wanted() {
        assert_eq!(configuration_fields(answer().build()), wanted().fields());
        assert_eq!(settling(&answer().build()), None);
    }

    #[test]
    fn a_failed_update_is_a_difference() {
        let failed = answer().last_update_status(LastUpdateStatus::Failed).last_update_status_reason("no role").build();
        assert_ne!(configuration_fields(failed), wanted().fields());
    }

    #[test]
    fn a_busy_function_is_left_alone() {
        assert!(settling(&answer().state(State::Pending).build()).is_some());
        assert!(settling(&answer().last_update_status(LastUpdateStatus::InProgress).build()).is_some());
    }
}
