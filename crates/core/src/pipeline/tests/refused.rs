//! One case a refusal, with its whole text.

use super::*;

mod functions;

/// Cases: fields of the spec, and all that is said of them, one refusal a line.
#[track_caller]
fn check_refusals(cases: &[(&str, &[&str])]) {
    for (yaml, expected) in cases {
        assert_eq!(refused(yaml).split('\n').collect::<Vec<_>>(), *expected, "{yaml}");
    }
}

#[test]
fn schedules_zones_and_windows() {
    check_refusals(&[
        (
            "schedule: 0 9 * * 1-8",
            &["InvalidSpec: spec.schedule: `1-8` is not valid in the day-of-week field of `0 9 * * 1-8`: use 0-7 (0 \
                 and 7 are Sunday), SUN-SAT, `*`, lists, ranges and steps"],
        ),
        (
            "timeZone: Europe/Berln",
            &["InvalidSpec: spec.timeZone: `Europe/Berln` is not a valid time zone: did you mean `Europe/Berlin`?"],
        ),
        (
            "schedule: '61 9 * * *'\ntimeZone: Europe/Berln",
            &[
                "InvalidSpec: spec.schedule: `61` is not valid in the minute field of `61 9 * * *`: use 0-59, `*`, \
                 lists, ranges and steps",
                "InvalidSpec: spec.timeZone: `Europe/Berln` is not a valid time zone: did you mean `Europe/Berlin`?",
            ],
        ),
        (
            "schedule: at(2026-06-01T11:59:00)",
            &["InvalidSpec: spec.schedule: `at(2026-06-01T11:59:00)` in UTC has passed; set a later time"],
        ),
        (
            "endTime: 2026-06-01T11:59:00Z",
            &["InvalidSpec: spec.endTime: 2026-06-01T11:59:00Z has passed; set a later time, or remove it"],
        ),
        (
            "{startTime: 2026-07-02T00:00:00Z, endTime: 2026-07-01T00:00:00Z}",
            &["InvalidSpec: spec.endTime: 2026-07-01T00:00:00Z is not after `startTime`, 2026-07-02T00:00:00Z"],
        ),
        (
            "{endTime: 2026-06-01T13:00:00Z}",
            &["InvalidSpec: spec.schedule: `cron(0 0 * * ? *)` does not fire until `endTime`, 2026-06-01T13:00:00Z; \
               set a later `endTime`"],
        ),
        (
            "{schedule: cron(0 9 1 1 ? 2026)}",
            &["InvalidSpec: spec.schedule: `cron(0 9 1 1 ? 2026)` in UTC has passed; set a later time"],
        ),
    ]);
}

#[test]
fn input_of_any_depth_is_refused_by_its_name_and_beyond_the_bound_alone() {
    let nested = |levels: usize| format!("tasks: [{{name: a, message: {{}}, input: {}}}]", deep(levels));
    // A parser of YAML has a limit too, far beyond the bound.
    for levels in [33, 50] {
        let expected = "InvalidSpec: spec.tasks[a].input: it nests deeper than 32 levels; flatten it, or write the \
                        deeper part as a text";
        assert_eq!(refused(&nested(levels)), expected, "{levels}");
    }
    assert!(serde_json::json!(resolved(&nested(32)).firing).to_string().contains(&deep(32)));
}

