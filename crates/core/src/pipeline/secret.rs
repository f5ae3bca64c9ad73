//! The Secrets that a pipeline uses, and the content of its SSM parameter.

use std::collections::BTreeMap;

use api::{Channel, FunctionSecret, Header, ScheduledTaskPipelineSpec, SecretKeyRef, SecretSource};
use protocol::{SecretKey, Secrets};

use super::http_syntax;
use super::refusal::{Refusals, quoted};
use crate::names::{MAX_OBJECT_NAME, Part, is_subdomain};
use crate::secret_text::SecretText;

/// Maximum length of an SSM parameter of the free standard tier, in characters.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
const MAX_PARAMETER: usize = 4096;

/// Number of the largest values that a refusal for size names.
const LARGEST_NAMED: usize = 5;

/// What the cluster answered for each key of a Secret.
pub type SecretValues = BTreeMap<SecretKeyRef, SecretLookup>;

/// What the cluster answered for one key of a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretLookup {
    /// The value of the key, which is UTF-8.
    Found(SecretText),
    /// There is no such Secret.
    NoSecret,
    /// The Secret has no such key.
    NoKey,
    /// The value is not UTF-8 text.
    NotUtf8,
    /// The operator may not read it; what the API server said.
    Denied(String),
    /// There is no cluster to ask. Any value will do, since none is compared or written.
    NotAsked,
}

/// A place in the spec that takes its value from a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// The value's key in the pipeline's parameter, such as `channels/team/url`; or the suffix of the name of its own
    /// parameter.
    pub key: SecretKey,
    /// Where the value is.
    pub reference: SecretKeyRef,
    /// Path of the field, such as `spec.channels[team].slack.webhookUrl.secretKeyRef`.
    pub field: String,
    kind: Kind,
}

/// What a secret is used as, which decides its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Url,
    HeaderValue,
    BotToken,
    /// Any text: a function's secret.
    Text,
}

/// Key of a channel's URL in the pipeline's parameter.
pub(super) fn channel_url(channel: &str) -> SecretKey {
    format!("channels/{channel}/url")
}

/// Key of a channel's bot token in the pipeline's parameter.
pub(super) fn channel_token(channel: &str) -> SecretKey {
    format!("channels/{channel}/token")
}

/// Prefix of the keys of a channel's header values.
pub(super) fn channel_headers(channel: &str) -> String {
    format!("channels/{channel}")
}

/// Prefix of the keys of a task's header values.
pub(super) fn task_headers(task: &str) -> String {
    format!("tasks/{task}")
}

/// Key of a header's value. Names of headers are case-insensitive.
pub(super) fn header(owner: &str, name: &str) -> SecretKey {
    format!("{owner}/headers/{}", name.to_ascii_lowercase())
}

/// The secrets that a spec uses, in the fields that this version honours.
///
/// Invalid names of Secrets are left out here, and refused later: in the path of a request they could mean anything.
pub fn secret_refs(spec: &ScheduledTaskPipelineSpec) -> Vec<SecretUse> {
    let of_functions = spec
        .functions
        .iter()
        .flat_map(|function| function.secrets.iter().map(|secret| of_function(&function.name, secret)));
    uses(spec).into_iter().chain(of_functions).filter(|used| is_object_name(&used.reference.name)).collect()
}

/// A function's secret, which has a parameter of its own.
pub(super) fn of_function(function: &str, secret: &FunctionSecret) -> SecretUse {
    let FunctionSecret { name, secret_key_ref } = secret;
    SecretUse {
        key: Part::Secret { function, secret: name }.to_string(),
        reference: secret_key_ref.clone(),
        field: format!("spec.functions[{function}].secrets[{name}].secretKeyRef"),
        kind: Kind::Text,
    }
}

/// The value of a secret that has a parameter of its own.
pub(super) fn text(
    used: &SecretUse,
    namespace: &str,
    values: &SecretValues,
    refusals: &mut Refusals,
) -> Option<SecretText> {
    let text = value(used, namespace, values, refusals)?;
    let length = text.chars().count();
    if length > MAX_PARAMETER {
        let message = format!("the secret has {length} characters, and an SSM parameter holds {MAX_PARAMETER}");
        refusals.invalid_hint(used.field.clone(), message, "shorten it, or split it");
    }
    Some(SecretText::new(text.to_owned()))
}

/// Whether a text is a valid name of a Kubernetes object, and so safe as a path segment.
pub(super) fn is_object_name(name: &str) -> bool {
    is_subdomain(name, MAX_OBJECT_NAME)
}

/// All secrets that channels and headers use.
pub(super) fn uses(spec: &ScheduledTaskPipelineSpec) -> Vec<SecretUse> {
    let channels = spec.channels.iter().flat_map(of_channel);
    let tasks = spec.tasks.iter().flat_map(|task| {
        let headers = task.http.iter().flat_map(|http| &http.headers);
        let field = format!("spec.tasks[{}].http", task.name);
        of_headers(headers, task_headers(&task.name), field)
    });
    channels.chain(tasks).collect()
}

