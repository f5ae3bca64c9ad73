//! What differs between what is wanted and what AWS has, in the words of a person: policies by what they grant, objects
//! field by field, tags one by one.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Field, Observed, Resource};
use crate::iam::Document;
use crate::names::{TagKeys, Tags};

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The managed field, or where in it: `policy`, `tags.team`, `environment.LOG`, `input.tasks[hello].template`.
    pub field: String,
    /// What AWS has, for a person; empty when unset.
    pub from: String,
    /// What is wanted, for a person; empty when to be unset.
    pub to: String,
}

/// What differs between what is wanted and what AWS has, foreign tags aside. Empty when they are the same.
pub fn diff(resource: &Resource, have: &Observed, tag_keys: &TagKeys) -> Vec<Difference> {
    let want = resource.fields();
    let keys: BTreeSet<&str> = want.keys().chain(have.fields.keys()).copied().collect();
    let fields = keys.into_iter().flat_map(|key| diff_field(key, have.fields.get(key), want.get(key)));
    fields.chain(diff_tags(resource.tags(), &have.tags, tag_keys)).collect()
}

/// All of a resource that is not there yet.
pub(crate) fn diff_new(resource: &Resource) -> Vec<Difference> {
    let fields = resource.fields();
    let fields = fields.iter().flat_map(|(key, to)| match to {
        // Field by field, as later changes are told.
        Field::Plain(Value::Object(_)) => diff_field(key, Some(&Field::Plain(Value::Object(Map::new()))), Some(to)),
        Field::Plain(_) | Field::Secret(_) | Field::Policy(_) => diff_field(key, None, Some(to)),
    });
    fields.chain(diff_tags(resource.tags(), &Tags::new(), &TagKeys::default())).collect()
}

fn diff_field(field: &str, from: Option<&Field>, to: Option<&Field>) -> Vec<Difference> {
    if from == to {
        return Vec::new();
    }
    match (from, to) {
        (Some(Field::Plain(from)), Some(Field::Plain(to))) => {
            let mut found = Vec::new();
            diff_value(field, Some(from), Some(to), &mut found);
            found
        }
        (Some(Field::Policy(from)), Some(Field::Policy(to))) => diff_policy(field, Some(from), Some(to)),
        (Some(Field::Policy(from)), None) => diff_policy(field, Some(from), None),
        (None, Some(Field::Policy(to))) => diff_policy(field, None, Some(to)),
        (from, to) => {
            let show = |field: Option<&Field>| field.map(ToString::to_string).unwrap_or_default();
            vec![difference(field, show(from), show(to))]
        }
    }
}

fn difference(field: &str, from: String, to: String) -> Difference {
    Difference { field: field.to_owned(), from, to }
}

fn diff_policy(field: &str, from: Option<&Document>, to: Option<&Document>) -> Vec<Difference> {
    let (gone, new) = Document::changes(from, to);
    let gone = gone.into_iter().map(|sentence| difference(field, sentence, String::new()));
    gone.chain(new.into_iter().map(|sentence| difference(field, String::new(), sentence))).collect()
}

