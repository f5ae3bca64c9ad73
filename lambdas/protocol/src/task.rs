//! Tasks and channels as they travel: the custom resource's, with its defaults filled in and secrets by reference.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Names a value inside the pipeline's SSM parameter.
pub type SecretKey = String;

/// What the pipeline's SSM parameter holds, as a JSON object: the secrets of channels and headers by key.
pub type Secrets = BTreeMap<SecretKey, String>;

/// A task as the schedule carries it to the sender, and the sender to the runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Unique within the pipeline.
    pub name: String,
    /// What it does.
    pub action: Action,
    /// The user's own data: seen by templates as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// Text of the notification; absent means the default of [`crate::template`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Names of the channels to notify.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<String>,
    /// Which results are notified.
    #[serde(default)]
    pub notify_on: NotifyOn,
    /// After so many seconds the attempt has failed.
    pub timeout_seconds: u32,
    /// How often the task is started at most.
    pub attempts: u32,
    /// Seconds between a failed attempt and the next.
    pub backoff_seconds: u32,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Nothing but its notification.
    Message,
    /// One HTTP request.
    Http(Http),
    /// One invocation of a Lambda function.
    Function {
        /// Name of the function, or its ARN.
        name: String,
    },
}

/// Which results are notified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotifyOn {
    /// Failures and successes.
    #[default]
    Always,
    /// Results whose last attempt failed.
    Failure,
    /// Results that succeeded.
    Success,
}

/// An HTTP request and the answers that count as success.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    /// Absolute `http` or `https` URL.
    pub url: String,
    /// Method of the request, in upper case on the wire.
    pub method: HttpMethod,
    /// Headers of the request, whose values may be keys of secrets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
    /// Request body, sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Answers that count as success.
    pub expect_status: Vec<StatusPattern>,
}

/// A request method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "RFC 9110 says it")]
pub enum HttpMethod {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

/// One request header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Name of the header, in any case.
    pub name: String,
    /// Value of the header, or the key of its secret.
    pub value: HeaderValue,
}

/// Where a header's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HeaderValue {
    /// Written in the custom resource.
    Plain(String),
    /// Kept in the pipeline's SSM parameter; never follows a redirect to another host.
    Secret(SecretKey),
}

/// A place where results go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Channel {
    /// Unique within the pipeline.
    pub name: String,
    /// The service behind it.
    pub target: Target,
}

/// The service behind a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// A Slack incoming webhook, whose URL is a secret.
    Slack {
        /// Key of the URL.
        url: SecretKey,
    },
    /// A Discord webhook, whose URL is a secret.
    Discord {
        /// Key of the URL.
        url: SecretKey,
    },
    /// A chat of a Telegram bot, whose token is a secret.
    Telegram {
        /// Key of the token.
        token: SecretKey,
        /// The chat's number, or its `@name`.
        chat: String,
        /// The topic within the chat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        thread: Option<i64>,
    },
    /// A Microsoft Teams workflow, whose URL is a secret.
    Teams {
        /// Key of the URL.
        url: SecretKey,
    },
    /// Any HTTP endpoint; gets the whole result as JSON.
    Webhook {
        /// Where to post.
        url: UrlSource,
        /// Headers of the request, whose values may be keys of secrets.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<Header>,
    },
}

/// Where a webhook's URL comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UrlSource {
    /// Written in the custom resource.
    Plain(String),
    /// Kept in the pipeline's SSM parameter.
    Secret(SecretKey),
}

/// A set of HTTP status codes: one code, or a class such as `2xx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum StatusPattern {
    /// Exactly this code.
    Code(u16),
    /// All codes whose first digit is this.
    Class(u8),
}

impl StatusPattern {
    /// Whether a code belongs to the set.
    pub fn matches(self, code: u16) -> bool {
        match self {
            Self::Code(expected) => code == expected,
            Self::Class(digit) => code / 100 == u16::from(digit),
        }
    }
}

/// A text that is not a [`StatusPattern`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a status code from 100 to 599 nor a class from `1xx` to `5xx`")]
pub struct StatusPatternError(String);

impl FromStr for StatusPattern {
    type Err = StatusPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            [digit @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] => Ok(Self::Class(digit - b'0')),
            [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9'] => {
                text.parse().map(Self::Code).map_err(|_| StatusPatternError(text.to_owned()))
            }
            _ => Err(StatusPatternError(text.to_owned())),
        }
    }
}

impl fmt::Display for StatusPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Class(digit) => write!(f, "{digit}xx"),
        }
    }
}

impl TryFrom<String> for StatusPattern {
    type Error = StatusPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StatusPattern> for String {
    fn from(pattern: StatusPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_patterns_are_codes_or_classes() {
        for (text, inside, outside) in [("2xx", 204, 301), ("404", 404, 400), ("5XX", 599, 499)] {
            let pattern: StatusPattern = text.parse().unwrap();
            assert!(pattern.matches(inside), "{text} has {inside}");
            assert!(!pattern.matches(outside), "{text} lacks {outside}");
        }
        for text in ["", "xx", "6xx", "0xx", "99", "600", "2x", "abc", "+2xx", "-1"] {
            assert!(text.parse::<StatusPattern>().is_err(), "{text} is refused");
        }
    }
}
