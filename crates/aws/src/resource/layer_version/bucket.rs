//! A layer's zip that is too large for a call: an object in S3, there for as long as Lambda takes to fetch it.
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
//!
//! The object is deleted whatever comes of the version. An operator that is killed in between leaves it. Its key is the
//! version's own, so the next attempt removes it; if there is none, as the version was published, a lifecycle rule does.

use aws_sdk_s3::Config;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_smithy_runtime_api::client::result::SdkError;
use pipeline_core::code::{Artifact, S3Object};
use pipeline_core::error_chain::chain;

use crate::uploads::{InTurn, timeouts};
use crate::{Aws, AwsError};

/// Publishes a version from an object that is there for as long as that takes. `to` is the layer's ARN.
pub(super) async fn published<T>(
    aws: &Aws,
    zip: &Artifact,
    object: &S3Object,
    to: &str,
    publish: impl Future<Output = Result<T, AwsError>>,
) -> Result<T, AwsError> {
    // Before megabytes are sent: S3 answers this at once if the bucket is missing, elsewhere, somebody else's or closed. An
    // answer in the middle of an upload may get lost.
    remove(aws, object).await.map_err(|error| about(object, error))?;
    let result = match put(aws, zip, object, to).await {
        Ok(()) => publish.await,
        Err(error) => Err(about(object, error)),
    };
    if let Err(error) = remove(aws, object).await {
        // The version counts: a lifecycle rule, or the next attempt, removes the object.
        tracing::warn!(
            bucket = object.bucket,
            key = object.key,
            error = chain(&error),
            "an object stays in the bucket"
        );
    }
    result
}

/// Streams the zip from the disk. S3 takes nothing else than what was built, as its hash is in the request.
async fn put(aws: &Aws, zip: &Artifact, object: &S3Object, to: &str) -> Result<(), AwsError> {
    let prepare = || async {
        let turn = aws.uploads().turn(to).await.map_err(SdkError::construction_failure)?;
        let file = ByteStream::read_from().path(&zip.path).length(Length::Exact(zip.size)).build().await;
        let request = aws
            .s3
            .put_object()
            .bucket(&object.bucket)
            .key(&object.key)
            .checksum_sha256(&zip.sha256)
            .expected_bucket_owner(&aws.location.account)
            .body(file.map_err(SdkError::construction_failure)?)
            .customize()
            .config_override(Config::builder().timeout_config(timeouts(zip.size)));
        Ok(InTurn { request, turn })
    };
    aws.call_prepared(prepare).await?;
    Ok(())
}

async fn remove(aws: &Aws, object: &S3Object) -> Result<(), AwsError> {
    let request = aws.s3.delete_object().bucket(&object.bucket).key(&object.key);
    aws.call(request.expected_bucket_owner(&aws.location.account)).await?;
    Ok(())
}

/// The error with the bucket that it is about, which S3 does not name.
fn about(object: &S3Object, error: AwsError) -> AwsError {
    AwsError { message: format!("bucket `{}`: {}", object.bucket, error.message), ..error }
}