/// Goes into objects, and into lists of named objects, as far as both sides have them.
fn diff_value(path: &str, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Difference>) {
    match (from, to) {
        (from, to) if from == to => {}
        (Some(Value::Object(from)), Some(Value::Object(to))) => {
            for key in keys(from, to) {
                diff_value(&format!("{path}.{key}"), from.get(key), to.get(key), found);
            }
        }
        (Some(Value::Array(from_list)), Some(Value::Array(to_list))) => match (by_name(from_list), by_name(to_list)) {
            // The same names in another order are no more than that.
            (Some(from), Some(to)) if from != to => {
                for key in keys(&from, &to) {
                    diff_value(&format!("{path}[{key}]"), from.get(key), to.get(key), found);
                }
            }
            _ => found.push(difference(path, text(&from_list.as_slice().into()), text(&to_list.as_slice().into()))),
        },
        (from, to) => {
            let show = |value: Option<&Value>| value.map(text).unwrap_or_default();
            found.push(difference(path, show(from), show(to)));
        }
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

/// What the label of a tag begins with.
const TAG: &str = "tags.";

/// The label of a tag's difference.
pub fn tag_field(key: &str) -> String {
    format!("{TAG}{key}")
}

fn diff_tags(want: &Tags, have: &Tags, tag_keys: &TagKeys) -> Vec<Difference> {
    let removable = have.keys().filter(|key| tag_keys.contains(key));
    let keys: BTreeSet<&String> = want.keys().chain(removable).collect();
    keys.into_iter()
        .filter(|key| want.get(*key) != have.get(*key))
        .map(|key| {
            let show = |tags: &Tags| tags.get(key).map(|value| text(&value.as_str().into())).unwrap_or_default();
            difference(&tag_field(key), show(have), show(want))
        })
        .collect()
}

impl Difference {
    /// The managed field that it is, or is in.
    pub fn managed_field(&self) -> &str {
        self.field.split(['.', '[']).next().unwrap_or_default()
    }

    /// The key of the tag that differs, if it is a tag.
    pub fn tag_key(&self) -> Option<&str> {
        self.field.strip_prefix(TAG)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::names::tag;

    #[track_caller]
    fn check(from: Value, to: Value, expected: &[&str]) {
        let found = diff_field("f", Some(&Field::Plain(from)), Some(&Field::Plain(to)));
        let texts: Vec<String> = found.iter().map(|it| format!("{}: {} -> {}", it.field, it.from, it.to)).collect();
        assert_eq!(texts, expected);
    }

    #[test]
    fn objects_differ_field_by_field_and_named_items_by_their_names() {
        check(json!(1), json!(2), &["f: 1 -> 2"]);
        check(
            json!({ "A": "1", "B": "2" }),
            json!({ "B": "", "C": "3" }),
            &["f.A: 1 -> ", "f.B: 2 -> \"\"", "f.C:  -> 3"],
        );
        let tasks = |template: &str| json!({ "tasks": [{ "name": "a", "template": template }, { "name": "b" }] });
        check(tasks("x"), tasks("y"), &["f.tasks[a].template: x -> y"]);
        check(tasks("x"), json!({ "tasks": [{ "name": "b" }] }), &[r#"f.tasks[a]: {"name":"a","template":"x"} -> "#]);
        check(json!(["a"]), json!(["a", "b"]), &[r#"f: ["a"] -> ["a","b"]"#]);
    }

    #[test]
    fn another_order_of_a_list_is_a_difference() {
        let (a, b) = (json!({ "name": "a" }), json!({ "name": "b" }));
        check(json!([a, b]), json!([b, a]), &[r#"f: [{"name":"a"},{"name":"b"}] -> [{"name":"b"},{"name":"a"}]"#]);
        let twins = json!([a, a]);
        check(twins, json!([a]), &[r#"f: [{"name":"a"},{"name":"a"}] -> [{"name":"a"}]"#]);
    }

    fn tags(tags: &[(&str, &str)]) -> Tags {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn foreign_tags_are_no_difference_and_are_never_removed() {
        let want = tags(&[(tag::UID, "uid-1"), ("team", "a"), ("new", "n"), ("a.b[c]", "d")]);
        let have = tags(&[
            (tag::UID, "uid-0"),
            ("team", "b"),
            ("old", "o"),
            ("cost-center", "42"),
            ("aws:cloudformation:stack-id", "s"),
            ("taskpipelines.dev/other", "x"),
            (tag::CODE, "c"),
        ]);
        let keys = TagKeys::new(["old", "aws:cloudformation:stack-id"].map(str::to_owned));
        let differences = diff_tags(&want, &have, &keys);
        let texts: Vec<String> =
            differences.iter().map(|it| format!("{}: {} -> {}", it.field, it.from, it.to)).collect();
        assert_eq!(
            texts,
            [
                "tags.a.b[c]:  -> d",
                "tags.new:  -> n",
                "tags.old: o -> ",
                "tags.taskpipelines.dev/code: c -> ",
                "tags.taskpipelines.dev/uid: uid-0 -> uid-1",
                "tags.team: b -> a",
            ]
        );
        assert_eq!(diff_tags(&tags(&[]), &have, &TagKeys::default()).len(), 2, "the operator's own keys alone");
    }
}
