//! Refusals of what runs: functions, layers, hops of the user's own.

use super::*;

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
            &["ConfigMapMissing: spec.layers[l].python.requirementsFrom.configMapRef.key: the ConfigMap `code` has \
                 no key `k`; add it: `kubectl --namespace team-a edit configmap code`, under `data`"],
        ),
        (
            "layers: [{name: l, python: {version: '3.13', requirementsFrom: {configMapRef: {name: code, key: \
             bad.txt}}}}]",
            &[&format!(
                "InvalidSpec: spec.layers[l].python.requirementsFrom.configMapRef.key: `-e .` does not name a package \
                 of the package index; {names}"
            )],
        ),
        (
            "layers: [{name: l, configMapRef: {name: empty}}]",
            &["InvalidSpec: spec.layers[l].configMapRef.name: the ConfigMap `empty` cannot be a layer: it is empty; \
                 give it files, or a zip in `binaryData` alone"],
        ),
        (
            &("{layers: [{name: l, python: {version: '3.12', requirements: [a]}}], ".to_owned()
                + &function("code: {inline: x}, layers: [l]")
                + "}"),
            &["InvalidSpec: spec.functions[f].layers: `l` is for Python 3.12, and the function runs Python 3.13; \
                 give both the same version"],
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
            &["InvalidSpec: spec.sender.layers: `l` occurs twice; keep one"],
        ),
    ]);
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
            &["InvalidSpec: spec.tasks[a].function: `f` is not the name of a function; add it to `spec.functions`, \
                 which is empty"],
        ),
        (
            &format!("{{tasks: [{{name: a, function: g}}], {}}}", function("code: {inline: x}")),
            &["InvalidSpec: spec.tasks[a].function: `g` is not the name of a function; use one of `f`"],
        ),
        (
            "functions: [{name: a_b, runtime: python3.13, handler: index.handler, code: {inline: x}}]",
            &["InvalidSpec: spec.functions[a_b].name: `a_b` is not a valid name; write up to 20 lower-case letters, \
                 digits and, between them, `-`"],
        ),
        (
            "functions: [{name: f, code: {inline: x}}]",
            &[
                "InvalidSpec: spec.functions[f].runtime: there is no runtime, which code in a zip needs; add one, like \
                 `python3.13`",
                "InvalidSpec: spec.functions[f].handler: there is no handler, which code in a zip needs; add one, like \
                 `index.handler`",
            ],
        ),
        (
            "functions: [{name: f, runtime: python3, handler: index.handler, code: {inline: x}}, \
             {name: g, runtime: python, handler: index.handler, code: {inline: x}}]",
            &["InvalidSpec: spec.functions[g].runtime: `python` is not a valid Lambda runtime; write one like \
                 `python3.13`, `nodejs22.x` or `provided.al2023`"],
        ),
        (
            "functions: [{name: f, runtime: provided.al2023, handler: x, code: {inline: x}}]",
            &[
                "InvalidSpec: spec.functions[f].code.inline: inline code does not work with the runtime `provided.al2023`, only with `python…` and `nodejs…`; put its files into a ConfigMap, S3 or an image",
            ],
        ),
        (
            "functions: [{name: f, runtime: nodejs22.x, handler: main.handler, code: {inline: x}}]",
            &["InvalidSpec: spec.functions[f].handler: `main.handler` is not in `index.mjs`, the file that the code \
                 is written to; write one like `index.handler`"],
        ),
        (
            &function("code: {inline: x, image: i}"),
            &["InvalidSpec: spec.functions[f].code: the code has more than one of `inline`, `image`; keep one"],
        ),
        (
            &function("code: {inline: x}, timeoutSeconds: 901, logRetentionDays: 2"),
            &[
                "InvalidSpec: spec.functions[f].timeoutSeconds: 901 is not from 1 to 900",
                "InvalidSpec: spec.functions[f].logRetentionDays: 2 is not a valid retention period of CloudWatch \
                 Logs; the nearest is 1 or 3",
            ],
        ),
    ]);
}

