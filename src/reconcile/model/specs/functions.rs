//! What runs: layers, hops, functions.

use super::*;

/// What layers are made of; packages are for the Python of [`code`].
pub(super) fn layers() -> BoxedStrategy<Vec<Layer>> {
    let empty = || Layer { name: String::new(), python: None, config_map_ref: None, s3: None };
    let packages = btree_set("[a-z]{1,8}==[0-9]", 1..4).prop_map(move |lines| {
        let requirements = Some(lines.into_iter().collect());
        let python = PythonLayer { version: "3.13".to_owned(), requirements, requirements_from: None };
        Layer { python: Some(python), ..empty() }
    });
    let listed = Just(()).prop_map(move |()| {
        let config_map_ref = ConfigMapKeyRef { name: "code".to_owned(), key: "good.txt".to_owned() };
        let requirements_from = Some(RequirementsFrom { config_map_ref });
        let python = PythonLayer { version: "3.13".to_owned(), requirements: None, requirements_from };
        Layer { python: Some(python), ..empty() }
    });
    let files = Just(())
        .prop_map(move |()| Layer { config_map_ref: Some(ConfigMapRef { name: "code".to_owned() }), ..empty() });
    let stored = "[a-z]{1,9}".prop_map(move |key| {
        let object = S3Object { bucket: "team-a-code".to_owned(), key: format!("{key}.zip"), version: None };
        Layer { s3: Some(object), ..empty() }
    });
    let layer = prop_oneof![3 => packages, 1 => listed, 1 => files, 1 => stored];
    btree_map("[a-z0-9]([-a-z0-9]{0,18}[a-z0-9])?", layer, 0..4)
        .prop_map(|layers| layers.into_iter().map(|(name, layer)| Layer { name, ..layer }).collect())
        .boxed()
}

fn memory() -> impl Strategy<Value = u32> {
    within(128..=10_240)
}

fn hop(layers: Vec<String>) -> BoxedStrategy<Hop> {
    let count = layers.len();
    (
        option::of(Just(Architecture::X8664)),
        select(LOG_RETENTION_DAYS.to_vec()),
        btree_map("V_[A-Za-z0-9_]{0,20}", ".{0,50}", 0..4),
        subsequence(layers, 0..=count),
    )
        .prop_map(|(architecture, log_retention_days, environment, layers)| Hop {
            architecture,
            log_retention_days,
            environment,
            layers,
            policy_statements: Vec::new(),
            // Code of the user's own is that of `functions`.
            code: None,
            runtime: None,
            handler: None,
        })
        .boxed()
}

/// Layers of others, by their ARNs.
fn existing_layers() -> impl Strategy<Value = Vec<String>> {
    let arn = |version| format!("arn:aws:lambda:eu-central-1:111122223333:layer:team-a:{version}");
    btree_set(1_u8..9, 0..3).prop_map(move |versions| versions.into_iter().map(arn).collect())
}

pub(super) fn sender(layers: Vec<String>) -> BoxedStrategy<Sender> {
    (memory(), within(3..=900), hop(layers))
        .prop_map(|(memory_mib, timeout_seconds, hop)| Sender { memory_mib, timeout_seconds, hop })
        .boxed()
}

pub(super) fn runner(layers: Vec<String>, batch_size: u32, timeout_seconds: Option<u32>) -> BoxedStrategy<Runner> {
    (memory(), option::of(within(2..=1000)), hop(layers))
        .prop_map(move |(memory_mib, max_concurrency, hop)| Runner {
            memory_mib,
            timeout_seconds,
            batch_size,
            max_concurrency,
            hop,
        })
        .boxed()
}

/// A function's code, with its runtime and its handler.
type Started = (Code, Option<String>, Option<String>);

fn code() -> BoxedStrategy<Started> {
    let entry = |runtime: &str, handler: &str| (Some(runtime.to_owned()), Some(handler.to_owned()));
    let inline = (select(vec!["python3.13", "nodejs22.x"]), "[a-z \\n]{0,60}").prop_map(move |(runtime, source)| {
        let (runtime, handler) = entry(runtime, "index.handler");
        (Code { inline: Some(source), ..Code::default() }, runtime, handler)
    });
    let s3 = ("[a-z]{1,9}", option::of("[a-z]{1,9}")).prop_map(move |(key, version)| {
        let object = S3Object { bucket: "team-a-code".to_owned(), key: format!("{key}.zip"), version };
        let (runtime, handler) = entry("provided.al2023", "bootstrap");
        (Code { s3: Some(object), ..Code::default() }, runtime, handler)
    });
    let image = "[0-9a-f]{8}".prop_map(|digest| {
        let uri = format!("111122223333.dkr.ecr.eu-central-1.amazonaws.com/team-a@sha256:{digest}");
        (Code { image: Some(uri), ..Code::default() }, None, None)
    });
    prop_oneof![inline, s3, image].boxed()
}

pub(super) fn functions(layers: Vec<String>) -> BoxedStrategy<Vec<Function>> {
    let secrets = btree_map("[a-z][a-z0-9]{0,9}", select(vec!["slack", "token", "word"]), 0..3);
    let architecture = option::of(select(vec![Architecture::Arm64, Architecture::X8664]));
    let timeout = option::of(within(1..=900));
    let function = (code(), memory(), hop(layers), existing_layers(), architecture, secrets, timeout).prop_map(
        |((code, runtime, handler), memory_mib, hop, existing, architecture, secrets, timeout_seconds)| {
            let Hop { log_retention_days, environment, layers: named, .. } = hop;
            let secret = |(name, key)| FunctionSecret { name, secret_key_ref: secret(key) };
            // An image has no layers.
            let layers = named.into_iter().chain(existing).filter(|_| code.image.is_none()).collect();
            Function {
                name: String::new(),
                runtime,
                handler,
                code,
                layers,
                environment,
                secrets: secrets.into_iter().map(secret).collect(),
                memory_mib,
                timeout_seconds,
                architecture,
                log_retention_days,
                policy_statements: Vec::new(),
            }
        },
    );
    let name = prop_oneof![4 => "[a-z][a-z0-9]{0,5}", 1 => "[a-z]{20}"];
    btree_map(name, function, 0..3)
        .prop_map(|functions| functions.into_iter().map(|(name, function)| Function { name, ..function }).collect())
        .boxed()
}
