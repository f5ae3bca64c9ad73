//! What others put on the pipeline's roles: told in the rows of the roles, and in an event when it is new.

use std::collections::BTreeMap;

use api::{PipelineStatus, ResourceRow, ResourceState};
use pipeline_core::event::Event;
use pipeline_core::reason::Acted;
use pipeline_core::resource::Kind;
use pipeline_core::text::bounded_line;

use super::rows::MAX_ROW_MESSAGE;

/// Puts what was found, by the role's name, into the rows of roles that are as wanted. Returns an event for what the status
/// did not say before. Nothing is known before the first sweep: what the status says then stays.
pub fn put_by_others(
    status: &mut PipelineStatus,
    before: &PipelineStatus,
    found: Option<&BTreeMap<String, Vec<String>>>,
) -> Option<Event> {
    let is_role = |row: &ResourceRow| row.kind == Kind::Role.to_string() && row.state == ResourceState::Ready;
    let mut told = Vec::new();
    for row in status.resources.iter_mut().filter(|row| is_role(row)) {
        let old = before.resources.iter().find(|old| is_role(old) && old.name == row.name);
        let old = old.and_then(|old| old.message.clone());
        row.message = match found {
            None => old.clone(),
            Some(found) => found.get(&row.name).map(|policies| message(policies)),
        };
        if let Some(message) = row.message.as_ref().filter(|message| old.as_ref() != Some(message)) {
            told.push(format!("{} {}: {message}", row.kind, row.name));
        }
    }
    (!told.is_empty()).then(|| Event::new(Acted::PoliciesOfOthers, told.join("; ")))
}

fn message(policies: &[String]) -> String {
    let message = format!(
        "others put this on the role, which may do more by it, and it stays: {}; take it off unless that is meant",
        policies.join(", ")
    );
    bounded_line(&message, MAX_ROW_MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(message: Option<&str>) -> PipelineStatus {
        let row = |kind: &str, name: &str, message: Option<&str>| ResourceRow {
            kind: kind.to_owned(),
            name: name.to_owned(),
            arn: String::new(),
            state: ResourceState::Ready,
            message: message.map(str::to_owned),
            unseen: false,
        };
        let resources = vec![row("Role", "a-runner", message), row("Function", "a-runner", None)];
        PipelineStatus { resources, ..PipelineStatus::default() }
    }

    #[test]
    fn what_others_put_on_a_role_is_told_once_and_no_longer_than_it_is_there() {
        let found = BTreeMap::from([("a-runner".to_owned(), vec!["inline policy more".to_owned()])]);
        let mut now = status(None);
        let event = put_by_others(&mut now, &status(None), Some(&found)).expect("an event");
        assert!(event.note.starts_with("Role a-runner: others put this on the role"), "{event:?}");
        assert!(event.reason.is_warning());
        let said = now.resources[0].message.clone().expect("a message");
        assert!(said.contains("inline policy more"), "{said}");
        assert_eq!(now.resources[1].message, None);

        let (mut again, mut unknown, mut gone) = (status(None), status(None), status(None));
        assert_eq!(put_by_others(&mut again, &now, Some(&found)), None);
        assert_eq!(again, now);
        assert_eq!(put_by_others(&mut unknown, &now, None), None);
        assert_eq!(unknown, now);
        assert_eq!(put_by_others(&mut gone, &now, Some(&BTreeMap::new())), None);
        assert_eq!(gone, status(None));
    }
}
