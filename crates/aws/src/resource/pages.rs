//! Lists that AWS gives a page at a time. The SDK's own paginators would not wait for the rate limits.

use crate::AwsError;

/// Asks for page after page, each with the token that came with the last, and gives what is on all of them.
///
/// # Errors
/// As asking for a page.
pub(super) async fn all<T, F>(ask: impl Fn(Option<String>) -> F) -> Result<Vec<T>, AwsError>
where
    F: Future<Output = Result<(Vec<T>, Option<String>), AwsError>>,
{
    let (mut found, mut token) = (Vec::new(), None);
    loop {
        let (page, next) = ask(token).await?;
        found.extend(page);
        // Some services end with an empty token.
        token = next.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pages_are_asked_for_until_there_is_no_token_or_an_empty_one() {
        for last in [None, Some(String::new())] {
            let found = all(|token| {
                let page = match token.as_deref() {
                    None => (vec![1, 2], Some("more".to_owned())),
                    Some("more") => (vec![3], last.clone()),
                    Some(other) => panic!("nobody gave {other:?}"),
                };
                async { Ok(page) }
            });
            assert_eq!(found.await.unwrap(), [1, 2, 3], "{last:?}");
        }
    }
}
