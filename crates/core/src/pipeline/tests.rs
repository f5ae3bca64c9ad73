//! What is refused, in which words, and what comes of the rest.

mod beyond;
mod limits;
mod refused;
mod together;

mod resolved;

use std::collections::BTreeSet;

use api::Architecture;
use serde_json::Value;

use super::{Home, Pipeline, Refusal, SecretLookup, secret_refs};
use crate::secret_text::SecretText;
use crate::test_support::{Pipelines, owner, resolved, spec, try_resolve};

/// All refusals, one a line.
#[track_caller]
fn refused(yaml: &str) -> String {
    let refusals = try_resolve(&spec(yaml), Pipelines::New).expect_err(yaml);
    assert!(!refusals.is_empty(), "{yaml}");
    refusals.iter().map(|it| format!("{}: {it}", it.reason)).collect::<Vec<_>>().join("\n")
}
