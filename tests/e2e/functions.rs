//! Functions: what they get and return, what they are on AWS, and what becomes of their edits.

use std::collections::BTreeSet;
use std::fs;

use api::RunResult;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionConfiguration, LastUpdateStatus, PackageType};
use serde_json::{Value, json};

use crate::harness::aws::{Texts, allowed};
use crate::harness::{Lab, Names, Received, Settings, condition, eventually, specs};

/// Python that answers with what it got.
const ECHO: &str = "
def handler(event, context):
    return f\"{event['input']['days']} days of {event['pipeline']}/{event['task']}, attempt {event['attempt']}\"
";

/// Python that reads a secret as a user would.
const SECRET: &str = "
import boto3, os

def handler(event, context):
    value = boto3.client('ssm').get_parameter(Name=os.environ['API_TOKEN_PARAMETER'], WithDecryption=True)
    return f\"the token has {len(value['Parameter']['Value'])} characters\"
";

/// A function in Python.
fn python(name: &str, source: &str) -> Value {
    json!({"name": name, "runtime": "python3.13", "handler": "index.handler", "code": {"inline": source}})
}

/// One task that calls a function of its own name, and tells the channel `team`.
fn calling(schedule: &str, name: &str, source: &str) -> Value {
    let task = json!({"name": name, "function": name, "input": {"days": 7}, "notify": ["team"]});
    specs::merged(specs::one_task(schedule, task), json!({"functions": [python(name, source)]}))
}

/// All of a pipeline with these functions, as `kind name`.
fn all(names: &Names, functions: &[&str]) -> BTreeSet<String> {
    let of_function = |name: &&str| {
        let function = names.function(name);
        [format!("Function {function}"), format!("Role {function}"), format!("LogGroup /aws/lambda/{function}")]
    };
    names.all_and_inbox().into_iter().chain(functions.iter().flat_map(of_function)).collect()
}

fn environment(function: &FunctionConfiguration) -> Texts {
    let variables = function.environment().and_then(|environment| environment.variables()).cloned().unwrap_or_default();
    variables.into_iter().collect()
}

