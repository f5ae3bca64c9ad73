//! What is run, and where it goes: tasks and channels.

use super::*;

fn url() -> impl Strategy<Value = String> {
    "https?://[a-z]{1,20}\\.example(/[a-z0-9]{1,10}){0,3}(\\?[a-z]=[0-9])?"
}

fn headers() -> BoxedStrategy<Vec<Header>> {
    let value = prop_oneof![
        "[ -~]{0,40}".prop_map(|value| (Some(value), None)),
        select(vec!["token", "word"]).prop_map(|key| (None, Some(secret(key)))),
    ];
    btree_map("x-[a-z]{1,20}", value, 0..4)
        .prop_map(|headers| {
            let header = |(name, (value, secret_key_ref))| Header { name, value, secret_key_ref };
            headers.into_iter().map(header).collect()
        })
        .boxed()
}

pub(super) fn channels() -> BoxedStrategy<Vec<Channel>> {
    let webhook = (option::of(url()), headers()).prop_map(|(url, headers)| {
        let url_from = url.is_none().then(source);
        let webhook = Some(Webhook { url, url_from, headers });
        Channel { webhook, ..Channel::default() }
    });
    let telegram = ("-?[0-9]{1,15}|@[a-zA-Z0-9_]{1,32}", option::of(1..=i64::MAX)).prop_map(|(chat_id, thread_id)| {
        let bot_token = SecretSource { secret_key_ref: secret("bot") };
        Channel { telegram: Some(Telegram { bot_token, chat_id, thread_id }), ..Channel::default() }
    });
    let kind = prop_oneof![
        Just(Channel { slack: Some(Slack { webhook_url: source() }), ..Channel::default() }),
        Just(Channel { discord: Some(Discord { webhook_url: source() }), ..Channel::default() }),
        Just(Channel { teams: Some(Teams { webhook_url: source() }), ..Channel::default() }),
        telegram,
        webhook,
    ];
    btree_map(name(), kind, 0..5)
        .prop_map(|channels| channels.into_iter().map(|(name, channel)| Channel { name, ..channel }).collect())
        .boxed()
}

pub(super) fn tasks(channels: Vec<String>, functions: Vec<String>, longest: u32) -> BoxedStrategy<Vec<Task>> {
    let names = prop_oneof![8 => btree_set(name(), 1..5), 1 => btree_set("[a-z]{12}", 100)];
    names
        .prop_flat_map(move |names| {
            let tasks: Vec<_> =
                names.into_iter().map(|name| task(name, channels.clone(), &functions, longest)).collect();
            tasks
        })
        .boxed()
}

/// What a task does, as the fields that say it.
fn change(functions: &[String]) -> BoxedStrategy<Task> {
    let http = http().prop_map(|http| Task { http: Some(http), ..Task::default() });
    let message = Just(Task { message: Some(MessageTask {}), ..Task::default() });
    let existing = "[a-z]{1,9}".prop_map(|name| {
        let arn = format!("arn:aws:lambda:eu-central-1:111122223333:function:team-a-{name}");
        Task { function_arn: Some(arn), ..Task::default() }
    });
    if functions.is_empty() {
        return prop_oneof![http, message, existing].boxed();
    }
    let function = select(functions.to_vec()).prop_map(|name| Task { function: Some(name), ..Task::default() });
    prop_oneof![http, message, existing, function].boxed()
}

fn task(name: String, channels: Vec<String>, functions: &[String], longest: u32) -> BoxedStrategy<Task> {
    let templates = ["{{ task }}: {{ status }}", "{% if error %}{{ error }}{% endif %}", "Grüße, 你好"];
    let notify_on = select(vec![NotifyOn::Always, NotifyOn::Failure, NotifyOn::Success]);
    let retry = (within(1..=10), within(1..=3600));
    let count = channels.len();
    // The default timeout is 45 s for a task that calls a function, and 10 s for any other.
    let timeout =
        if longest < 45 { within(1..=longest).prop_map(Some).boxed() } else { option::of(within(1..=longest)).boxed() };
    (
        change(functions),
        option::of(input()),
        option::of(select(templates.map(str::to_owned).to_vec())),
        subsequence(channels, 0..=count),
        notify_on,
        timeout,
        retry,
    )
        .prop_map(move |(change, input, template, notify, notify_on, timeout_seconds, (attempts, backoff_seconds))| {
            let Task { message, http, function, function_arn, .. } = change;
            Task {
                name: name.clone(),
                message,
                http,
                function,
                function_arn,
                input,
                template,
                notify,
                notify_on,
                timeout_seconds,
                retry: Retry { attempts, backoff_seconds },
            }
        })
        .boxed()
}

fn http() -> BoxedStrategy<Http> {
    let methods = vec![
        HttpMethod::Get,
        HttpMethod::Head,
        HttpMethod::Post,
        HttpMethod::Put,
        HttpMethod::Patch,
        HttpMethod::Delete,
        HttpMethod::Options,
    ];
    let status = prop_oneof![
        (100..600_i32).prop_map(IntOrString::Int),
        "[1-5]xx".prop_map(IntOrString::String),
        "[1-5][0-9][0-9]".prop_map(IntOrString::String),
    ];
    (url(), select(methods), headers(), option::of(".{0,60}"), vec(status, 1..4))
        .prop_map(|(url, method, headers, body, expect_status)| Http { url, method, headers, body, expect_status })
        .boxed()
}

fn input() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,8}", inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}
