//! Where results go.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Header, SecretSource, schema};

/// A place where results go: exactly one of `slack`, `discord`, `telegram`, `teams` and `webhook`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "[has(self.slack), has(self.discord), has(self.telegram), has(self.teams), has(self.webhook)].filter(x, x).size() == 1"
).message("a channel has exactly one of slack, discord, telegram, teams and webhook"))]
pub struct Channel {
    /// Name of the channel, unique within the pipeline; tasks name it in `notify`.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A Slack incoming webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    /// A Discord webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord: Option<Discord>,
    /// A Telegram bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telegram: Option<Telegram>,
    /// A Microsoft Teams workflow webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Teams>,
    /// Any HTTP endpoint: gets the whole result as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
}

/// A Slack incoming webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slack {
    /// The webhook's URL, which is a secret.
    pub webhook_url: SecretSource,
}

/// A Discord webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Discord {
    /// The webhook's URL, which is a secret.
    pub webhook_url: SecretSource,
}

/// A Telegram bot's chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Telegram {
    /// The bot's token.
    pub bot_token: SecretSource,
    /// The chat to post to.
    #[schemars(length(min = 1, max = 128))]
    pub chat_id: String,
    /// The topic within the chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub thread_id: Option<i64>,
}

/// A Microsoft Teams workflow webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Teams {
    /// The webhook's URL, which is a secret.
    pub webhook_url: SecretSource,
}

/// Any HTTP endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) != has(self.urlFrom)").message("a webhook has exactly one of url and urlFrom"))]
pub struct Webhook {
    /// Absolute `http://` or `https://` URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = schema::absolute_url())]
    pub url: Option<String>,
    /// The URL, where it is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_from: Option<SecretSource>,
    /// Request headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub headers: Vec<Header>,
}
