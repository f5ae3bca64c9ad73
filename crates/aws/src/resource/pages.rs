//! Paginated lists. The SDK's paginators are not used: they call `send` directly, past the pacing.

use crate::operation::Request;
use crate::{Aws, AwsError};

/// Requests all pages, each with the token of the one before, and returns their items.
///
/// # Errors
/// As [`Aws::call`].
pub(super) async fn all<R: Request + Clone, T>(
    aws: &Aws,
    request: impl Fn(Option<String>) -> R,
    page: impl Fn(R::Output) -> (Vec<T>, Option<String>),
) -> Result<Vec<T>, AwsError> {
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let (more, next) = page(aws.call(request(token)).await?);
        found.extend(more);
        // Some services end with an empty token.
        token = next.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_lambda::operation::list_functions::ListFunctionsError;
    use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
    use aws_smithy_runtime_api::client::result::SdkError;

    use super::*;
    use crate::{Access, Operation};

    /// A request that answers with its own token.
    #[derive(Clone)]
    struct Echo(Option<String>);

    impl Request for Echo {
        const OPERATION: Operation = Operation::ListFunctions;
        type Output = Option<String>;
        type Error = ListFunctionsError;

        async fn send(self) -> Result<Option<String>, SdkError<ListFunctionsError, HttpResponse>> {
            Ok(self.0)
        }
    }

    #[tokio::test]
    async fn pages_are_asked_for_until_there_is_no_token_or_an_empty_one() {
        let aws = crate::tests::aws(Access::ReadOnly);
        for last in [None, Some(String::new())] {
            let found = all(&aws, Echo, |token| match token.as_deref() {
                None => (vec![1, 2], Some("more".to_owned())),
                Some("more") => (vec![3], last.clone()),
                Some(other) => panic!("nobody gave {other:?}"),
            });
            assert_eq!(found.await.unwrap(), [1, 2, 3], "{last:?}");
        }
    }
}