/// Waits until a function can be changed by others.
async fn at_rest(lab: &Lab, function: &str) {
    eventually(&format!("{function} can be changed"), async || {
        match lab.aws.function(function).await.last_update_status {
            Some(LastUpdateStatus::Successful) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

/// Reconciles a pipeline that has converged, which writes nothing.
async fn unchanged(lab: &Lab, name: &str) {
    lab.strict.forget_calls().await;
    lab.resync(name).await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());
}

#[tokio::test]
async fn a_function_gets_its_task_and_what_it_returns_reaches_the_chat() {
    let lab = Lab::new().await;
    lab.apply("daily", calling(specs::AT_ONCE, "report", ECHO)).await;
    let received = lab.chat.await_received("slack", "team", 1).await;
    assert_eq!(received[0].text(), "✅ report (daily): 7 days of daily/report, attempt 1");
    assert_eq!(lab.aws.everything().await, all(&lab.names("daily"), &["report"]));
}

#[tokio::test]
async fn a_function_that_fails_tells_why_with_its_last_lines_and_one_that_is_late_ends() {
    let lab = Lab::new().await;
    let raising = "
def handler(event, context):
    print('looking at', event['input']['day'])
    raise ValueError('no such day: <30>')
";
    let late = "
import time

def handler(event, context):
    time.sleep(20)
";
    let spec = json!({
        "schedule": specs::AT_ONCE, "channels": [specs::slack()],
        "tasks": [
            {"name": "bad", "function": "bad", "input": {"day": 30}, "notify": ["team"], "template": "{{ error }}"},
            {"name": "late", "function": "late", "notify": ["team"], "timeoutSeconds": 2, "template": "{{ error }}"},
        ],
        "functions": [python("bad", raising), python("late", late)],
    });
    lab.apply("troubled", spec).await;
    let received = lab.chat.await_received("slack", "team", 2).await;
    let texts: Vec<String> = received.iter().map(|post| post.text().to_owned()).collect();
    // The emulator calls every error a HandlerError.
    let bad = texts.iter().find(|text| text.contains("Error: no such day: &lt;30&gt;\n"));
    let bad = bad.unwrap_or_else(|| panic!("{texts:?}"));
    assert!(bad.contains("looking at 30") && !bad.contains("RequestId"), "{bad}");
    assert!(texts.iter().any(|text| text == "timed out after 2 s"), "{texts:?}");
    let late = lab.aws.function(&lab.names("troubled").function("late")).await;
    assert_eq!(late.timeout(), Some(2), "the longest of the tasks that call it");
}

/// Longer than any other call to AWS may take, and with attempts left that would show a second start.
#[tokio::test]
async fn a_function_has_as_long_as_its_task_and_is_started_once() {
    let lab = Lab::new().await;
    let source = "
import time

def handler(event, context):
    print('begun')
    time.sleep(event['input'])
    return f\"{event['input']} s, attempt {event['attempt']}\"
";
    let task = |name: &str, seconds: u32| {
        json!({
            "name": name, "function": "slow", "input": seconds, "timeoutSeconds": 60, "notify": ["team"],
            "retry": {"attempts": 2, "backoffSeconds": 1},
        })
    };
    let spec = json!({
        "schedule": specs::AT_ONCE, "channels": [specs::slack()], "functions": [python("slow", source)],
        "tasks": [task("six", 6), task("forty", 40)],
    });
    lab.apply("slow", spec).await;
    let received = lab.chat.await_received("slack", "team", 2).await;
    let texts: BTreeSet<&str> = received.iter().map(Received::text).collect();
    assert_eq!(texts, BTreeSet::from(["✅ forty (slow): 40 s, attempt 1", "✅ six (slow): 6 s, attempt 1"]));
    let status = lab.ended("slow", RunResult::Succeeded).await;
    assert!(status.runs[0].tasks.iter().all(|task| task.attempts == 1), "{:?}", status.runs[0]);
    let group = format!("/aws/lambda/{}", lab.names("slow").function("slow"));
    let logged = lab.aws.logs.filter_log_events().log_group_name(group).send().await.unwrap().events.unwrap();
    let begun = logged.iter().filter(|event| event.message().is_some_and(|message| message.contains("begun")));
    assert_eq!(begun.count(), 2, "each task started its function once: {logged:?}");
}

#[tokio::test]
async fn what_a_function_returns_is_cut_at_200_kilobytes() {
    let lab = Lab::new().await;
    let spec = specs::merged(
        calling(specs::AT_ONCE, "long", "def handler(event, context):\n    return 'é' * 150_000\n"),
        json!({"tasks": [{"name": "long", "function": "long", "notify": ["results", "team"]}]}),
    );
    let results = json!({"name": "results", "webhook": {"url": lab.chat.url("hook", "results")}});
    lab.apply("wordy", specs::merged(spec, json!({"channels": [specs::slack(), results]}))).await;
    let post = &lab.chat.await_received("hook", "results", 1).await[0];
    let text = post.body["text"].as_str().unwrap();
    assert!(text.len() <= 200_000 && text.len() > 199_000 && text.ends_with("é…"), "{} bytes", text.len());
    let post = &lab.chat.await_received("slack", "team", 1).await[0];
    assert!(post.status < 300 && post.text().starts_with("✅ long (wordy): éé"), "{}", post.status);
}

#[tokio::test]
async fn a_function_reads_its_secret_by_the_name_that_it_is_given_and_nothing_else() {
    let lab = Lab::new().await;
    lab.secret("api", json!({"token": "sesame-4711\n"})).await;
    let secrets = json!([{"name": "api-token", "secretKeyRef": {"name": "api", "key": "token"}}]);
    let mut spec = calling(specs::AT_ONCE, "guarded", SECRET);
    spec["functions"][0]["secrets"] = secrets;
    lab.apply("discreet", spec).await;
    let received = lab.chat.await_received("slack", "team", 1).await;
    assert_eq!(received[0].text(), "✅ guarded (discreet): the token has 11 characters");

    let names = lab.names("discreet");
    let function = names.function("guarded");
    let parameter = names.secret("guarded", "api-token");
    assert_eq!(lab.aws.parameter(&parameter).await, "sesame-4711");
    let configuration = lab.aws.function(&function).await;
    assert_eq!(environment(&configuration), Texts::from([("API_TOKEN_PARAMETER".to_owned(), parameter.clone())]));
    let logs = format!("{}:*", lab.arn("logs", &format!("log-group:/aws/lambda/{function}")));
    let expected = [
        ("ssm:GetParameter", lab.arn("ssm", &format!("parameter{parameter}"))),
        ("kms:Decrypt", lab.arn("kms", "key/*")),
        ("logs:CreateLogStream", logs.clone()),
        ("logs:PutLogEvents", logs),
    ];
    let expected = expected.map(|(action, resource)| (action.to_owned(), resource));
    assert_eq!(allowed(&lab.aws.role(&function).await.0), BTreeSet::from(expected));
    let runner = allowed(&lab.aws.role(&names.runner).await.0);
    let invokes: Vec<_> = runner.iter().filter(|(action, _)| action == "lambda:InvokeFunction").collect();
    assert_eq!(invokes, [&("lambda:InvokeFunction".to_owned(), lab.arn("lambda", &format!("function:{function}")))]);
    let told = serde_json::to_string(&lab.get("discreet").await).unwrap() + &lab.events("discreet").await.concat();
    assert!(!told.contains("sesame") && !lab.log().contains("sesame"));

    // A secret that is missing stops an edit before it, and what runs goes on.
    lab.patch("discreet", json!({"spec": {"tasks": [{"name": "guarded", "function": "guarded"}]}})).await;
    lab.ready("discreet").await;
    lab.delete_secret("api").await;
    lab.patch("discreet", json!({"metadata": {"annotations": {"taskpipelines.dev/reconcile-now": "1"}}})).await;
    let message = lab.not_ready("discreet", "SecretMissing").await;
    assert!(message.contains("spec.functions[guarded].secrets[api-token].secretKeyRef"), "{message}");
}

#[tokio::test]
async fn code_and_configuration_follow_an_edit_and_what_is_removed_goes_with_all_its_parts() {
    let lab = Lab::new().await;
    let spec = calling(specs::YEARLY, "report", ECHO);
    lab.apply("edited", spec.clone()).await;
    lab.ready("edited").await;
    let names = lab.names("edited");
    let function = names.function("report");
    let before = lab.aws.function(&function).await;
    assert_eq!((before.memory_size(), before.timeout()), (Some(256), Some(45)));
    unchanged(&lab, "edited").await;

    let mut edited = spec.clone();
    edited["functions"][0]["code"]["inline"] = json!("def handler(event, context):\n    return 'new'\n");
    edited["functions"][0]["memoryMiB"] = json!(512);
    edited["functions"][0]["environment"] = json!({"MODE": "fast"});
    edited["functions"][0]["logRetentionDays"] = json!(7);
    edited["schedule"] = json!(specs::AT_ONCE);
    lab.apply("edited", edited).await;
    lab.ready("edited").await;
    let after = lab.aws.function(&function).await;
    assert_ne!(after.code_sha256(), before.code_sha256());
    assert_eq!((after.memory_size(), environment(&after).get("MODE").map(String::as_str)), (Some(512), Some("fast")));
    let groups = lab.aws.logs.describe_log_groups().log_group_name_prefix(format!("/aws/lambda/{function}"));
    assert_eq!(groups.send().await.unwrap().log_groups()[0].retention_in_days(), Some(7));
    let received = lab.chat.await_received("slack", "team", 1).await;
    assert_eq!(received[0].text(), "✅ report (edited): new");
    unchanged(&lab, "edited").await;

    // Another function in its place, then none.
    let mut other = calling(specs::YEARLY, "other", ECHO);
    other["functions"][0]["secrets"] = json!([{"name": "hook", "secretKeyRef": {"name": "chat", "key": "slack"}}]);
    lab.apply("edited", other).await;
    lab.ready("edited").await;
    let mut expected = all(&names, &["other"]);
    expected.insert(format!("Parameter {}", names.secret("other", "hook")));
    assert_eq!(lab.aws.everything().await, expected);
    lab.apply("edited", specs::message(specs::YEARLY)).await;
    lab.ready("edited").await;
    assert_eq!(lab.aws.everything().await, names.all_and_inbox());

    lab.apply("edited", spec).await;
    lab.ready("edited").await;
    lab.delete("edited").await;
    lab.gone("edited").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn what_others_change_of_a_function_is_put_right() {
    let lab = Lab::new().await;
    let mut spec = calling(specs::YEARLY, "report", ECHO);
    spec["functions"][0]["environment"] = json!({"MODE": "fast"});
    lab.apply("kept", spec).await;
    lab.ready("kept").await;
    let function = lab.names("kept").function("report");
    at_rest(&lab, &function).await;
    let was = lab.aws.function(&function).await;
    let fields = |it: &FunctionConfiguration| {
        let runtime = it.runtime().map(|runtime| runtime.as_str().to_owned());
        let texts = (runtime, it.handler().map(str::to_owned), it.code_sha256().map(str::to_owned));
        (texts, it.timeout(), it.memory_size(), environment(it))
    };
    let request = lab.aws.lambda.update_function_configuration().function_name(&function).handler("theirs.handler");
    let theirs = Environment::builder().variables("THEIRS", "1").build();
    request.memory_size(999).timeout(20).runtime("python3.12".into()).environment(theirs).send().await.unwrap();
    at_rest(&lab, &function).await;
    let code = lab.aws.lambda.update_function_code().function_name(&function).zip_file(Blob::new(specs::EMPTY_ZIP));
    code.send().await.unwrap();
    at_rest(&lab, &function).await;
    assert_ne!(fields(&lab.aws.function(&function).await), fields(&was));
    lab.resync("kept").await;
    eventually("the function is put right", async || {
        let now = lab.aws.function(&function).await;
        if fields(&now) == fields(&was) { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    let events = eventually("drift is told", async || {
        let events = lab.events("kept").await.concat();
        let told = ["timeout: 20 → 45", "memorySize: 999 → 256", "runtime: ", "handler: ", "codeSha256: "];
        if told.iter().all(|words| events.contains(words)) { Ok(events) } else { Err(events) }
    })
    .await;
    assert!(events.contains("DriftCorrected"), "{events}");

    lab.aws.lambda.delete_function().function_name(&function).send().await.unwrap();
    lab.resync("kept").await;
    eventually("the function is back", async || {
        match lab.aws.lambda.get_function().function_name(&function).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{error:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn code_comes_from_a_config_map_and_follows_it() {
    let lab = Lab::with(Settings { resync_seconds: 2, secret_retry_seconds: 1, ..Settings::default() }).await;
    let mut spec = calling(specs::AT_ONCE, "report", "");
    spec["functions"][0]["code"] = json!({"configMapRef": {"name": "report"}});
    spec["functions"][0]["handler"] = json!("main.handler");
    lab.apply("filed", spec).await;
    let message = lab.not_ready("filed", "ConfigMapMissing").await;
    assert!(message.contains(&format!("--namespace {} create configmap report", lab.namespace)), "{message}");
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());

    let main = "import words\n\ndef handler(event, context):\n    return words.GREETING\n";
    lab.config_map("report", json!({"data": {"main.py": main, "words.py": "GREETING = 'hello'\n"}})).await;
    let received = lab.chat.await_received("slack", "team", 1).await;
    assert_eq!(received[0].text(), "✅ report (filed): hello");

    let function = lab.names("filed").function("report");
    let before = lab.aws.function(&function).await.code_sha256;
    let zip = data_encoding::BASE64.encode(&specs::EMPTY_ZIP);
    lab.config_map("report", json!({"binaryData": {"code.zip": zip}})).await;
    // ConfigMaps are read by each reconcile, and not watched.
    lab.resync("filed").await;
    eventually("the function has the zip", async || {
        let now = lab.aws.function(&function).await.code_sha256;
        if now == before { Err(format!("{now:?}")) } else { Ok(()) }
    })
    .await;
    lab.ready("filed").await;
}

#[tokio::test]
async fn code_comes_from_an_image_and_follows_its_digest() {
    let repository = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/reports";
    let configuration = format!("allow: [{{namespaces: ['*'], images: ['{repository}@*']}}]");
    let lab = Lab::with(Settings { configuration: Some(configuration), ..Settings::default() }).await;
    let image = |digit: &str| format!("{repository}@sha256:{}", digit.repeat(64));
    let mut spec = calling(specs::YEARLY, "report", "");
    spec["functions"][0] = json!({"name": "report", "code": {"image": image("a")}, "memoryMiB": 512});
    lab.apply("packed", spec.clone()).await;
    lab.ready("packed").await;
    let name = lab.names("packed").function("report");
    let uri = async || lab.aws.lambda.get_function().function_name(&name).send().await.unwrap().code.unwrap().image_uri;
    assert_eq!(uri().await, Some(image("a")));
    let made = lab.aws.function(&name).await;
    assert_eq!((made.package_type, made.memory_size), (Some(PackageType::Image), Some(512)));
    unchanged(&lab, "packed").await;

    spec["functions"][0]["code"] = json!({"image": image("b")});
    lab.apply("packed", spec.clone()).await;
    eventually("the function runs the other image", async || match uri().await {
        now if now == Some(image("b")) => Ok(()),
        now => Err(format!("{now:?}")),
    })
    .await;
    lab.ready("packed").await;
    unchanged(&lab, "packed").await;

    // Lambda makes no zip out of an image: the function is another one.
    spec["functions"][0] = python("report", "def handler(event, context):\n    return 1\n");
    lab.apply("packed", spec.clone()).await;
    eventually("the function is of a zip", async || {
        let seen = lab.aws.lambda.get_function().function_name(&name).send().await.ok();
        match seen.and_then(|seen| seen.configuration?.package_type) {
            Some(PackageType::Zip) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    lab.ready("packed").await;
    unchanged(&lab, "packed").await;

    spec["functions"][0] =
        json!({"name": "report", "code": {"image": "444455556666.dkr.ecr.eu-central-1.amazonaws.com/theirs:v1"}});
    lab.apply("packed", spec).await;
    let message = lab.not_ready("packed", "NotAllowed").await;
    assert!(message.contains("spec.functions[report].code.image"), "{message}");
}

#[tokio::test]
async fn the_lab_sends_and_posts_with_functions_and_a_layer_of_its_own() {
    let lab = Lab::new().await;
    let example = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/lab.yaml")).unwrap();
    let example: Value = serde_saphyr::from_str(&example).unwrap();
    let here = json!({"WEBHOOK_URL": lab.chat.url("slack", "team")});
    let changes = json!({"schedule": specs::AT_ONCE, "runner": {"environment": here}});
    lab.apply("lab", specs::merged(example["spec"].clone(), changes)).await;
    let received = lab.chat.await_received("slack", "team", 2).await;
    let mut texts: Vec<&str> = received.iter().map(|post| post.body["text"].as_str().unwrap()).collect();
    texts.sort_unstable();
    assert!(texts[0].starts_with("Berlin at 20") && texts[1].starts_with("Taipei at 20"), "{texts:?}");
    lab.ready("lab").await;
    unchanged(&lab, "lab").await;
    let names = lab.names("lab");
    for (role, own, logs) in
        [(&names.sender, "sqs:SendMessage", &names.sender_logs), (&names.runner, "sqs:", &names.runner_logs)]
    {
        let logs = format!("{}:*", lab.arn("logs", &format!("log-group:{logs}")));
        let queues = [&names.tasks, &names.undelivered_dlq].map(|queue| lab.arn("sqs", queue));
        for (action, resource) in allowed(&lab.aws.role(role).await.0) {
            let expected = action.starts_with(own) && queues.contains(&resource)
                || action.starts_with("logs:") && resource == logs;
            assert!(expected, "{role} may {action} on {resource}");
        }
    }

    // The built-in functions come back, with the pipeline's own tasks.
    lab.apply("lab", specs::message(specs::AT_ONCE)).await;
    lab.fire("lab", "again").await;
    let received = lab.chat.await_received("slack", "team", 3).await;
    assert_eq!(received[2].text(), "Hello");
    lab.delete("lab").await;
    lab.gone("lab").await;
    assert_eq!(lab.aws.everything().await, BTreeSet::new());
}

#[tokio::test]
async fn an_existing_function_is_called_where_the_configuration_lets_it() {
    let configuration = |name: &str| Settings {
        configuration: Some(format!(
            "allow: [{{namespaces: ['*'], functions: ['arn:aws:lambda:*:*:function:*-fn-{name}']}}]"
        )),
        ..Settings::default()
    };
    let lab = Lab::with(configuration("shared")).await;
    lab.apply("owner", calling(specs::YEARLY, "shared", ECHO)).await;
    lab.ready("owner").await;
    let arn = |name: &str| lab.arn("lambda", &format!("function:{}", lab.names("owner").function(name)));
    let task = |arn: &str| json!({"name": "call", "functionArn": arn, "input": {"days": 1}, "notify": ["team"]});
    lab.apply("guest", specs::one_task(specs::AT_ONCE, task(&arn("shared")))).await;
    let received = lab.chat.await_received("slack", "team", 1).await;
    assert_eq!(received[0].text(), "✅ call (guest): 1 days of guest/call, attempt 1");
    assert_eq!(lab.aws.everything().await.len(), 14 + 3 + 14 + 1, "two pipelines, a function, the inbox");

    lab.apply("thief", specs::one_task(specs::AT_ONCE, task(&arn("private")))).await;
    let message = lab.not_ready("thief", "NotAllowed").await;
    let expected = format!("spec.tasks[call].functionArn: function `{}` is not allowed", arn("private"));
    assert!(message.starts_with(&expected), "{message}");
    lab.apply("lost", specs::one_task(specs::AT_ONCE, json!({"name": "call", "functionArn": "report"}))).await;
    let message = lab.not_ready("lost", "InvalidSpec").await;
    assert!(message.contains("`report` is not a valid function ARN"), "{message}");
    assert!(condition(&lab.get("guest").await, "Ready").is_some());
}
