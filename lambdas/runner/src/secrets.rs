//! The pipeline's secrets: one SSM parameter, read when it is needed, and kept for a while.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_ssm::Client;
use backon::{ConstantBuilder, Retryable as _};
use protocol::SecretKey;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long secrets are cached.
const KEPT: Duration = Duration::from_mins(5);

/// Pause before a read that was denied is tried again.
const DENIED_AGAIN: Duration = Duration::from_secs(1);

/// Shorter values are not redacted: replacing every `1` would reveal more than it hides.
const SHORTEST_REDACTED: usize = 4;

/// What stands in a secret's place.
const REDACTED: &str = "[redacted]";

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secret(String);

impl Secret {
    /// The value, without the line break that a file often ends with.
    pub(crate) fn expose(&self) -> &str {
        self.0.trim()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// The parameter lacks a secret.
#[derive(Debug, thiserror::Error)]
#[error("the pipeline's parameter holds no `{0}`")]
pub(crate) struct Missing(SecretKey);

/// A pipeline's secrets by key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Secrets(BTreeMap<SecretKey, Secret>);

impl Secrets {
    /// The secret under a key of the parameter.
    pub(crate) fn get(&self, key: &SecretKey) -> Result<&Secret, Missing> {
        self.0.get(key).ok_or_else(|| Missing(key.clone()))
    }

    /// Redacts all secrets in a text, and those parts of them that look like keys.
    pub(crate) fn redact(&self, text: String) -> String {
        let whole = self.0.values().map(Secret::expose).filter(|value| value.len() >= SHORTEST_REDACTED);
        let mut values: Vec<_> = whole.flat_map(|value| tokens(value).chain([value])).collect();
        // Longest first, as one may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values
            .into_iter()
            .fold(text, |text, value| if text.contains(value) { text.replace(value, REDACTED) } else { text })
    }
}

/// The parts of a URL or header value that look like keys: error answers often quote the requested path.
fn tokens(value: &str) -> impl Iterator<Item = &str> {
    let parts = value.split(|character: char| character.is_whitespace() || "/?&=#:@,;".contains(character));
    parts.filter(|part| part.len() >= 20 || part.len() >= 12 && part.bytes().any(|byte| byte.is_ascii_digit()))
}

/// Why the secrets cannot be read. Never contains parts of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot read the parameter `{name}`: {reason}")]
    Unreadable { name: String, reason: String },
    #[error("the parameter `{0}` is not a JSON object of strings")]
    Malformed(String),
}

/// Whether a cached value may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// A cached value may be used.
    Kept,
    /// The value is read from SSM.
    Now,
}

/// Where secrets come from.
#[derive(Debug)]
pub(crate) enum Parameters {
    /// The SSM parameters of AWS.
    Aws(Reader),
    /// The person who tries a pipeline, without AWS.
    Given(Arc<Secrets>),
}

/// Reads SSM parameters, and decrypts them.
#[derive(Debug)]
pub(crate) struct Reader {
    client: Client,
    kept: Mutex<HashMap<String, Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// Wall-clock time: the monotonic clock may stop while Lambda freezes the process.
    since: SystemTime,
    secrets: Arc<Secrets>,
}

impl Parameters {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        // The rate is low and shared by the whole account: all functions that start at one minute have to share it.
        let patient = RetryConfig::standard()
            .with_max_attempts(10)
            .with_initial_backoff(Duration::from_millis(200))
            .with_max_backoff(Duration::from_secs(3));
        let config = aws_sdk_ssm::config::Builder::from(config).retry_config(patient).build();
        Self::Aws(Reader { client: Client::from_conf(config), kept: Mutex::default() })
    }

    /// These secrets, whatever the parameter's name.
    pub(crate) fn given(secrets: protocol::Secrets) -> Self {
        let secrets = secrets.into_iter().map(|(key, value)| (key, Secret(value))).collect();
        Self::Given(Arc::new(Secrets(secrets)))
    }

    /// Opens the connection ahead of its use; never fails.
    pub(crate) async fn warm(&self) {
        match self {
            Self::Aws(reader) => function::warm(reader.client.get_parameter().name("").send()).await,
            Self::Given(_) => {}
        }
    }

    /// The secrets in a parameter; none where the pipeline has no parameter.
    pub(crate) async fn get(&self, name: Option<&str>, freshness: Freshness) -> Result<Arc<Secrets>, Error> {
        match (name, self) {
            (None, _) => Ok(Arc::default()),
            (Some(name), Self::Aws(reader)) => reader.get(name, freshness).await,
            (Some(_), Self::Given(secrets)) => Ok(Arc::clone(secrets)),
        }
    }
}

impl Reader {
    async fn get(&self, name: &str, freshness: Freshness) -> Result<Arc<Secrets>, Error> {
        // Held while reading, so that channels served at once share one read.
        let mut kept = self.kept.lock().await;
        if freshness == Freshness::Kept
            && let Some(Kept { since, secrets }) = kept.get(name)
            && since.elapsed().is_ok_and(|age| age < KEPT)
        {
            return Ok(Arc::clone(secrets));
        }
        let secrets = Arc::new(self.read(name).await?);
        kept.insert(name.to_owned(), Kept { since: SystemTime::now(), secrets: Arc::clone(&secrets) });
        Ok(secrets)
    }

    async fn read(&self, name: &str) -> Result<Secrets, Error> {
        let started = Instant::now();
        let answer = (|| self.client.get_parameter().name(name).with_decryption(true).send())
            .retry(ConstantBuilder::default().with_delay(DENIED_AGAIN).without_max_times())
            .when(|error| function::is_denied(error) && started.elapsed() < function::PROPAGATION)
            .await
            .map_err(|error| Error::Unreadable { name: name.to_owned(), reason: function::reason(&error) })?;
        let value = answer.parameter().and_then(|parameter| parameter.value()).unwrap_or_default();
        serde_json::from_str(value).map_err(|_| Error::Malformed(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(json: &str) -> Secrets {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn secrets_are_taken_out_of_texts_and_never_printed() {
        let secrets = secrets(r#"{"a": "token", "b": "token-long\n", "c": "", "d": "1"}"#);
        assert_eq!(secrets.redact("1 token, token-long".into()), "1 [redacted], [redacted]");
        let printed = format!("{secrets:?}");
        assert!(!printed.contains("token"), "{printed}");
    }

    #[test]
    fn the_keys_within_secrets_are_taken_out_too() {
        let secrets = secrets(
            r#"{"a": "https://hooks.example.com/services/T0123/AbCdEfGhIjKlMnOpQrStUvWx", "b": "Bearer abcdefghijkl1"}"#,
        );
        assert_eq!(
            secrets.redact("Cannot POST /services/T0123/AbCdEfGhIjKlMnOpQrStUvWx on hooks.example.com".into()),
            "Cannot POST /services/T0123/[redacted] on hooks.example.com"
        );
        assert_eq!(secrets.redact("no such token: abcdefghijkl1".into()), "no such token: [redacted]");
    }

    #[test]
    fn a_missing_key_is_named() {
        let error = secrets("{}").get(&"channel/chat".to_owned()).unwrap_err();
        assert_eq!(error.to_string(), "the pipeline's parameter holds no `channel/chat`");
    }
}
