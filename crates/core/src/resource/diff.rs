//! What differs between what is wanted and what AWS has: policies by what they grant, objects field by field, tags one by
//! one.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value};

use super::{Field, FieldName, Observed, Resource};
use crate::iam::Document;
use crate::names::{TagKeys, Tags};

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub place: Place,
    /// What AWS has, if anything.
    pub from: Option<Side>,
    /// What is wanted, if anything.
    pub to: Option<Side>,
}

/// Where a resource differs. Printed as people read it: `memorySize`, `environment.LOG`, `input.tasks[hello].template`,
/// `tags.team`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a managed field.
    Field {
        /// The field.
        name: FieldName,
        /// Where in its value, for people: `.LOG`; empty for the whole of it.
        path: String,
    },
    /// In the tag with this key.
    Tag(String),
}

/// One side of a difference. Printed as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// A value, or a part of one.
    Value(Value),
    /// A value that is never shown.
    Secret,
    /// One thing that a policy says.
    Statement(String),
    /// The ARN of a role that was deleted, and perhaps made anew: the function still has the old one.
    DeletedRole(String),
}

impl Difference {
    /// A managed field that differs as a whole.
    pub fn of_field(name: FieldName, from: Option<Side>, to: Option<Side>) -> Self {
        Self { place: Place::Field { name, path: String::new() }, from, to }
    }

    /// A tag that differs.
    pub fn of_tag(key: impl Into<String>, from: Option<&str>, to: Option<&str>) -> Self {
        let side = |value: Option<&str>| value.map(|value| Side::Value(value.into()));
        Self { place: Place::Tag(key.into()), from: side(from), to: side(to) }
    }

    /// The managed field that it is, or is in; a tag is in none.
    pub fn field(&self) -> Option<FieldName> {
        match self.place {
            Place::Field { name, .. } => Some(name),
            Place::Tag(_) => None,
        }
    }

    /// The key of the tag that differs, if it is a tag.
    pub fn tag_key(&self) -> Option<&str> {
        match &self.place {
            Place::Tag(key) => Some(key),
            Place::Field { .. } => None,
        }
    }

    /// Whether it is in a value that is never shown.
    pub fn is_secret(&self) -> bool {
        [&self.from, &self.to].into_iter().any(|side| matches!(side, Some(Side::Secret)))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field { name, path } => write!(f, "{name}{path}"),
            Self::Tag(key) => write!(f, "tags.{key}"),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(&text(value)),
            Self::Secret => f.write_str(SECRET),
            Self::Statement(sentence) => f.write_str(sentence),
            Self::DeletedRole(arn) => write!(f, "{arn}, which was deleted since"),
        }
    }
}

impl Side {
    /// A plain value.
    pub fn value(value: impl Into<Value>) -> Self {
        Self::Value(value.into())
    }
}

/// What is shown of a value that is never shown.
pub(super) const SECRET: &str = "[secret]";

/// What differs between what is wanted and what AWS has, foreign tags aside. Empty when they are the same.
pub fn diff(resource: &Resource, observed: &Observed, tag_keys: &TagKeys) -> Vec<Difference> {
    let desired = resource.fields();
    let names: BTreeSet<FieldName> = desired.keys().chain(observed.fields.keys()).copied().collect();
    let fields = names.into_iter().flat_map(|name| diff_field(name, observed.fields.get(&name), desired.get(&name)));
    fields.chain(diff_tags(resource.tags(), &observed.tags, tag_keys)).collect()
}

/// All of a resource that is not there yet.
pub(crate) fn diff_new(resource: &Resource) -> Vec<Difference> {
    let fields = resource.fields();
    let fields = fields.iter().flat_map(|(name, to)| match to {
        // Field by field, as later changes are told.
        Field::Plain(Value::Object(_)) => diff_field(*name, Some(&Field::Plain(Value::Object(Map::new()))), Some(to)),
        Field::Plain(_) | Field::Secret(_) | Field::Policy(_) => diff_field(*name, None, Some(to)),
    });
    fields.chain(diff_tags(resource.tags(), &Tags::new(), &TagKeys::default())).collect()
}

fn diff_field(name: FieldName, from: Option<&Field>, to: Option<&Field>) -> Vec<Difference> {
    if from == to {
        return Vec::new();
    }
    match (from, to) {
        (Some(Field::Plain(from)), Some(Field::Plain(to))) => {
            let mut found = Vec::new();
            diff_value(name, "", Some(from), Some(to), &mut found);
            found
        }
        (Some(Field::Policy(from)), Some(Field::Policy(to))) => diff_policy(name, Some(from), Some(to)),
        (Some(Field::Policy(from)), None) => diff_policy(name, Some(from), None),
        (None, Some(Field::Policy(to))) => diff_policy(name, None, Some(to)),
        (from, to) => vec![Difference::of_field(name, from.map(side), to.map(side))],
    }
}

/// The whole of a field as a side.
fn side(field: &Field) -> Side {
    match field {
        Field::Plain(value) => Side::Value(value.clone()),
        Field::Secret(_) => Side::Secret,
        Field::Policy(document) => Side::Statement(document.to_string()),
    }
}

fn diff_policy(name: FieldName, from: Option<&Document>, to: Option<&Document>) -> Vec<Difference> {
    let (gone, new) = Document::changes(from, to);
    let gone = gone.into_iter().map(|sentence| Difference::of_field(name, Some(Side::Statement(sentence)), None));
    gone.chain(new.into_iter().map(|sentence| Difference::of_field(name, None, Some(Side::Statement(sentence)))))
        .collect()
}

