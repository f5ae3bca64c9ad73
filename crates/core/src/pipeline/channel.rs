//! Channels, in the form that firings carry.

use api::{Channel, Discord, Slack, Teams, Telegram, Webhook};
use protocol::{Target, UrlSource};

use super::refusal::{Refusals, quoted};
use super::{name, placeholder, request, secret};

/// Validates the channels, and converts them into the form that firings carry.
pub(super) fn resolve(channels: &[Channel], refusals: &mut Refusals) -> Vec<protocol::Channel> {
    name::check("spec.channels", name::MAX, channels.iter().map(|channel| channel.name.as_str()), refusals);
    channels.iter().filter_map(|channel| one(channel, refusals)).collect()
}

fn one(channel: &Channel, refusals: &mut Refusals) -> Option<protocol::Channel> {
    let Channel { name, slack, discord, telegram, teams, webhook } = channel;
    let field = format!("spec.channels[{name}]");
    let kinds = [
        ("slack", slack.is_some()),
        ("discord", discord.is_some()),
        ("telegram", telegram.is_some()),
        ("teams", teams.is_some()),
        ("webhook", webhook.is_some()),
    ];
    refusals.one_of(&field, "the channel", &kinds);
    // The secret is found by the channel's name alone.
    let url = || secret::channel_url(name);
    let target = match (slack, discord, telegram, teams, webhook) {
        (Some(Slack { webhook_url: _ }), None, None, None, None) => Target::Slack { url: url() },
        (None, Some(Discord { webhook_url: _ }), None, None, None) => Target::Discord { url: url() },
        (None, None, Some(telegram), None, None) => telegram_target(&field, name, telegram, refusals),
        (None, None, None, Some(Teams { webhook_url: _ }), None) => Target::Teams { url: url() },
        (None, None, None, None, Some(webhook)) => {
            webhook_target(&format!("{field}.webhook"), name, webhook, refusals)?
        }
        _ => return None,
    };
    Some(protocol::Channel { name: name.clone(), target })
}

fn telegram_target(field: &str, name: &str, telegram: &Telegram, refusals: &mut Refusals) -> Target {
    let Telegram { bot_token: _, chat_id, thread_id } = telegram;
    let field = format!("{field}.telegram.chatId");
    placeholder::check(&field, chat_id, refusals);
    if !is_chat(chat_id) {
        let message = format!("{} is not a valid Telegram chat", quoted(chat_id));
        refusals.invalid_hint(
            field,
            message,
            "write its number, like `\"-1001234567890\"`, or its name, like `@alerts`",
        );
    }
    Target::Telegram { token: secret::channel_token(name), chat: chat_id.clone(), thread: *thread_id }
}

/// Whether a text is a chat id: a number, or the name of a public channel or group.
fn is_chat(text: &str) -> bool {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    match text.strip_prefix('@') {
        Some(name) => !name.is_empty() && is_name(name),
        None => text.parse::<i64>().is_ok(),
    }
}

fn webhook_target(field: &str, name: &str, webhook: &Webhook, refusals: &mut Refusals) -> Option<Target> {
    let Webhook { url, url_from, headers } = webhook;
    refusals.one_of(field, "the webhook", &[("url", url.is_some()), ("urlFrom", url_from.is_some())]);
    let headers = request::headers(field, &secret::channel_headers(name), headers, refusals);
    let url = match (url, url_from) {
        (Some(url), None) => {
            request::url(&format!("{field}.url"), url, refusals);
            UrlSource::Plain(url.clone())
        }
        (None, Some(_)) => UrlSource::Secret(secret::channel_url(name)),
        (Some(_), Some(_)) | (None, None) => return None,
    };
    Some(Target::Webhook { url, headers })
}
