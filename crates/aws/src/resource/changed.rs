//! The differences that an update corrects, in the form in which each kind needs them.

use pipeline_core::names::{Tags, tag};
use pipeline_core::resource::{Difference, FieldName, Side};

/// The tags that an update changes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TagChanges {
    /// Owner's tags, which are set before anything else: they make the resource the pipeline's.
    pub owner: Tags,
    /// Keys to remove.
    pub remove: Vec<String>,
    /// User's tags to set.
    pub set: Tags,
}

/// The differences that an update corrects.
#[derive(Clone, Copy)]
pub struct Changed<'plan>(pub &'plan [Difference]);

impl Changed<'_> {
    /// Whether any of these fields differs, or something in them.
    pub fn any(self, fields: &[FieldName]) -> bool {
        self.0.iter().filter_map(Difference::field).any(|name| fields.contains(&name))
    }

    /// Whether a function still has a deleted role, even if a new one has the same name.
    pub fn has_deleted_role(self) -> bool {
        self.0.iter().any(|difference| matches!(difference.from, Some(Side::DeletedRole(_))))
    }

    /// The changes of tags among them.
    pub fn tags(self, desired: &Tags) -> TagChanges {
        let mut changes = TagChanges::default();
        for key in self.0.iter().filter_map(Difference::tag_key) {
            match desired.get(key) {
                None => changes.remove.push(key.to_owned()),
                Some(value) => {
                    let tags = if tag::OWNER.contains(&key) { &mut changes.owner } else { &mut changes.set };
                    tags.insert(key.to_owned(), value.clone());
                }
            }
        }
        changes
    }
}

/// Tags with the cluster's among them: the operator's policy lets it set none without.
pub(super) fn with_cluster(tags: &Tags, all: &Tags) -> Tags {
    let cluster = all.get_key_value(tag::CLUSTER).map(|(key, value)| (key.clone(), value.clone()));
    tags.clone().into_iter().chain(cluster).collect()
}

#[cfg(test)]
mod tests {
    use pipeline_core::resource::Place;

    use super::*;

    fn tags(tags: &[(&str, &str)]) -> Tags {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_owners_tags_are_put_first_and_what_is_not_wanted_is_removed() {
        let desired = tags(&[(tag::UID, "uid-1"), ("team", "a"), ("new", "n"), ("a.b[c]", "d"), ("same", "s")]);
        let differences = [
            Difference::of_tag("a.b[c]", None, Some("d")),
            Difference::of_tag("new", None, Some("n")),
            Difference::of_tag("old", Some("o"), None),
            Difference::of_tag(tag::CODE, Some("c"), None),
            Difference::of_tag(tag::UID, Some("uid-0"), Some("uid-1")),
            Difference::of_tag("team", Some("b"), Some("a")),
            Difference::of_field(FieldName::Timeout, Some(Side::value(1)), Some(Side::value(2))),
        ];
        let expected = TagChanges {
            owner: tags(&[(tag::UID, "uid-1")]),
            remove: ["old", tag::CODE].map(str::to_owned).into(),
            set: tags(&[("a.b[c]", "d"), ("new", "n"), ("team", "a")]),
        };
        assert_eq!(Changed(&differences).tags(&desired), expected);
    }

    #[test]
    fn an_update_is_asked_for_by_the_field_that_a_difference_is_in() {
        let place = Place::Field { name: FieldName::Environment, path: ".LOG".to_owned() };
        let differences = [Difference { place, from: None, to: Some(Side::value("debug")) }];
        assert!(Changed(&differences).any(&[FieldName::Timeout, FieldName::Environment]));
        assert!(!Changed(&differences).any(&[FieldName::Timeout]));
    }
}
