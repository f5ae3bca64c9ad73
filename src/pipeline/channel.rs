//! Channels, as they travel.

use protocol::{Target, UrlSource};

use super::refusal::Refusals;
use super::{name, request, secret};
use crate::crd::{Channel, Discord, Slack, Webhook};

/// Checks the channels, and gives them as they travel.
pub(super) fn resolve(channels: &[Channel], refusals: &mut Refusals) -> Vec<protocol::Channel> {
    name::check("spec.channels", channels.iter().map(|channel| channel.name.as_str()), refusals);
    channels.iter().filter_map(|channel| one(channel, refusals)).collect()
}

fn one(channel: &Channel, refusals: &mut Refusals) -> Option<protocol::Channel> {
    let Channel { name, slack, discord, telegram, teams, webhook } = channel;
    let field = format!("spec.channels[{name}]");
    refusals.unsupported(&field, &[("telegram", telegram.is_some()), ("teams", teams.is_some())]);
    let kinds = [
        ("slack", slack.is_some()),
        ("discord", discord.is_some()),
        ("telegram", telegram.is_some()),
        ("teams", teams.is_some()),
        ("webhook", webhook.is_some()),
    ];
    refusals.one_of(&field, "the channel", &kinds);
    // The URL's secret is found by the channel's name alone.
    let target = match (slack, discord, webhook) {
        (Some(Slack { webhook_url: _ }), None, None) => Target::Slack { url: secret::channel_url(name) },
        (None, Some(Discord { webhook_url: _ }), None) => Target::Discord { url: secret::channel_url(name) },
        (None, None, Some(webhook)) => webhook_target(&format!("{field}.webhook"), name, webhook, refusals)?,
        _ => return None,
    };
    Some(protocol::Channel { name: name.clone(), target })
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
