//! The account and region of a pipeline: `spec.aws`, if the configuration allows it and it agrees with where the
//! pipeline was created.

use super::refusal::{Refusals, quoted};
use super::{Context, Home, Refusal};
use crate::arn::Arn;
use crate::configuration::{Configuration, is_region, is_role_arn};
use crate::location::{AssumedRole, Target};
use crate::partition::Partition;

/// Hint for a changed account or region: resources cannot be moved.
const STAYS: &str = "set it back, or delete the pipeline and create it again";

/// Validates `spec.aws`, and returns the account and region of the resources.
pub(super) fn resolve(aws: Option<&api::Aws>, context: &Context<'_>, refusals: &mut Refusals) -> Target {
    let Home { own_region, account, region: fixed } = context.home;
    let Some(api::Aws { region, role_arn, external_id }) = aws else {
        return Target { region: known(fixed), role: None };
    };
    let namespace = &context.owner.namespace;
    // The operator's own region needs no permission, nor does the region that was its own when the pipeline was
    // created.
    let elsewhere = region.as_deref().filter(|region| own_region != Some(region));
    if let Some(region) = region {
        check_region(region, fixed, context, refusals);
    }
    let role = match (role_arn, external_id) {
        (Some(arn), external_id) => {
            check_account(arn, account, context, refusals);
            role(context.configuration, namespace, arn, external_id.as_deref(), elsewhere, refusals)
        }
        (None, Some(_)) => {
            let message = "an external id needs a role, and none is set";
            refusals.invalid_hint("spec.aws.externalId", message, "set `spec.aws.roleArn`, or remove it");
            None
        }
        (None, None) => {
            if let Some(Err(missing)) = elsewhere.map(|region| context.configuration.region(namespace, region)) {
                refusals.not_allowed("spec.aws.region", missing);
            }
            None
        }
    };
    Target { region: known(fixed).or_else(|| region.clone()), role }
}

/// The account and region of a pipeline that is being deleted: those it was created in, whatever its spec says now. Its
/// role must still be allowed, since the external id comes from the configuration.
///
/// # Errors
/// The role is not allowed.
pub fn place_of_deletion(
    aws: Option<&api::Aws>,
    namespace: &str,
    configuration: &Configuration,
    home: Home<'_>,
) -> Result<Target, Vec<Refusal>> {
    let mut refusals = Refusals::default();
    let role = aws.and_then(|aws| {
        let arn = aws.role_arn.as_deref()?;
        role(configuration, namespace, arn, aws.external_id.as_deref(), None, &mut refusals)
    });
    let region = known(home.region).or_else(|| aws?.region.clone().filter(|region| is_region(region)));
    if refusals.is_empty() { Ok(Target { region, role }) } else { Err(refusals.into_vec()) }
}

/// The region that the status records, if it is a valid one. Anything else was not written by the operator, and is ignored.
fn known(region: Option<&str>) -> Option<String> {
    region.filter(|region| is_region(region)).map(str::to_owned)
}

fn check_region(region: &str, fixed: Option<&str>, context: &Context<'_>, refusals: &mut Refusals) {
    if !is_region(region) {
        let message = format!("{} is not a valid region", quoted(region));
        refusals.invalid_hint("spec.aws.region", message, "write one like `eu-central-1`");
    } else if let Some(fixed) = fixed.filter(|fixed| *fixed != region) {
        refusals.invalid_hint("spec.aws.region", format!("the pipeline lives in `{fixed}`, and cannot move"), STAYS);
    } else {
        check_partition("spec.aws.region", "region", Partition::of_region(region), context, refusals);
    }
}

fn check_partition(field: &str, what: &str, partition: Partition, context: &Context<'_>, refusals: &mut Refusals) {
    if let Some(own) = context.partition().filter(|own| *own != partition) {
        let message = format!("the {what} is in partition `{partition}`, and the operator in `{own}`");
        refusals.invalid_hint(field, message, "no identity reaches beyond its partition: run another operator there");
    }
}

fn check_account(arn: &str, fixed: Option<&str>, context: &Context<'_>, refusals: &mut Refusals) {
    let partition = Arn::parse(arn).and_then(|arn| arn.partition.parse::<Partition>().ok());
    if let Some(partition) = partition.filter(|_| is_role_arn(arn)) {
        check_partition("spec.aws.roleArn", "role", partition, context, refusals);
    }
    if let Some(fixed) =
        fixed.filter(|fixed| is_role_arn(arn) && Arn::parse(arn).is_some_and(|arn| arn.account != *fixed))
    {
        let message = format!("the pipeline lives in account {fixed}, and cannot move");
        refusals.invalid_hint("spec.aws.roleArn", message, STAYS);
    }
}

fn role(
    configuration: &Configuration,
    namespace: &str,
    arn: &str,
    external_id: Option<&str>,
    region: Option<&str>,
    refusals: &mut Refusals,
) -> Option<AssumedRole> {
    if !is_role_arn(arn) {
        let message = format!("{} is not a valid role ARN", quoted(arn));
        refusals.invalid_hint("spec.aws.roleArn", message, "write it like `arn:aws:iam::111122223333:role/name`");
        return None;
    }
    configuration
        .role(namespace, arn, external_id, region)
        .map_err(|missing| refusals.not_allowed("spec.aws.roleArn", missing))
        .ok()
}
