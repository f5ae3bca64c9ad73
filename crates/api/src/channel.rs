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
    /// Name of the channel, unique within the pipeline. Tasks name it in `notify`.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A Slack incoming webhook, which posts to the Slack channel that it was created for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    /// A Discord webhook, which posts to the Discord channel that it was created for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord: Option<Discord>,
    /// A Telegram bot that posts to one chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telegram: Option<Telegram>,
    /// The webhook of a Microsoft Teams workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Teams>,
    /// Any HTTP endpoint. It gets the whole result as JSON, by POST.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
}

/// A Slack incoming webhook, which posts to the Slack channel that it was created for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Slack {
    /// URL of the webhook. It authorises posts, so it is read from a Secret.
    pub webhook_url: SecretSource,
}

/// A Discord webhook, which posts to the Discord channel that it was created for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Discord {
    /// URL of the webhook. It authorises posts, so it is read from a Secret.
    pub webhook_url: SecretSource,
}

/// A Telegram bot's chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Telegram {
    /// Token of the bot, such as `123456789:AAE…`.
    pub bot_token: SecretSource,
    /// Chat to post to: its number, or the `@name` of a public channel or group.
    #[schemars(length(min = 1, max = 128))]
    pub chat_id: String,
    /// Id of the topic within the chat. Default: no topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub thread_id: Option<i64>,
}

/// The webhook of a Microsoft Teams workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Teams {
    /// URL of the webhook. It authorises posts, so it is read from a Secret.
    pub webhook_url: SecretSource,
}

/// An HTTP endpoint that gets results as JSON: exactly one of `url` and `urlFrom`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) != has(self.urlFrom)").message("a webhook has exactly one of url and urlFrom"))]
pub struct Webhook {
    /// Absolute `http://` or `https://` URL. Use `urlFrom` for a URL that is a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = schema::absolute_url())]
    pub url: Option<String>,
    /// The Secret that holds the URL, in place of `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url_from: Option<SecretSource>,
    /// Headers of the request, at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub headers: Vec<Header>,
}