/// Goes into objects, and into lists of named objects, as far as both sides have them.
fn diff_value(name: FieldName, path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Difference>) {
    let difference = |from: Option<&Value>, to: Option<&Value>| Difference {
        place: Place::Field { name, path: path.to_owned() },
        from: from.cloned().map(Side::Value),
        to: to.cloned().map(Side::Value),
    };
    match (from, to) {
        (from, to) if from == to => {}
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            for key in keys(from, to) {
                diff_value(name, &format!("{path}.{key}"), from.get(key), to.get(key), found);
            }
        }
        (Some(from @ Value::Array(from_list)), Some(to @ Value::Array(to_list))) => {
            match (by_name(from_list), by_name(to_list)) {
                // The same names in another order are no more than that.
                (Some(from), Some(to)) if from != to => {
                    for key in keys(&from, &to) {
                        diff_value(name, &format!("{path}[{key}]"), from.get(key), to.get(key), found);
                    }
                }
                _ => found.push(difference(Some(from), Some(to))),
            }
        }
        (from, to) => found.push(difference(from, to)),
    }
}

fn keys<'both>(from: &'both Map<String, Value>, to: &'both Map<String, Value>) -> BTreeSet<&'both String> {
    from.keys().chain(to.keys()).collect()
}

/// The items by their field `name`, if each has one of its own.
fn by_name(items: &[Value]) -> Option<Map<String, Value>> {
    let named = items.iter().map(|item| Some((item.get("name")?.as_str()?.to_owned(), item.clone())));
    let named: Map<String, Value> = named.collect::<Option<_>>()?;
    (named.len() == items.len()).then_some(named)
}

/// A value for a person. An empty text is not a missing one.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        other => other.to_string(),
    }
}

fn diff_tags(desired: &Tags, observed: &Tags, tag_keys: &TagKeys) -> Vec<Difference> {
    let removable = observed.keys().filter(|key| tag_keys.contains(key));
    let keys: BTreeSet<&String> = desired.keys().chain(removable).collect();
    keys.into_iter()
        .filter(|key| desired.get(*key) != observed.get(*key))
        .map(|key| Difference::of_tag(key, observed.get(key).map(String::as_str), desired.get(key).map(String::as_str)))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::tag;

    fn texts(found: &[Difference]) -> Vec<String> {
        let text = |side: &Option<Side>| side.as_ref().map(ToString::to_string).unwrap_or_default();
        found.iter().map(|it| format!("{}: {} -> {}", it.place, text(&it.from), text(&it.to))).collect()
    }

    #[track_caller]
    fn check(from: Value, to: Value, expected: &[&str]) {
        let found = diff_field(FieldName::Input, Some(&Field::Plain(from)), Some(&Field::Plain(to)));
        assert_eq!(texts(&found), expected);
    }

    #[test]
    fn objects_differ_field_by_field_and_named_items_by_their_names() {
        check(json!(1), json!(2), &["input: 1 -> 2"]);
        check(
            json!({ "A": "1", "B": "2" }),
            json!({ "B": "", "C": "3" }),
            &["input.A: 1 -> ", "input.B: 2 -> \"\"", "input.C:  -> 3"],
        );
        let tasks = |template: &str| json!({ "tasks": [{ "name": "a", "template": template }, { "name": "b" }] });
        check(tasks("x"), tasks("y"), &["input.tasks[a].template: x -> y"]);
        check(
            tasks("x"),
            json!({ "tasks": [{ "name": "b" }] }),
            &[r#"input.tasks[a]: {"name":"a","template":"x"} -> "#],
        );
        check(json!(["a"]), json!(["a", "b"]), &[r#"input: ["a"] -> ["a","b"]"#]);
    }

    #[test]
    fn another_order_of_a_list_is_a_difference() {
        let (a, b) = (json!({ "name": "a" }), json!({ "name": "b" }));
        check(json!([a, b]), json!([b, a]), &[r#"input: [{"name":"a"},{"name":"b"}] -> [{"name":"b"},{"name":"a"}]"#]);
        let twins = json!([a, a]);
        check(twins, json!([a]), &[r#"input: [{"name":"a"},{"name":"a"}] -> [{"name":"a"}]"#]);
    }

    fn tags(tags: &[(&str, &str)]) -> Tags {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn foreign_tags_are_no_difference_and_are_never_removed() {
        let desired = tags(&[(tag::UID, "uid-1"), ("team", "a"), ("new", "n"), ("a.b[c]", "d")]);
        let observed = tags(&[
            (tag::UID, "uid-0"),
            ("team", "b"),
            ("old", "o"),
            ("cost-center", "42"),
            ("aws:cloudformation:stack-id", "s"),
            ("taskpipelines.dev/other", "x"),
            (tag::CODE, "c"),
        ]);
        let keys = TagKeys::new(["old", "aws:cloudformation:stack-id"].map(str::to_owned));
        let differences = diff_tags(&desired, &observed, &keys);
        assert_eq!(
            texts(&differences),
            [
                "tags.a.b[c]:  -> d",
                "tags.new:  -> n",
                "tags.old: o -> ",
                "tags.taskpipelines.dev/code: c -> ",
                "tags.taskpipelines.dev/uid: uid-0 -> uid-1",
                "tags.team: b -> a",
            ]
        );
        assert_eq!(diff_tags(&tags(&[]), &observed, &TagKeys::default()).len(), 2, "the operator's own keys alone");
    }
}