/// Lists and objects in turn, so deep.
fn deep(levels: usize) -> String {
    (1..levels).fold(
        "[]".to_owned(),
        |inner, level| if level % 2 == 0 { format!("[{inner}]") } else { format!(r#"{{"a":{inner}}}"#) },
    )
}

#[test]
fn tasks() {
    check_refusals(&[
        ("tasks: []", &["InvalidSpec: spec.tasks: it is empty; add a task, like `{name: hello, message: {}}`"]),
        (
            "tasks: [{name: A b, message: {}}]",
            &["InvalidSpec: spec.tasks[A b].name: `A b` is not a valid name; write up to 40 lower-case letters, \
                 digits and, between them, `-`"],
        ),
        (
            "tasks: [{name: a, message: {}}, {name: a, message: {}}]",
            &["InvalidSpec: spec.tasks[a].name: `a` occurs twice; rename one of the two"],
        ),
        (
            "tasks: [{name: a}]",
            &["InvalidSpec: spec.tasks[a]: the task has none of `message`, `http`, `function`, `functionArn`; add one"],
        ),
        (
            "tasks: [{name: a, message: {}, http: {url: 'https://example.com'}}]",
            &["InvalidSpec: spec.tasks[a]: the task has more than one of `message`, `http`; keep one"],
        ),
        (
            "tasks: [{name: a, message: {}, template: '{{ result.text'}]",
            &["InvalidSpec: spec.tasks[a].template: the template cannot be rendered: syntax error: unexpected end of \
               input, expected end of variable block (line 1)"],
        ),
        (
            "tasks: [{name: a, message: {}, template: '{{ result.text | shout }}'}]",
            &["InvalidSpec: spec.tasks[a].template: the template cannot be rendered: unknown filter: filter shout is \
               unknown (line 1)"],
        ),
        (
            "tasks: [{name: a, message: {}, template: '<aws.scheduler.execution-id>'}]",
            &["InvalidSpec: spec.tasks[a].template: the text contains `<aws.scheduler.`, which EventBridge replaces; \
               write it another way; templates can use `scheduledTime`"],
        ),
        (
            "tasks: [{name: a, message: {}, input: {list: [{text: '<aws.scheduler.execution-id>', \
             '<aws.scheduler.x>': 1}]}}]",
            &[
                "InvalidSpec: spec.tasks[a].input.list[0]: the text contains `<aws.scheduler.`, which EventBridge \
                 replaces; write it another way; templates can use `scheduledTime`",
                "InvalidSpec: spec.tasks[a].input.list[0].text: the text contains `<aws.scheduler.`, which \
                 EventBridge replaces; write it another way; templates can use `scheduledTime`",
            ],
        ),
        (
            "tasks: [{name: a, message: {}, notify: [ops]}]",
            &["InvalidSpec: spec.tasks[a].notify: `ops` is not the name of a channel; add it to `spec.channels`, \
                 which is empty"],
        ),
        (
            "{tasks: [{name: a, message: {}, notify: [ops, team, team]}], channels: [{name: team, slack: {webhookUrl: \
             {secretKeyRef: {name: chat, key: slack}}}}]}",
            &[
                "InvalidSpec: spec.tasks[a].notify: `ops` is not the name of a channel; use one of `team`",
                "InvalidSpec: spec.tasks[a].notify: `team` occurs twice; keep one",
            ],
        ),
        (
            "tasks: [{name: a, message: {}, timeoutSeconds: 871}]",
            &["InvalidSpec: spec.tasks[a].timeoutSeconds: 871 is not from 1 to 870"],
        ),
        (
            "tasks: [{name: a, message: {}, timeoutSeconds: 0}]",
            &["InvalidSpec: spec.tasks[a].timeoutSeconds: 0 is not from 1 to 870"],
        ),
        (
            "tasks: [{name: a, message: {}, retry: {attempts: 0}}]",
            &["InvalidSpec: spec.tasks[a].retry.attempts: 0 is not from 1 to 10"],
        ),
    ]);
}

#[test]
fn requests() {
    check_refusals(&[
        (
            "tasks: [{name: a, http: {url: example.com}}]",
            &["InvalidSpec: spec.tasks[a].http.url: `example.com` cannot be requested: it does not begin with \
               `http://` or `https://`; write an absolute URL, like `https://example.com/health`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https:example.com'}}]",
            &["InvalidSpec: spec.tasks[a].http.url: `https:example.com` cannot be requested: it does not begin with \
               `http://` or `https://`; write an absolute URL, like `https://example.com/health`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'ftp://example.com'}}]",
            &["InvalidSpec: spec.tasks[a].http.url: `ftp://example.com` cannot be requested: it does not begin with \
               `http://` or `https://`; write an absolute URL, like `https://example.com/health`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://'}}]",
            &["InvalidSpec: spec.tasks[a].http.url: `https://` cannot be requested: it is not a valid URL: empty \
                 host; write an absolute URL, like `https://example.com/health`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://exa mple.com'}}]",
            &["InvalidSpec: spec.tasks[a].http.url: `https://exa mple.com` cannot be requested: it contains a space \
               or a control character; write an absolute URL, like `https://example.com/health`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com:99999'}}]",
            &["InvalidSpec: spec.tasks[a].http.url: `https://example.com:99999` cannot be requested: it is not a \
                 valid URL: invalid port number; write an absolute URL, like `https://example.com/health`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://me:sesame@example.com'}}]",
            &["InvalidSpec: spec.tasks[a].http.url: the URL of host `example.com` has a user or a password in it; \
               keep them in a Secret, and send them in a header with `secretKeyRef`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com/<aws.scheduler.x>', body: '<aws.scheduler.x>'}}]",
            &[
                "InvalidSpec: spec.tasks[a].http.url: the text contains `<aws.scheduler.`, which EventBridge \
                 replaces; write it another way; templates can use `scheduledTime`",
                "InvalidSpec: spec.tasks[a].http.body: the text contains `<aws.scheduler.`, which EventBridge \
                 replaces; write it another way; templates can use `scheduledTime`",
            ],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com', expectStatus: [600, 2xy]}}]",
            &[
                "InvalidSpec: spec.tasks[a].http.expectStatus: `600` is neither a status code from 100 to 599 nor a \
                 class from `1xx` to `5xx`",
                "InvalidSpec: spec.tasks[a].http.expectStatus: `2xy` is neither a status code from 100 to 599 nor a \
                 class from `1xx` to `5xx`",
            ],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com', expectStatus: []}}]",
            &["InvalidSpec: spec.tasks[a].http.expectStatus: no answer would count as success; leave it out, or add \
               codes like `2xx` or `200`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com', headers: [{name: X Y, value: a}, {name: host, \
             value: a}, {name: X, value: a}, {name: x, value: \"a\\nb\"}]}}]",
            &[
                "InvalidSpec: spec.tasks[a].http.headers[X Y].name: `X Y` is not a valid header name; write letters, \
                 digits and `-`, like `X-Token`",
                "InvalidSpec: spec.tasks[a].http.headers[host].name: `host` is set by the HTTP client; remove it",
                "InvalidSpec: spec.tasks[a].http.headers[x].name: `x` occurs twice, as header names are \
                 case-insensitive; keep one",
                "InvalidSpec: spec.tasks[a].http.headers[x].value: it contains a line break, which a header cannot \
                 have",
            ],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com', headers: [{name: X, value: é}, {name: W}, {name: Z, \
             value: a, secretKeyRef: {name: chat, key: token}}]}}]",
            &[
                "InvalidSpec: spec.tasks[a].http.headers[X].value: it contains a character beyond printable ASCII, \
                 which a header cannot have",
                "InvalidSpec: spec.tasks[a].http.headers[W]: the header has no value; set `value` or `secretKeyRef`",
                "InvalidSpec: spec.tasks[a].http.headers[Z]: the header has both `value` and `secretKeyRef`; keep one",
            ],
        ),
    ]);
}

#[test]
fn channels() {
    check_refusals(&[
        (
            "channels: [{name: c}]",
            &["InvalidSpec: spec.channels[c]: the channel has none of `slack`, `discord`, `telegram`, `teams`, \
               `webhook`; add one"],
        ),
        (
            "channels: [{name: c, webhook: {}}]",
            &["InvalidSpec: spec.channels[c].webhook: the webhook has none of `url`, `urlFrom`; add one"],
        ),
        (
            "channels: [{name: c, webhook: {url: example.com, urlFrom: {secretKeyRef: {name: chat, key: slack}}}}]",
            &["InvalidSpec: spec.channels[c].webhook: the webhook has more than one of `url`, `urlFrom`; keep one"],
        ),
        (
            "channels: [{name: c, webhook: {url: example.com}}]",
            &["InvalidSpec: spec.channels[c].webhook.url: `example.com` cannot be requested: it does not begin with \
               `http://` or `https://`; write an absolute URL, like `https://example.com/health`"],
        ),
    ]);
}

#[test]
fn secrets() {
    check_refusals(&[
        (
            "channels: [{name: c, slack: {webhookUrl: {secretKeyRef: {name: gone, key: k}}}}]",
            &["SecretMissing: spec.channels[c].slack.webhookUrl.secretKeyRef: there is no Secret `gone` in namespace \
               `team-a`; create it: `kubectl --namespace team-a create secret generic gone --from-literal=k=…`"],
        ),
        (
            "channels: [{name: c, slack: {webhookUrl: {secretKeyRef: {name: chat, key: gone}}}}]",
            &["SecretMissing: spec.channels[c].slack.webhookUrl.secretKeyRef: the Secret `chat` has no key `gone`; \
               add it: `kubectl --namespace team-a edit secret chat`, under `stringData`"],
        ),
        (
            "channels: [{name: c, slack: {webhookUrl: {secretKeyRef: {name: locked, key: k}}}}]",
            &["SecretMissing: spec.channels[c].slack.webhookUrl.secretKeyRef: the operator may not read the Secret \
               `locked`: secrets \"locked\" is forbidden; let the operator's ServiceAccount `get` Secrets in \
               namespace `team-a`"],
        ),
        (
            "channels: [{name: c, discord: {webhookUrl: {secretKeyRef: {name: chat, key: binary}}}}]",
            &["SecretMissing: spec.channels[c].discord.webhookUrl.secretKeyRef: the key `binary` of Secret `chat` is \
                 not UTF-8 text; store the text itself, without an encoding of its own"],
        ),
        (
            "channels: [{name: c, discord: {webhookUrl: {secretKeyRef: {name: chat, key: word}}}}]",
            &["InvalidSpec: spec.channels[c].discord.webhookUrl.secretKeyRef: the key `word` of Secret `chat` cannot \
               be used: it does not begin with `http://` or `https://`; correct the Secret"],
        ),
        (
            "channels: [{name: c, telegram: {chatId: '#ops', botToken: {secretKeyRef: {name: chat, key: word}}}}]",
            &[
                "InvalidSpec: spec.channels[c].telegram.chatId: `#ops` is not a valid Telegram chat; write its number, \
                 like `\"-1001234567890\"`, or its name, like `@alerts`",
                "InvalidSpec: spec.channels[c].telegram.botToken.secretKeyRef: the key `word` of Secret `chat` cannot \
                 be used: it is not a valid bot token, which looks like `123456789:AAE…`; correct the Secret",
            ],
        ),
        (
            "channels: [{name: c, teams: {webhookUrl: {secretKeyRef: {name: gone, key: k}}}}]",
            &["SecretMissing: spec.channels[c].teams.webhookUrl.secretKeyRef: there is no Secret `gone` in namespace \
               `team-a`; create it: `kubectl --namespace team-a create secret generic gone --from-literal=k=…`"],
        ),
        (
            "channels: [{name: c, webhook: {url: 'https://example.com', headers: [{name: X, secretKeyRef: {name: \
             chat, key: empty}}, {name: W, secretKeyRef: {name: chat, key: lines}}]}}]",
            &[
                "InvalidSpec: spec.channels[c].webhook.headers[X].secretKeyRef: the key `empty` of Secret `chat` \
                 cannot be used: it is empty; correct the Secret",
                "InvalidSpec: spec.channels[c].webhook.headers[W].secretKeyRef: the key `lines` of Secret `chat` \
                 cannot be used: it contains a line break, which a header cannot have; correct the Secret",
            ],
        ),
        (
            "channels: [{name: c, webhook: {url: 'https://example.com', headers: [{name: X, secretKeyRef: {name: \
             chat, key: long}}, {name: W, secretKeyRef: {name: chat, key: token}}]}}]",
            &["InvalidSpec: spec.channels[c].webhook.headers[X].secretKeyRef: the secrets of all channels and \
                 headers are 4266 characters as JSON, and an SSM parameter holds 4096: `channels/c/headers/x` has \
                 4200, `channels/c/headers/w` has 13; shorten them, or split the pipeline"],
        ),
    ]);
}

#[test]
fn names_that_no_secret_has_are_refused_and_never_looked_up() {
    for name in ["../pods", "a/b", "a?b", "A", ".a", "a.", "a b", "a%2fb"] {
        let yaml =
            format!("channels: [{{name: c, slack: {{webhookUrl: {{secretKeyRef: {{name: '{name}', key: k}}}}}}}}]");
        assert!(secret_refs(&spec(&yaml)).is_empty(), "{name}");
        let field = "spec.channels[c].slack.webhookUrl.secretKeyRef";
        let hint = "write lower-case letters, digits, `-` and `.`";
        assert_eq!(refused(&yaml), format!("InvalidSpec: {field}: `{name}` is not a valid Secret name; {hint}"));
    }
}

#[test]
fn queues_and_tags() {
    check_refusals(&[
        (
            "queue: {visibilityTimeoutSeconds: 24}",
            &["InvalidSpec: spec.queue.visibilityTimeoutSeconds: 24 is less than the runner's timeout of 25; remove \
               it, or raise it"],
        ),
        (
            "tags: {'AWS:x': a, taskpipelines.dev/name: b, 'a;b': c, d: 'e;f', g: '', Team: a, team: b}",
            &[
                "InvalidSpec: spec.tags[AWS:x]: `AWS:x` begins with a prefix that is reserved; rename it",
                "InvalidSpec: spec.tags[a;b]: `a;b` is not a valid tag key; write 1 to 128 letters, digits, spaces and \
                 `_.:/=+-@`",
                "InvalidSpec: spec.tags[d]: `e;f` is not a valid tag value; write 1 to 256 letters, digits, spaces and \
                 `_.:/=+-@`",
                "InvalidSpec: spec.tags[g]: `` is not a valid tag value; write 1 to 256 letters, digits, spaces and \
                 `_.:/=+-@`",
                "InvalidSpec: spec.tags[taskpipelines.dev/name]: `taskpipelines.dev/name` begins with a prefix that \
                 is reserved; rename it",
                "InvalidSpec: spec.tags[team]: it differs from `Team` in case only, which IAM does not tell apart; \
                 keep one",
            ],
        ),
    ]);
}
