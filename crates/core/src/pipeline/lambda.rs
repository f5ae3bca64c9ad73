//! Settings that all Lambda functions of a pipeline have in common.

use std::collections::BTreeMap;

use api::{Architecture, LOG_RETENTION_DAYS};
use serde_json::Value;

use super::environment::{self, Taken};
use super::layer::Layers;
use super::refusal::Refusals;
use super::{Context, Lambda, statement};
use crate::code::Code;

/// The settings of a function.
pub(super) struct Settings<'a> {
    /// Path of the function in the spec.
    pub(super) field: &'a str,
    pub(super) memory_mib: u32,
    pub(super) timeout_seconds: u32,
    pub(super) architecture: Architecture,
    pub(super) log_retention_days: u32,
    pub(super) environment: &'a BTreeMap<String, String>,
    /// Variables that its environment must not have.
    pub(super) taken: Taken<'a>,
    pub(super) layers: &'a [String],
    pub(super) policy_statements: &'a [Value],
}

impl Settings<'_> {
    /// Validates the settings; `None` if the code is missing or refused.
    pub(super) fn resolve(
        self,
        code: Option<Code>,
        defined: &Layers<'_>,
        context: &Context<'_>,
        refusals: &mut Refusals,
    ) -> Option<Lambda> {
        let Self {
            field,
            memory_mib,
            timeout_seconds,
            architecture,
            log_retention_days,
            environment,
            taken,
            layers,
            policy_statements,
        } = self;
        check_retention(&format!("{field}.logRetentionDays"), log_retention_days, refusals);
        environment::check(&format!("{field}.environment"), environment, taken, refusals);
        let runtime = code.as_ref().and_then(Code::entry).map(|entry| entry.runtime);
        let layers = defined.of_function(field, layers, runtime.as_deref(), architecture, context, refusals);
        let statements = statement::resolve(&format!("{field}.policyStatements"), policy_statements, context, refusals);
        if let (Some(Code::Image(_)), false) = (&code, layers.is_empty()) {
            let message = "an image has no layers: Lambda takes them with zips alone";
            refusals.invalid_hint(format!("{field}.layers"), message, "remove them, and put the files into the image");
        }
        Some(Lambda {
            code: code?,
            layers,
            memory_mib,
            timeout_seconds,
            architecture,
            log_retention_days,
            environment: environment.clone(),
            statements,
        })
    }
}

fn check_retention(field: &str, days: u32, refusals: &mut Refusals) {
    if LOG_RETENTION_DAYS.contains(&days) {
        return;
    }
    let below = LOG_RETENTION_DAYS.into_iter().rev().find(|period| *period < days);
    let above = LOG_RETENTION_DAYS.into_iter().find(|period| *period > days);
    let nearest = below.into_iter().chain(above).map(|period| period.to_string()).collect::<Vec<_>>().join(" or ");
    let message = format!("{days} is not a valid retention period of CloudWatch Logs");
    refusals.invalid_hint(field, message, format!("the nearest is {nearest}"));
}