fn of_channel(channel: &Channel) -> Vec<SecretUse> {
    let Channel { name, slack, discord, telegram, teams, webhook } = channel;
    let used = |kind, key, source: &SecretSource, field: &str| SecretUse {
        key,
        reference: source.secret_key_ref.clone(),
        field: format!("spec.channels[{name}].{field}.secretKeyRef"),
        kind,
    };
    let urls = [
        (slack.as_ref().map(|slack| &slack.webhook_url), "slack.webhookUrl"),
        (discord.as_ref().map(|discord| &discord.webhook_url), "discord.webhookUrl"),
        (teams.as_ref().map(|teams| &teams.webhook_url), "teams.webhookUrl"),
        (webhook.as_ref().and_then(|webhook| webhook.url_from.as_ref()), "webhook.urlFrom"),
    ];
    let urls = urls.into_iter().filter_map(|(source, field)| Some(used(Kind::Url, channel_url(name), source?, field)));
    let tokens = telegram
        .iter()
        .map(|telegram| used(Kind::BotToken, channel_token(name), &telegram.bot_token, "telegram.botToken"));
    let headers = webhook.iter().flat_map(|webhook| &webhook.headers);
    let headers = of_headers(headers, channel_headers(name), format!("spec.channels[{name}].webhook"));
    urls.chain(tokens).chain(headers).collect()
}

fn of_headers<'a>(
    headers: impl Iterator<Item = &'a Header>,
    owner: String,
    field: String,
) -> impl Iterator<Item = SecretUse> {
    headers.filter_map(move |it| {
        Some(SecretUse {
            key: header(&owner, &it.name),
            reference: it.secret_key_ref.clone()?,
            field: format!("{field}.headers[{}].secretKeyRef", it.name),
            kind: Kind::HeaderValue,
        })
    })
}

/// Content of the pipeline's parameter; `None` if the spec uses no secret.
pub(super) fn parameter(
    uses: &[SecretUse],
    namespace: &str,
    values: &SecretValues,
    refusals: &mut Refusals,
) -> Option<SecretText> {
    let secrets: Secrets = uses
        .iter()
        .filter_map(|it| Some((it.key.clone(), value(it, namespace, values, refusals)?.to_owned())))
        .collect();
    let largest = uses.iter().max_by_key(|it| secrets.get(&it.key).map_or(0, String::len))?;
    let json = serde_json::json!(secrets).to_string();
    let length = json.chars().count();
    if length > MAX_PARAMETER {
        refusals.invalid_hint(
            largest.field.clone(),
            format!(
                "the secrets of all channels and headers are {length} characters as JSON, and an SSM parameter holds \
                 {MAX_PARAMETER}: {}",
                sizes(&secrets)
            ),
            "shorten them, or split the pipeline",
        );
    }
    Some(SecretText::new(json))
}

fn sizes(secrets: &Secrets) -> String {
    let mut sizes: Vec<(usize, &SecretKey)> = secrets.iter().map(|(key, value)| (value.chars().count(), key)).collect();
    sizes.sort_by(|a, b| b.cmp(a));
    let named = sizes.iter().take(LARGEST_NAMED).map(|(size, key)| format!("`{key}` has {size}"));
    named.collect::<Vec<_>>().join(", ")
}

/// A secret's value, without the line break that files often end with.
fn value<'a>(it: &SecretUse, namespace: &str, values: &'a SecretValues, refusals: &mut Refusals) -> Option<&'a str> {
    let SecretKeyRef { name, key } = &it.reference;
    if !is_object_name(name) {
        let message = format!("{} is not a valid Secret name", quoted(name));
        refusals.invalid_hint(it.field.clone(), message, "write lower-case letters, digits, `-` and `.`");
        return None;
    }
    let (message, hint) = match values.get(&it.reference) {
        Some(SecretLookup::Found(text)) => {
            let text = text.expose().trim();
            return usable(it, text, refusals).then_some(text);
        }
        Some(SecretLookup::NotAsked) => return Some(""),
        Some(SecretLookup::NoSecret) | None => (
            format!("there is no Secret {} in namespace `{namespace}`", quoted(name)),
            format!("create it: `kubectl --namespace {namespace} create secret generic {name} --from-literal={key}=…`"),
        ),
        Some(SecretLookup::NoKey) => (
            format!("the Secret {} has no key {}", quoted(name), quoted(key)),
            format!("add it: `kubectl --namespace {namespace} edit secret {name}`, under `stringData`"),
        ),
        Some(SecretLookup::NotUtf8) => (
            format!("the key {} of Secret {} is not UTF-8 text", quoted(key), quoted(name)),
            "store the text itself, without an encoding of its own".to_owned(),
        ),
        Some(SecretLookup::Denied(answer)) => (
            format!("the operator may not read the Secret {}: {answer}", quoted(name)),
            format!("let the operator's ServiceAccount `get` Secrets in namespace `{namespace}`"),
        ),
    };
    refusals.secret(it.field.clone(), message, hint);
    None
}

fn usable(it: &SecretUse, text: &str, refusals: &mut Refusals) -> bool {
    let wrong = match it.kind {
        Kind::Url => http_syntax::check_url(text).err().map(|problem| problem.to_string()),
        Kind::HeaderValue | Kind::Text if text.is_empty() => Some("it is empty".to_owned()),
        Kind::HeaderValue => http_syntax::check_value(text).err(),
        Kind::BotToken if is_bot_token(text) => None,
        Kind::BotToken => Some("it is not a valid bot token, which looks like `123456789:AAE…`".to_owned()),
        Kind::Text => None,
    };
    let SecretKeyRef { name, key } = &it.reference;
    if let Some(problem) = &wrong {
        let message = format!("the key {} of Secret {} cannot be used: {problem}", quoted(key), quoted(name));
        refusals.invalid_hint(it.field.clone(), message, "correct the Secret");
    }
    wrong.is_none()
}

/// Whether a text is a bot's number and key. It becomes part of a URL.
/// <https://core.telegram.org/bots/api#authorizing-your-bot>
fn is_bot_token(text: &str) -> bool {
    let is_key = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    text.split_once(':').is_some_and(|(bot, key)| bot.parse::<u64>().is_ok() && !key.is_empty() && is_key(key))
}