#[test]
fn hops_of_the_users_own() {
    let decides = "`spec.runner.code` decides what to post, and would ignore it; remove it";
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
                "InvalidSpec: spec.runner.runtime: there is no runtime, which code in a zip needs; add one, like \
                 `python3.13`",
                "InvalidSpec: spec.runner.handler: there is no handler, which code in a zip needs; add one, like \
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
            "sender: {code: {inline: x}, runtime: python3.13, handler: index.handler, environment: {QUEUE_URL: x, \
             AWS_X: z}}",
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
                "InvalidSpec: {field}: `../x` is not a valid ConfigMap name; write lower-case letters, digits, `-` and \
                 `.`"
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
            &["SecretMissing: spec.functions[f].secrets[token].secretKeyRef: the Secret `chat` has no key `gone`; \
                 add it: `kubectl --namespace team-a edit secret chat`, under `stringData`"],
        ),
        (
            &function(&format!("code: {{inline: x}}, secrets: [{}]", secret("token", "long"))),
            &["InvalidSpec: spec.functions[f].secrets[token].secretKeyRef: the secret has 4200 characters, and an \
                 SSM parameter holds 4096; shorten it, or split it"],
        ),
        (
            &function(&format!(
                "code: {{inline: x}}, environment: {{TOKEN_PARAMETER: x}}, secrets: [{}]",
                secret("token", "word")
            )),
            &["InvalidSpec: spec.functions[f].environment.TOKEN_PARAMETER: the operator itself sets \
                 `TOKEN_PARAMETER`; remove it"],
        ),
        (
            &function(&format!("code: {{inline: x}}, secrets: [{}]", secret("2fa", "word"))),
            &["InvalidSpec: spec.functions[f].secrets[2fa].name: `2fa` would be known to the function as \
               `2FA_PARAMETER`, which Lambda refuses; begin with a letter"],
        ),
        (
            &format!(
                "functions: [{{name: a, runtime: python3.13, handler: index.handler, code: {{inline: x}}, secrets: \
                 [{}]}}, {{name: a-b, runtime: python3.13, handler: index.handler, code: {{inline: x}}, secrets: \
                 [{}]}}]",
                secret("b-c", "word"),
                secret("c", "word")
            ),
            &[
                "InvalidSpec: spec.functions[a-b].secrets[c].name: its parameter would be called `fn-a-b-c`, like that of `spec.functions[a].secrets[b-c]`; rename one of the two",
            ],
        ),
    ]);
}

#[test]
fn the_built_in_functions() {
    check_refusals(&[
        (
            "sender: {architecture: arm64}",
            &["InvalidSpec: spec.sender.architecture: the operator has no `sender-arm64.zip`; set `x86_64`, for \
                 which there is `sender-x86_64.zip`"],
        ),
        (
            "sender: {logRetentionDays: 29}",
            &["InvalidSpec: spec.sender.logRetentionDays: 29 is not a valid retention period of CloudWatch Logs; the \
                 nearest is 14 or 30"],
        ),
        (
            "runner: {logRetentionDays: 9999}",
            &["InvalidSpec: spec.runner.logRetentionDays: 9999 is not a valid retention period of CloudWatch Logs; \
                 the nearest is 3653"],
        ),
        (
            "sender: {environment: {QUEUE_URL: x, AWS_REGION: x, AWS_PROFILE: x, LD_PRELOAD: x, a-b: x, a: x}}",
            &[
                "InvalidSpec: spec.sender.environment.AWS_PROFILE: `AWS_PROFILE` would change what the function runs, \
                 or as whom it calls AWS; remove it",
                "InvalidSpec: spec.sender.environment.AWS_REGION: Lambda reserves `AWS_REGION`; remove it",
                "InvalidSpec: spec.sender.environment.LD_PRELOAD: `LD_PRELOAD` would change what the function runs, or \
                 as whom it calls AWS; remove it",
                "InvalidSpec: spec.sender.environment.QUEUE_URL: the operator itself sets `QUEUE_URL`; remove it",
                "InvalidSpec: spec.sender.environment.a: `a` is not a valid name of a Lambda environment variable; \
                 write a letter, then at least one more letter, digit or `_`",
                "InvalidSpec: spec.sender.environment.a-b: `a-b` is not a valid name of a Lambda environment variable; \
                 write a letter, then at least one more letter, digit or `_`",
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
