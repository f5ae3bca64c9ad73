//! Layers: built from a package index of a test's own, published once, replaced, and gone with their last function.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::io::{Cursor, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{LayerVersionContentInput, LayerVersionsListItem};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::harness::{Call, Lab, Settings, eventually, specs, unused_account};

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// An index with the package `greeting` in these versions: each says its own.
fn index(name: &str, versions: &[&str]) -> String {
    index_with(name, versions, 0)
}

/// The same, with so many bytes in each that cannot be compressed.
fn index_with(name: &str, versions: &[&str], size: usize) -> String {
    let package = folder(name).join("greeting");
    fs::create_dir_all(&package).unwrap();
    let mut links = String::new();
    let mut filling = vec![0; size];
    fastrand::Rng::with_seed(7).fill(&mut filling);
    for version in versions {
        let wheel = format!("greeting-{version}-py3-none-any.whl");
        let info = format!("greeting-{version}.dist-info");
        let mut zip = ZipWriter::new(File::create(package.join(&wheel)).unwrap());
        for (path, text) in [
            ("greeting.py".to_owned(), format!("TEXT = 'hello {version}'\n")),
            (format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: greeting\nVersion: {version}\n")),
            (format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned()),
            (
                format!("{info}/RECORD"),
                format!("greeting.py,,\ngreeting.bin,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n"),
            ),
        ] {
            zip.start_file(path, SimpleFileOptions::default()).unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file("greeting.bin", stored).unwrap();
        zip.write_all(&filling).unwrap();
        zip.finish().unwrap();
        writeln!(links, "<a href=\"{wheel}\">{wheel}</a>").unwrap();
    }
    fs::write(package.join("index.html"), links).unwrap();
    format!("file://{}", folder(name).display())
}

/// A program in place of uv.
fn program(name: &str, script: &str) -> String {
    let path = folder(name).join("uv");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn with_index(index: &str) -> Settings {
    let cache = folder("layers").join(index.rsplit('/').next().unwrap());
    let variables = vec![
        ("TASK_PIPELINES_PACKAGE_INDEX", index.to_owned()),
        ("TASK_PIPELINES_CACHE_DIR", cache.to_str().unwrap().to_owned()),
    ];
    Settings { variables, ..Settings::default() }
}

/// Where an operator with these settings keeps zips.
fn cache(settings: &Settings) -> &str {
    let is_cache = |(name, _): &&(&str, String)| *name == "TASK_PIPELINES_CACHE_DIR";
    settings.variables.iter().find(is_cache).map(|(_, path)| path.as_str()).unwrap()
}

/// A pipeline whose runner has a layer of this requirement.
fn layered(requirement: &str) -> Value {
    let layer = json!({"name": "deps", "python": {"version": "3.13", "requirements": [requirement]}});
    specs::merged(specs::message(specs::YEARLY), json!({"layers": [layer], "runner": {"layers": ["deps"]}}))
}

impl Lab {
    /// Name of the layer `deps` of a pipeline.
    fn layer(&self, pipeline: &str) -> String {
        format!("{}-layer-deps", self.names(pipeline).schedule)
    }

    /// All versions of that layer.
    async fn versions(&self, pipeline: &str) -> Vec<LayerVersionsListItem> {
        let request = self.aws.lambda.list_layer_versions().layer_name(self.layer(pipeline));
        request.send().await.unwrap().layer_versions.unwrap_or_default()
    }

    /// ARNs of the layers that the runner has.
    async fn runner_layers(&self, pipeline: &str) -> Vec<String> {
        let function = self.aws.function(&self.names(pipeline).runner).await;
        function.layers.unwrap_or_default().into_iter().filter_map(|layer| layer.arn).collect()
    }

    /// Waits until a pipeline is not ready for this reason, in a message with these words.
    async fn says(&self, pipeline: &str, reason: &str, words: &str) {
        eventually(words, async || {
            let message = self.not_ready(pipeline, reason).await;
            if message.contains(words) { Ok(()) } else { Err(message) }
        })
        .await;
    }

    /// Asserts that there is one version, that the runner has it, and gives its number.
    async fn only_version(&self, pipeline: &str) -> i64 {
        let versions = self.versions(pipeline).await;
        let arns: Vec<&str> = versions.iter().filter_map(LayerVersionsListItem::layer_version_arn).collect();
        assert_eq!(arns, self.runner_layers(pipeline).await, "what there is, and what the runner has");
        assert_eq!(arns.len(), 1, "{versions:?}");
        versions[0].version
    }
}

#[tokio::test]
async fn a_layer_is_published_once_per_content_and_goes_with_its_last_function() {
    let settings = with_index(&index("published", &["1.0", "2.0"]));
    let mut lab = Lab::with(settings.clone()).await;
    lab.apply("a", layered("greeting==1.0")).await;
    lab.ready("a").await;
    assert_eq!(lab.only_version("a").await, 1);
    let [version] = lab.versions("a").await.try_into().unwrap();
    let said = version.description().unwrap();
    assert!(said.starts_with(&format!("Task Pipelines: e2e/{}/a, uid ", lab.namespace)), "{said}");
    assert_eq!(version.compatible_runtimes()[0].as_str(), "python3.13");
    let rows = lab.get("a").await.status.unwrap().resources;
    let row = rows.iter().find(|row| row.kind == "LayerVersion").unwrap();
    assert_eq!(row.arn, version.layer_version_arn().unwrap());

    // Another operator, without what this one has built, and a comment in the requirements.
    let elsewhere = Settings { variables: vec![("TASK_PIPELINES_UV", "/no/such/uv".to_owned())], ..settings.clone() };
    lab.start(&elsewhere);
    lab.apply("a", layered("greeting==1.0  # hello")).await;
    lab.ready("a").await;
    lab.resync("a").await;
    assert_eq!(lab.only_version("a").await, 1);

    lab.start(&settings);
    lab.apply("a", layered("greeting>=2")).await;
    lab.ready("a").await;
    assert_eq!(lab.only_version("a").await, 2);

    let more = json!({"sender": {"layers": ["deps"]}});
    lab.apply("a", specs::merged(layered("greeting>=2"), more)).await;
    lab.ready("a").await;
    assert_eq!(lab.only_version("a").await, 2, "two functions have the same version");

    lab.apply("a", specs::merged(layered("greeting>=2"), json!({"runner": null}))).await;
    lab.ready("a").await;
    assert_eq!(lab.versions("a").await.len(), 0);
    assert_eq!(lab.runner_layers("a").await, Vec::<String>::new());

    lab.apply("a", layered("greeting==1.0")).await;
    lab.ready("a").await;
    assert_eq!(lab.only_version("a").await, 3, "AWS uses no number twice");
    lab.finish().await;
}

/// A zip of one file.
fn zipped(path: &str, text: &str) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(path, SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

#[tokio::test]
async fn layers_come_from_config_maps_from_s3_and_from_others() {
    let rule = "layers: ['arn:aws:lambda:*:*:layer:theirs:*'], s3: ['arn:aws:s3:::team-code/*']";
    let configuration = Some(format!("allow: [{{namespaces: ['*'], {rule}}}]"));
    let lab = Lab::with(Settings { configuration, ..with_index(&index("mixed", &["1.0", "2.0"])) }).await;
    lab.aws.make_bucket("team-code").await;
    lab.aws.put_object("team-code", "layer.zip", zipped("python/stored.py", "TEXT = 'from S3'\n")).await;
    let code = "import greeting, stored, theirs, words\n\ndef handler(event, context):\n    \
                return ', '.join([greeting.TEXT, words.TEXT, stored.TEXT, theirs.TEXT])\n";
    lab.aws.put_object("team-code", "code.zip", zipped("report.py", code)).await;
    let content = Blob::new(zipped("python/theirs.py", "TEXT = 'by ARN'\n"));
    let content = LayerVersionContentInput::builder().zip_file(content).build();
    let theirs = lab.aws.lambda.publish_layer_version().layer_name("theirs").content(content).send().await.unwrap();
    let from = json!({"configMapRef": {"name": "deps", "key": "requirements-layer.txt"}});
    let spec = json!({
        "schedule": specs::AT_ONCE,
        "layers": [
            {"name": "packages", "python": {"version": "3.13", "requirementsFrom": from}},
            {"name": "files", "configMapRef": {"name": "files"}},
            {"name": "stored", "s3": {"bucket": "team-code", "key": "layer.zip"}},
        ],
        "functions": [{
            "name": "report", "runtime": "python3.13", "handler": "report.handler",
            "code": {"s3": {"bucket": "team-code", "key": "code.zip"}},
            "layers": ["packages", "files", "stored", theirs.layer_version_arn.unwrap()],
        }],
        "tasks": [{"name": "report", "function": "report", "notify": ["team"]}],
        "channels": [specs::slack()],
    });
    lab.apply("mixed", spec).await;
    let message = lab.not_ready("mixed", "ConfigMapMissing").await;
    assert!(message.contains("create configmap deps") && message.contains("create configmap files"), "{message}");
    lab.config_map("deps", json!({"data": {"requirements-layer.txt": "# ours\ngreeting==1.0\n"}})).await;
    lab.config_map("files", json!({"data": {"words.py": "TEXT = 'from a ConfigMap'\n"}})).await;
    lab.ready("mixed").await;
    let received = lab.chat.await_received("slack", "team", 1).await;
    assert_eq!(received[0].text(), "✅ report (mixed): hello 1.0, from a ConfigMap, from S3, by ARN");
    lab.ready("mixed").await;
    lab.strict.forget_calls().await;
    lab.resync("mixed").await;
    assert_eq!(lab.strict.writes().await, Vec::<String>::new());

    let function = lab.names("mixed").function("report");
    let before = lab.aws.function(&function).await.layers.unwrap();
    lab.config_map("deps", json!({"data": {"requirements-layer.txt": "greeting==2.0\n"}})).await;
    lab.config_map("files", json!({"data": {"words.py": "TEXT = 'edited'\n"}})).await;
    // ConfigMaps are read by each reconcile, and not watched.
    lab.resync("mixed").await;
    eventually("the function has the new ones", async || {
        let now = lab.aws.function(&function).await.layers.unwrap();
        let changed = before.iter().zip(&now).map(|(before, now)| before.arn != now.arn).collect::<Vec<_>>();
        if changed == [true, true, false, false] { Ok(()) } else { Err(format!("{now:?}")) }
    })
    .await;
    lab.ready("mixed").await;
    lab.delete("mixed").await;
    lab.gone("mixed").await;
    lab.finish_leaving(&["Layer theirs".to_owned()]).await;
}

#[tokio::test]
async fn the_morning_report_is_delivered_as_its_function_makes_it_with_a_package_of_the_index() {
    let lab = Lab::new().await;
    let example = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/morning-report.yaml")).unwrap();
    let example: Value = serde_saphyr::from_str(&example).unwrap();
    // Its own schedule fires in the morning; the site that it checks is not ours to ask.
    let mut spec = specs::merged(example["spec"].clone(), json!({"schedule": specs::AT_ONCE}));
    spec["tasks"].as_array_mut().unwrap().retain(|task| task["name"] == "report");
    spec.as_object_mut().unwrap().remove("flexibleWindowMinutes");
    lab.apply("morning-report", spec).await;
    lab.ready("morning-report").await;
    for (service, name) in [("slack", "team"), ("discord", "ops")] {
        let received = lab.chat.await_received(service, name, 1).await;
        let text = received[0].body.to_string();
        assert!(text.contains("8,638 visits since 20"), "{text}");
    }
    lab.finish().await;
}

#[tokio::test]
async fn a_version_that_somebody_deletes_or_publishes_twice_is_put_right() {
    // Sweeps list layers too.
    let lab = Lab::with(Settings { sweep_seconds: 1, ..with_index(&index("drifted", &["1.0"])) }).await;
    lab.apply("a", layered("greeting==1.0")).await;
    lab.ready("a").await;
    let [version] = lab.versions("a").await.try_into().unwrap();
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(specs::EMPTY_ZIP)).build();
    let copy = lab.aws.lambda.publish_layer_version().layer_name(lab.layer("a")).content(content);
    copy.description(version.description().unwrap()).send().await.unwrap();
    lab.resyncs("a", 2).await;
    assert_eq!(lab.only_version("a").await, 1, "the one that functions have stays");

    lab.aws.lambda.delete_layer_version().layer_name(lab.layer("a")).version_number(1).send().await.unwrap();
    lab.resyncs("a", 2).await;
    lab.ready("a").await;
    assert_eq!(lab.only_version("a").await, 3);
    lab.finish().await;
}

#[tokio::test]
async fn a_layer_of_somebody_elses_is_left_alone_and_named() {
    let lab = Lab::with(with_index(&index("foreign", &["1.0"]))).await;
    let content = LayerVersionContentInput::builder().zip_file(Blob::new(specs::EMPTY_ZIP)).build();
    let theirs = lab.aws.lambda.publish_layer_version().layer_name(lab.layer("a")).content(content);
    theirs.description("numpy").send().await.unwrap();
    lab.apply("a", specs::message(specs::YEARLY)).await;
    lab.ready("a").await;
    lab.apply("a", layered("greeting==1.0")).await;
    let message = lab.not_ready("a", "Conflict").await;
    assert!(message.contains(&lab.layer("a")), "{message}");
    assert_eq!(lab.versions("a").await.len(), 1);
    lab.delete("a").await;
    lab.gone("a").await;
    let left = format!("Layer {}", lab.layer("a"));
    lab.finish_leaving(&[left]).await;
}

#[tokio::test]
async fn requirements_that_cannot_be_met_are_told_as_uv_tells_them_and_change_nothing() {
    let lab = Lab::with(with_index(&index("refused", &["1.0"]))).await;
    lab.apply("a", layered("greeting==9")).await;
    let message = lab.not_ready("a", "LayerFailed").await;
    let expected = "spec.layers[deps].python: uv says: No solution found when resolving dependencies; cause: Because there \
                    is no version of greeting==9 and you require greeting==9, we can conclude that your requirements are \
                    unsatisfiable.; correct the requirements, or the operator's --package-index";
    assert_eq!(message, expected);
    assert!(lab.aws.everything().await.is_empty());
    lab.apply("a", layered("greeting")).await;
    lab.ready("a").await;
    lab.finish().await;
}

#[tokio::test]
async fn a_layer_that_is_too_large_for_a_call_goes_through_the_bucket_of_the_configuration() {
    const SIZE: usize = 51 * 1024 * 1024;
    let without = with_index(&index_with("large", &["1.0"], SIZE));
    let mut lab = Lab::with(without.clone()).await;
    lab.apply("a", layered("greeting")).await;
    let message = lab.not_ready("a", "LayerFailed").await;
    assert!(message.starts_with("spec.layers[deps].python: it has 53"), "{message}");
    let remedy = "name a bucket in `layers.bucket` of the operator's configuration, or leave packages out";
    assert!(message.ends_with(&format!(" bytes zipped, and Lambda takes 52428800 with a call; {remedy}")), "{message}");
    assert!(lab.aws.everything().await.is_empty());

    // A bucket of another account gets nothing, whatever its policy says.
    let other = lab.elsewhere(&unused_account(), &lab.environment.region).await;
    let theirs = format!("theirs-{}", lab.account);
    other.make_bucket(&theirs).await;
    let named =
        |bucket: &str| Settings { configuration: Some(format!("layers: {{bucket: '{bucket}'}}")), ..without.clone() };
    lab.permit(&named(&theirs)).await;
    lab.start(&named(&theirs));
    let denied =
        format!("s3:DeleteObject: AccessDenied: bucket `{theirs}`: Access Denied; check that the bucket is in");
    lab.says("a", "Denied", &denied).await;
    assert_eq!(other.objects(&theirs).await, Vec::<String>::new());

    let ours = format!("layers-{}-{}", lab.account, lab.environment.region);
    lab.permit(&named("layers-{account}-{region}")).await;
    lab.start(&named("layers-{account}-{region}"));
    let missing = format!("NoSuchBucket: bucket `{ours}`: The specified bucket does not exist; make the bucket in");
    lab.says("a", "Invalid", &missing).await;

    // Lambda refuses the first.
    let refused = json!({
        "operation": "PublishLayerVersion", "effect": "answer", "count": 1, "status": 400,
        "error": "InvalidParameterValueException", "message": "not today",
    });
    lab.strict.fault(refused).await;
    lab.strict.forget_calls().await;
    lab.aws.make_bucket(&ours).await;
    lab.aws.put_object(&ours, "of-others", Vec::new()).await;
    lab.ready("a").await;
    assert_eq!(lab.only_version("a").await, 1);
    assert_eq!(lab.aws.objects(&ours).await, ["of-others"], "nothing stays in the bucket");
    let version = lab.aws.lambda.get_layer_version().layer_name(lab.layer("a")).version_number(1).send().await.unwrap();
    assert!(version.content.unwrap().code_size > i64::try_from(SIZE).unwrap());
    let attempt = ["DeleteObject", "PutObject", "PublishLayerVersion", "DeleteObject"];
    let calls = lab.strict.calls().await;
    let about = |call: &&Call| call.status != 404 && attempt.contains(&&*call.operation);
    let calls: Vec<&str> = calls.iter().filter(about).map(|call| call.operation.as_str()).collect();
    // The first is the test's own.
    assert_eq!(calls, [&["PutObject"], &attempt[..], &attempt[..]].concat());

    lab.delete("a").await;
    lab.gone("a").await;
    assert_eq!(lab.aws.objects(&ours).await, ["of-others"]);
    lab.finish().await;
    fs::remove_dir_all(folder("large")).unwrap();
    fs::remove_dir_all(cache(&without)).unwrap();
}

#[tokio::test]
async fn an_operator_without_uv_says_so() {
    let mut settings = with_index("file:///no/such/index");
    settings.variables.push(("TASK_PIPELINES_UV", "/no/such/uv".to_owned()));
    let lab = Lab::with(settings).await;
    lab.apply("a", layered("greeting")).await;
    let message = lab.not_ready("a", "LayerFailed").await;
    let expected = "spec.layers[deps].python: the operator cannot run `/no/such/uv`: No such file or directory (os error 2); \
                    install uv beside the operator, or name it with --uv";
    assert_eq!(message, expected);
    lab.finish().await;
}

#[tokio::test]
async fn the_password_of_an_index_is_in_no_message_and_no_log() {
    let mut settings = with_index("http://reader:sesame@127.0.0.1:9/simple");
    let echo = "echo \"error: cannot fetch $UV_DEFAULT_INDEX\" >&2; exit 2";
    settings.variables.push(("TASK_PIPELINES_UV", program("telling", echo)));
    let lab = Lab::with(settings).await;
    lab.apply("a", layered("greeting")).await;
    let message = lab.not_ready("a", "LayerFailed").await;
    assert!(message.contains("uv says: cannot fetch http://****:****@127.0.0.1:9/simple"), "{message}");
    assert!(!lab.log().contains("sesame"));
    lab.finish().await;
}

#[tokio::test]
async fn a_layer_that_takes_its_time_holds_up_no_other_pipeline() {
    let mut settings = with_index("file:///no/such/slow");
    let release = folder("slow").join("release");
    let wait = format!("until [ -e {} ]; do sleep 0.1; done; echo 'error: enough' >&2; exit 1", release.display());
    settings.variables.push(("TASK_PIPELINES_UV", program("slow", &wait)));
    let lab = Lab::with(settings).await;
    for name in ["slow-1", "slow-2", "slow-3"] {
        lab.apply(name, layered(&format!("greeting>={}", &name[5..]))).await;
        lab.until(name, "builds", |pipeline| {
            let status = pipeline.status.as_ref();
            status.is_some_and(|status| {
                status.conditions.iter().any(|condition| condition.message == "layer `deps` is being built")
            })
        })
        .await;
    }
    lab.apply("fast", specs::message(specs::YEARLY)).await;
    lab.ready("fast").await;
    fs::write(release, "").unwrap();
    lab.not_ready("slow-3", "LayerFailed").await;
    lab.finish().await;
}
