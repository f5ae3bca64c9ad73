//! One case a refusal, with its whole text.

use super::*;

/// Cases: fields of the spec, and all that is said of them, one refusal a line.
#[track_caller]
fn check_refusals(cases: &[(&str, &[&str])]) {
    for (yaml, expected) in cases {
        assert_eq!(refused(yaml).split('\n').collect::<Vec<_>>(), *expected, "{yaml}");
    }
}

#[test]
fn layers() {
    let names = "write lines such as `humanize==4.13.0`, without options and addresses";
    check_refusals(&[
        (
            "layers: [{name: l, python: {version: '3.99', requirements: [a]}}]",
            &["InvalidSpec: spec.layers[l].python.version: Lambda has no Python `3.99`; write 3.9 to 3.14"],
        ),
        (
            "layers: [{name: l, python: {version: '3.13', requirements: [a==1, '-r /etc/passwd', 'b @ file:///b']}}]",
            &[
                &format!(
                    "InvalidSpec: spec.layers[l].python.requirements: `-r /etc/passwd` does not name a package of the \
                     package index; {names}"
                ),
                &format!(
                    "InvalidSpec: spec.layers[l].python.requirements: `b @ file:///b` does not name a package of the \
                     package index; {names}"
                ),
            ],
        ),
        (
            "layers: [{name: l, python: {version: '3.13', requirements: ['# none']}}]",
            &["InvalidSpec: spec.layers[l].python.requirements: it names no package; add a line such as \
               `humanize==4.13.0`"],
        ),
        (
            "layers: [{name: l, python: {version: '3.13', requirementsFrom: {configMapRef: {name: code, key: k}}}}]",
            &[
                "ConfigMapMissing: spec.layers[l].python.requirementsFrom.configMapRef.key: the ConfigMap `code` has no key \
               `k`; add it: `kubectl --namespace team-a edit configmap code`, under `data`",
            ],
        ),
        (
            "layers: [{name: l, python: {version: '3.13', requirementsFrom: {configMapRef: {name: code, key: bad.txt}}}}]",
            &[&format!(
                "InvalidSpec: spec.layers[l].python.requirementsFrom.configMapRef.key: `-e .` does not name a package of \
                 the package index; {names}"
            )],
        ),
        (
            "layers: [{name: l, configMapRef: {name: empty}}]",
            &[
                "InvalidSpec: spec.layers[l].configMapRef.name: the ConfigMap `empty` cannot be a layer: it is empty; give \
               it files, or a zip in `binaryData` alone",
            ],
        ),
        (
            &("{layers: [{name: l, python: {version: '3.12', requirements: [a]}}], ".to_owned()
                + &function("code: {inline: x}, layers: [l]")
                + "}"),
            &[
                "InvalidSpec: spec.functions[f].layers: `l` is for Python 3.12, and the function runs Python 3.13; give \
               both the same version",
            ],
        ),
        (
            "layers: [{name: l}]",
            &["InvalidSpec: spec.layers[l]: the layer has none of `python`, `configMapRef`, `s3`; add one"],
        ),
        (
            "runner: {layers: [gone]}",
            &["InvalidSpec: spec.runner.layers: there is no `gone` in `spec.layers`; add it there, or remove it here"],
        ),
        (
            "{layers: [{name: l, python: {version: '3.13', requirements: [a]}}], sender: {layers: [l, l]}}",
            &["InvalidSpec: spec.sender.layers: `l` is there twice; keep one"],
        ),
    ]);
}

