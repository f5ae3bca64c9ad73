//! How full an account is: what more pipelines would meet.

use aws::own::usage::{self, Invocations, Usage};
use aws::own::{Failure, Session};
use futures::join;

use crate::kubernetes::preflight::Finding;

/// Share of a quota, in percent, from which on it is time to ask for more.
const NEARLY_FULL: i64 = 90;

/// Schedule groups in an account and region, one a pipeline: AWS has no call that tells.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
const SCHEDULE_GROUPS: i64 = 500;

/// Invocations at the same time that the smallest pipeline takes: its sender, and two of its runner, the fewest that a
/// mapping may be limited to.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html>
const INVOCATIONS: i32 = 3;

/// What there is of each quota that pipelines share.
pub async fn findings(session: &Session) -> Vec<Finding> {
    let (invocations, roles, code, groups) = join!(
        usage::invocations(session),
        usage::roles(session),
        usage::code(session),
        usage::schedule_groups(session)
    );
    let of_roles = |usage| told(usage, "roles", "a pipeline has three, and one a function");
    let of_code = |Usage { used, quota }| {
        let mebibytes = |bytes: i64| bytes / 1_048_576;
        let usage = Usage { used: mebibytes(used), quota: mebibytes(quota) };
        told(usage, "MiB of code", "layers count each version")
    };
    vec![
        finding("Lambda concurrency", invocations, at_the_same_time),
        finding("IAM roles", roles, of_roles),
        finding("Lambda storage", code, of_code),
        schedule_groups(groups),
    ]
}

fn finding<T>(
    what: &'static str,
    asked: Result<Option<T>, Failure>,
    read: impl FnOnce(T) -> Result<String, String>,
) -> Finding {
    match asked {
        Ok(Some(usage)) => Finding::of(what, read(usage)),
        Ok(None) => Finding::not_known(what, "AWS does not tell".to_owned()),
        Err(failure) => Finding::not_known(what, failure.answer()),
    }
}

/// AWS does not tell this quota, so an account that seems full may have a larger one.
fn schedule_groups(asked: Result<i64, Failure>) -> Finding {
    const WHAT: &str = "schedule groups";
    let usage = match asked {
        Ok(used) => Usage { used, quota: SCHEDULE_GROUPS },
        Err(failure) => return Finding::not_known(WHAT, failure.answer()),
    };
    match told(usage, WHAT, "one a pipeline; your quota may be another") {
        Ok(text) => Finding::of(WHAT, Ok(text)),
        Err(text) => Finding::not_known(WHAT, text),
    }
}

fn told(Usage { used, quota }: Usage, what: &str, note: &str) -> Result<String, String> {
    let text = format!("{used} of {quota} {what} are used ({note})");
    if used * 100 < quota * NEARLY_FULL { Ok(text) } else { Err(format!("{text}; ask AWS for more in Service Quotas")) }
}

fn at_the_same_time(Invocations { limit, unreserved }: Invocations) -> Result<String, String> {
    let text = format!("{unreserved} of {limit} invocations at the same time are reserved for no function");
    if unreserved >= INVOCATIONS {
        return Ok(format!(
            "{text} (new accounts begin with 10; a pipeline takes at least {INVOCATIONS} to run freely)"
        ));
    }
    Err(format!(
        "{text}, and a pipeline takes at least {INVOCATIONS}; reserve less for other functions, or ask AWS for more in \
         Service Quotas"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_that_is_nearly_full_is_not_well() {
        assert_eq!(told(Usage { used: 899, quota: 1000 }, "roles", "n").unwrap(), "899 of 1000 roles are used (n)");
        assert_eq!(
            told(Usage { used: 900, quota: 1000 }, "roles", "n").unwrap_err(),
            "900 of 1000 roles are used (n); ask AWS for more in Service Quotas"
        );
    }

    #[test]
    fn too_few_invocations_for_one_pipeline_are_not_well() {
        let few = at_the_same_time(Invocations { limit: 10, unreserved: 2 }).unwrap_err();
        assert!(few.starts_with("2 of 10 invocations at the same time"), "{few}");
        assert!(at_the_same_time(Invocations { limit: 10, unreserved: 10 }).is_ok());
    }
}