#[test]
fn schedules_zones_and_windows() {
    check_refusals(&[
        (
            "schedule: 0 9 * * 1-8",
            &["InvalidSpec: spec.schedule: `1-8` in the day-of-week field of `0 9 * * 1-8`: allowed are 0-7 (0 and 7 \
               are Sunday), SUN-SAT, `*`, lists, ranges and steps"],
        ),
        (
            "timeZone: Europe/Berln",
            &["InvalidSpec: spec.timeZone: `Europe/Berln` is no time zone: did you mean `Europe/Berlin`?"],
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
fn tasks() {
    check_refusals(&[
        ("tasks: []", &["InvalidSpec: spec.tasks: there is no task; add one, like `{name: hello, message: {}}`"]),
        (
            "tasks: [{name: A b, message: {}}]",
            &["InvalidSpec: spec.tasks[A b].name: `A b` is no name; write up to 40 lower-case letters, digits and, \
               between them, `-`"],
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
               write it another way; templates see `scheduledTime`"],
        ),
        (
            "tasks: [{name: a, message: {}, input: {list: [{text: '<aws.scheduler.execution-id>', \
             '<aws.scheduler.x>': 1}]}}]",
            &[
                "InvalidSpec: spec.tasks[a].input.list[0]: the text contains `<aws.scheduler.`, which EventBridge \
                 replaces; write it another way; templates see `scheduledTime`",
                "InvalidSpec: spec.tasks[a].input.list[0].text: the text contains `<aws.scheduler.`, which \
                 EventBridge replaces; write it another way; templates see `scheduledTime`",
            ],
        ),
        (
            "tasks: [{name: a, message: {}, notify: [ops]}]",
            &["InvalidSpec: spec.tasks[a].notify: `ops` is the name of no channel; add it to `spec.channels`, which \
               is empty"],
        ),
        (
            "{tasks: [{name: a, message: {}, notify: [ops, team, team]}], channels: [{name: team, slack: {webhookUrl: \
             {secretKeyRef: {name: chat, key: slack}}}}]}",
            &[
                "InvalidSpec: spec.tasks[a].notify: `ops` is the name of no channel; there are `team`",
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
            &["InvalidSpec: spec.tasks[a].http.url: `https://` cannot be requested: it is no URL: empty host; write \
               an absolute URL, like `https://example.com/health`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://exa mple.com'}}]",
            &["InvalidSpec: spec.tasks[a].http.url: `https://exa mple.com` cannot be requested: it contains a space \
               or a control character; write an absolute URL, like `https://example.com/health`"],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com:99999'}}]",
            &["InvalidSpec: spec.tasks[a].http.url: `https://example.com:99999` cannot be requested: it is no URL: \
               invalid port number; write an absolute URL, like `https://example.com/health`"],
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
                 replaces; write it another way; templates see `scheduledTime`",
                "InvalidSpec: spec.tasks[a].http.body: the text contains `<aws.scheduler.`, which EventBridge \
                 replaces; write it another way; templates see `scheduledTime`",
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
                "InvalidSpec: spec.tasks[a].http.headers[X Y].name: `X Y` is no name of a header; write letters, \
                 digits and `-`, like `X-Token`",
                "InvalidSpec: spec.tasks[a].http.headers[host].name: `host` is set by the HTTP client; remove it",
                "InvalidSpec: spec.tasks[a].http.headers[x].name: `x` occurs twice, as names of headers know no case; \
                 keep one",
                "InvalidSpec: spec.tasks[a].http.headers[x].value: it has a line break in it, which no header can \
                 carry",
            ],
        ),
        (
            "tasks: [{name: a, http: {url: 'https://example.com', headers: [{name: X, value: é}, {name: W}, {name: Z, \
             value: a, secretKeyRef: {name: chat, key: token}}]}}]",
            &[
                "InvalidSpec: spec.tasks[a].http.headers[X].value: it has a character beyond printable ASCII, which \
                 no header can carry",
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
               no UTF-8 text; store the text itself, without an encoding of its own"],
        ),
        (
            "channels: [{name: c, discord: {webhookUrl: {secretKeyRef: {name: chat, key: word}}}}]",
            &["InvalidSpec: spec.channels[c].discord.webhookUrl.secretKeyRef: the key `word` of Secret `chat` cannot \
               be used: it does not begin with `http://` or `https://`; correct the Secret"],
        ),
        (
            "channels: [{name: c, telegram: {chatId: '#ops', botToken: {secretKeyRef: {name: chat, key: word}}}}]",
            &[
                "InvalidSpec: spec.channels[c].telegram.chatId: `#ops` is no chat of Telegram; write its number, like \
                 `\"-1001234567890\"`, or its name, like `@alerts`",
                "InvalidSpec: spec.channels[c].telegram.botToken.secretKeyRef: the key `word` of Secret `chat` cannot \
                 be used: it is no bot token, which looks like `123456789:AAE…`; correct the Secret",
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
                 cannot be used: it has a line break in it, which no header can carry; correct the Secret",
            ],
        ),
        (
            "channels: [{name: c, webhook: {url: 'https://example.com', headers: [{name: X, secretKeyRef: {name: \
             chat, key: long}}, {name: W, secretKeyRef: {name: chat, key: token}}]}}]",
            &[
                "InvalidSpec: spec.channels[c].webhook.headers[X].secretKeyRef: the secrets of all channels and headers \
               are 4266 characters as JSON, and an SSM parameter holds 4096: `channels/c/headers/x` has 4200, \
               `channels/c/headers/w` has 13; shorten them, or split the pipeline",
            ],
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
        assert_eq!(refused(&yaml), format!("InvalidSpec: {field}: `{name}` is no name of a Secret; {hint}"));
    }
}

/// A function in Python with these further fields.
fn function(fields: &str) -> String {
    format!("functions: [{{name: f, runtime: python3.13, handler: index.handler, {fields}}}]")
}

#[test]
fn functions_that_tasks_call() {
    check_refusals(&[
        (
            "tasks: [{name: a, function: f}]",
            &[
                "InvalidSpec: spec.tasks[a].function: `f` is the name of no function; add it to `spec.functions`, which is \
               empty",
            ],
        ),
        (
            &format!("{{tasks: [{{name: a, function: g}}], {}}}", function("code: {inline: x}")),
            &["InvalidSpec: spec.tasks[a].function: `g` is the name of no function; there are `f`"],
        ),
        (
            "functions: [{name: a_b, runtime: python3.13, handler: index.handler, code: {inline: x}}]",
            &[
                "InvalidSpec: spec.functions[a_b].name: `a_b` is no name; write up to 20 lower-case letters, digits and, \
               between them, `-`",
            ],
        ),
        (
            "functions: [{name: f, code: {inline: x}}]",
            &[
                "InvalidSpec: spec.functions[f].runtime: there is no runtime, which code in a zip takes; add one, like \
                 `python3.13`",
                "InvalidSpec: spec.functions[f].handler: there is no handler, which code in a zip takes; add one, like \
                 `index.handler`",
            ],
        ),
        (
            "functions: [{name: f, runtime: python3, handler: index.handler, code: {inline: x}}, \
             {name: g, runtime: python, handler: index.handler, code: {inline: x}}]",
            &[
                "InvalidSpec: spec.functions[g].runtime: `python` is no runtime of Lambda; write one like `python3.13`, \
               `nodejs22.x` or `provided.al2023`",
            ],
        ),
        (
            "functions: [{name: f, runtime: provided.al2023, handler: x, code: {inline: x}}]",
            &[
                "InvalidSpec: spec.functions[f].code.inline: `provided.al2023` takes no source as it is, only `python…` and \
               `nodejs…` do; put its files into a ConfigMap, S3 or an image",
            ],
        ),
        (
            "functions: [{name: f, runtime: nodejs22.x, handler: main.handler, code: {inline: x}}]",
            &[
                "InvalidSpec: spec.functions[f].handler: `main.handler` is not in `index.mjs`, which the code becomes; write \
               one like `index.handler`",
            ],
        ),
        (
            &function("code: {inline: x, image: i}"),
            &["InvalidSpec: spec.functions[f].code: the code has more than one of `inline`, `image`; keep one"],
        ),
        (
            &function("code: {inline: x}, timeoutSeconds: 901, logRetentionDays: 2"),
            &[
                "InvalidSpec: spec.functions[f].timeoutSeconds: 901 is not from 1 to 900",
                "InvalidSpec: spec.functions[f].logRetentionDays: 2 is none of CloudWatch's retention periods; the \
                 nearest is 1 or 3",
            ],
        ),
    ]);
}

#[test]
fn hops_of_the_users_own() {
    let decides = "`spec.runner.code` decides what to post, and would not look at it; remove it";
    check_refusals(&[
        (
            "sender: {runtime: python3.13, handler: x}",
            &[
                "InvalidSpec: spec.sender.runtime: the built-in sender has its own runtime; remove it, or add \
                 `spec.sender.code`",
                "InvalidSpec: spec.sender.handler: the built-in sender has its own handler; remove it, or add \
                 `spec.sender.code`",
            ],
        ),
        (
            "runner: {code: {inline: x}}",
            &[
                "InvalidSpec: spec.runner.runtime: there is no runtime, which code in a zip takes; add one, like \
                 `python3.13`",
                "InvalidSpec: spec.runner.handler: there is no handler, which code in a zip takes; add one, like \
                 `index.handler`",
            ],
        ),
        (
            "{runner: {code: {inline: x}, runtime: python3.13, handler: index.handler}, \
             tasks: [{name: a, message: {}, template: x, notify: [team]}], \
             channels: [{name: team, slack: {webhookUrl: {secretKeyRef: {name: chat, key: slack}}}}]}",
            &[
                &format!("InvalidSpec: spec.channels: {decides}"),
                &format!("InvalidSpec: spec.tasks[a].notify: {decides}"),
                &format!("InvalidSpec: spec.tasks[a].template: {decides}"),
            ],
        ),
        (
            "sender: {code: {inline: x}, runtime: python3.13, handler: index.handler, environment: {QUEUE_URL: x, AWS_X: z}}",
            &["InvalidSpec: spec.sender.environment.QUEUE_URL: the operator itself sets `QUEUE_URL`; remove it"],
        ),
    ]);
}

#[test]
fn config_maps() {
    let code = |name: &str| function(&format!("code: {{configMapRef: {{name: {name}}}}}"));
    let field = "spec.functions[f].code.configMapRef.name";
    check_refusals(&[
        (
            &code("none"),
            &[&format!(
                "ConfigMapMissing: {field}: there is no ConfigMap `none` in namespace `team-a`; create it: `kubectl \
                 --namespace team-a create configmap none --from-file=…`"
            )],
        ),
        (
            &code("locked"),
            &[&format!(
                "ConfigMapMissing: {field}: the operator may not read the ConfigMap `locked`: configmaps \"locked\" is \
                 forbidden; let the operator's ServiceAccount `get` ConfigMaps in namespace `team-a`"
            )],
        ),
        (
            &code("empty"),
            &[&format!(
                "InvalidSpec: {field}: the ConfigMap `empty` cannot be code: it is empty; give it files, or a zip in \
                 `binaryData` alone"
            )],
        ),
        (
            &code("../x"),
            &[&format!(
                "InvalidSpec: {field}: `../x` is no name of a ConfigMap; write lower-case letters, digits, `-` and `.`"
            )],
        ),
    ]);
}

#[test]
fn secrets_of_functions() {
    let secret = |name: &str, key: &str| format!("{{name: {name}, secretKeyRef: {{name: chat, key: {key}}}}}");
    check_refusals(&[
        (
            &function(&format!("code: {{inline: x}}, secrets: [{}]", secret("token", "gone"))),
            &[
                "SecretMissing: spec.functions[f].secrets[token].secretKeyRef: the Secret `chat` has no key `gone`; add it: \
               `kubectl --namespace team-a edit secret chat`, under `stringData`",
            ],
        ),
        (
            &function(&format!("code: {{inline: x}}, secrets: [{}]", secret("token", "long"))),
            &[
                "InvalidSpec: spec.functions[f].secrets[token].secretKeyRef: the secret has 4200 characters, and an SSM \
               parameter holds 4096; shorten it, or split it",
            ],
        ),
        (
            &function(&format!(
                "code: {{inline: x}}, environment: {{TOKEN_PARAMETER: x}}, secrets: [{}]",
                secret("token", "word")
            )),
            &[
                "InvalidSpec: spec.functions[f].environment.TOKEN_PARAMETER: the operator itself sets `TOKEN_PARAMETER`; \
               remove it",
            ],
        ),
        (
            &function(&format!("code: {{inline: x}}, secrets: [{}]", secret("2fa", "word"))),
            &["InvalidSpec: spec.functions[f].secrets[2fa].name: `2fa` would be known to the function as \
               `2FA_PARAMETER`, which Lambda refuses; begin with a letter"],
        ),
        (
            &format!(
                "functions: [{{name: a, runtime: python3.13, handler: index.handler, code: {{inline: x}}, secrets: [{}]}}, \
                 {{name: a-b, runtime: python3.13, handler: index.handler, code: {{inline: x}}, secrets: [{}]}}]",
                secret("b-c", "word"),
                secret("c", "word")
            ),
            &[
                "InvalidSpec: spec.functions[a-b].secrets[c].name: its parameter would be called `fn-a-b-c`, as that of \
               `spec.functions[a].secrets[b-c]`; rename one of the two",
            ],
        ),
    ]);
}

#[test]
fn the_built_in_functions() {
    check_refusals(&[
        (
            "sender: {architecture: arm64}",
            &[
                "InvalidSpec: spec.sender.architecture: the operator has no `sender-arm64.zip`; set `x86_64`, for which \
               there is `sender-x86_64.zip`",
            ],
        ),
        (
            "sender: {logRetentionDays: 29}",
            &["InvalidSpec: spec.sender.logRetentionDays: 29 is none of CloudWatch's retention periods; the nearest \
               is 14 or 30"],
        ),
        (
            "runner: {logRetentionDays: 9999}",
            &[
                "InvalidSpec: spec.runner.logRetentionDays: 9999 is none of CloudWatch's retention periods; the nearest \
               is 3653",
            ],
        ),
        (
            "sender: {environment: {QUEUE_URL: x, AWS_REGION: x, AWS_PROFILE: x, LD_PRELOAD: x, a-b: x, a: x}}",
            &[
                "InvalidSpec: spec.sender.environment.AWS_PROFILE: `AWS_PROFILE` would change what the function runs, or as \
                 whom it calls AWS; remove it",
                "InvalidSpec: spec.sender.environment.AWS_REGION: Lambda reserves `AWS_REGION`; remove it",
                "InvalidSpec: spec.sender.environment.LD_PRELOAD: `LD_PRELOAD` would change what the function runs, or as \
                 whom it calls AWS; remove it",
                "InvalidSpec: spec.sender.environment.QUEUE_URL: the operator itself sets `QUEUE_URL`; remove it",
                "InvalidSpec: spec.sender.environment.a: `a` is no name of a variable in Lambda; write a letter, then \
                 at least one more letter, digit or `_`",
                "InvalidSpec: spec.sender.environment.a-b: `a-b` is no name of a variable in Lambda; write a letter, \
                 then at least one more letter, digit or `_`",
            ],
        ),
        (
            "runner: {timeoutSeconds: 24}",
            &["InvalidSpec: spec.runner.timeoutSeconds: 24 is less than 1 × (10 s of task `a` + 15 s) = 25 s; remove \
               it, or lower `spec.tasks[a].timeoutSeconds`"],
        ),
        ("runner: {timeoutSeconds: 901}", &["InvalidSpec: spec.runner.timeoutSeconds: 901 is not from 1 to 900"]),
        (
            "{runner: {batchSize: 10}, tasks: [{name: a, message: {}, timeoutSeconds: 100}, {name: b, message: {}}]}",
            &["InvalidSpec: spec.runner.batchSize: the runner needs 10 × (100 s of task `a` + 15 s) = 1150 s, and \
               Lambda gives 900; lower it to 7, or lower `spec.tasks[a].timeoutSeconds`"],
        ),
        (
            "{runner: {batchSize: 2}, concurrencyPolicy: Queue}",
            &["InvalidSpec: spec.runner.batchSize: 2 is more than 1, all that `concurrencyPolicy: Queue` allows; \
               remove it"],
        ),
        ("runner: {batchSize: 0}", &["InvalidSpec: spec.runner.batchSize: 0 is not from 1 to 10"]),
    ]);
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
            "{queue: {maxReceiveCount: 975}, tasks: [{name: a, message: {}, retry: {attempts: 7}}]}",
            &["InvalidSpec: spec.queue.maxReceiveCount: 975 and 26 for retries and deliveries are more than SQS's \
               1000; lower it to 974"],
        ),
        (
            "tags: {'AWS:x': a, taskpipelines.dev/name: b, 'a;b': c, d: 'e;f', g: '', Team: a, team: b}",
            &[
                "InvalidSpec: spec.tags[AWS:x]: `AWS:x` begins with a prefix that is reserved; rename it",
                "InvalidSpec: spec.tags[a;b]: `a;b` is no key of a tag; write 1 to 128 letters, digits, spaces and \
                 `_.:/=+-@`",
                "InvalidSpec: spec.tags[d]: `e;f` is no value of a tag; write 1 to 256 letters, digits, spaces and \
                 `_.:/=+-@`",
                "InvalidSpec: spec.tags[g]: `` is no value of a tag; write 1 to 256 letters, digits, spaces and \
                 `_.:/=+-@`",
                "InvalidSpec: spec.tags[taskpipelines.dev/name]: `taskpipelines.dev/name` begins with a prefix that \
                 is reserved; rename it",
                "InvalidSpec: spec.tags[team]: it differs from `Team` in case only, which IAM does not tell apart; \
                 keep one",
            ],
        ),
    ]);
}
