//! `kubectl pipelines tree`: what a pipeline is made of on AWS, hop by hop.

use std::error::Error;

use api::{PipelineStatus, ResourceRow, ScheduledTaskPipeline};
use kube::ResourceExt as _;
use pipeline_core::names::Part;
use pipeline_core::resource::Kind;
use pipeline_core::text::{one_line, printable};
use serde::Serialize;
use task_pipelines::cli::arguments::Colour;
use task_pipelines::cli::exit_status::ExitStatus;
use task_pipelines::cli::plan::style;
use termtree::Tree;

use crate::cluster::Place;
use crate::output::{self, OfPipeline};
use crate::parts::Prefix;
use crate::text::Tone;
use crate::{console, print};

pub(crate) async fn run(arguments: OfPipeline, place: Place) -> Result<ExitStatus, Box<dyn Error>> {
    let OfPipeline { name, output } = arguments;
    let pipeline = place.connect().await?.get(&name).await?;
    let resources = resources(&pipeline.status.clone().unwrap_or_default());
    match output::document(output, &resources)? {
        Some(document) => print(&document)?,
        None => print(&tree(&pipeline, &resources, style(Colour::Auto).colour))?,
    }
    Ok(ExitStatus::Success)
}

/// A resource, and where it belongs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resource {
    hop: String,
    #[serde(flatten)]
    row: ResourceRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    console: Option<String>,
}

/// The hops that every pipeline has, in the order in which a firing takes them; its functions follow.
const HOPS: [&str; 4] = ["schedule", "sender", "queue", "runner"];

/// All resources, in the order of their hops.
pub(crate) fn resources(status: &PipelineStatus) -> Vec<Resource> {
    let region = status.region.as_deref().unwrap_or_default();
    let rows = &status.resources;
    let prefix = Prefix::of(status);
    let function = Kind::Function.to_string();
    let functions: Vec<&str> = rows
        .iter()
        .filter(|row| row.kind == function)
        .filter_map(|row| match prefix.part(&row.name)? {
            Part::Function(name) => Some(name),
            _ => None,
        })
        .collect();
    let mut resources: Vec<Resource> = rows
        .iter()
        .map(|row| Resource {
            hop: hop(row, prefix, &functions),
            row: row.clone(),
            console: console::link(row, region),
        })
        .collect();
    let place = |hop: &str| HOPS.iter().position(|known| *known == hop).unwrap_or(HOPS.len());
    resources.sort_by(|a, b| (place(&a.hop), &a.hop).cmp(&(place(&b.hop), &b.hop)));
    resources
}

fn hop(row: &ResourceRow, prefix: Prefix<'_>, functions: &[&str]) -> String {
    let hop = match prefix.part(&row.name) {
        Some(Part::Schedule | Part::Scheduler) => "schedule",
        Some(Part::Sender) => "sender",
        Some(Part::Runner | Part::Channels) => "runner",
        Some(Part::Tasks | Part::TasksDeadLetters | Part::Undelivered) => "queue",
        Some(Part::Layer(_)) => "layers",
        Some(Part::Secret { function, .. }) => return format!("function {function}"),
        Some(Part::Function(name)) => {
            // A secret of a function reads as one whose name begins with that function's.
            let owners = functions.iter().filter(|function| name.starts_with(**function));
            return owners
                .max_by_key(|name| name.len())
                .map_or_else(|| "other".to_owned(), |owner| format!("function {owner}"));
        }
        None => "other",
    };
    hop.to_owned()
}

pub(crate) fn tree(pipeline: &ScheduledTaskPipeline, resources: &[Resource], colour: bool) -> String {
    let status = pipeline.status.as_ref();
    let ready = status.and_then(|status| status.condition("Ready"));
    let place = status.and_then(|status| Some((status.account.as_ref()?, status.region.as_ref()?)));
    let place = place
        .map(|(account, region)| format!(" in account {}, {}", printable(account), printable(region)))
        .unwrap_or_default();
    let root = format!(
        "{}/{}: {}{place}",
        printable(&pipeline.namespace().unwrap_or_default()),
        printable(&pipeline.name_any()),
        Tone::of_ready(ready.map(|ready| ready.status.as_str()))
            .paint(&printable(ready.map_or("not reconciled yet", |ready| &ready.reason)), colour),
    );
    let hops = resources.chunk_by(|a, b| a.hop == b.hop).map(|hop| {
        let leaves = hop.iter().map(|resource| Tree::new(leaf(resource, colour)).with_multiline(true));
        Tree::new(hop.first().map(|first| printable(&first.hop).into_owned()).unwrap_or_default()).with_leaves(leaves)
    });
    Tree::new(root).with_leaves(hops).to_string()
}

fn leaf(Resource { row, console, .. }: &Resource, colour: bool) -> String {
    let state = Tone::of_resource(row.state).paint(&format!("{:?}", row.state), colour);
    let why = row.message.as_deref().map(|why| format!(", {}", one_line(why))).unwrap_or_default();
    let lines = [
        Some(format!("{} {}: {state}{why}", printable(&row.kind), printable(&row.name))),
        Some(printable(&row.arn).into_owned()),
        console.as_deref().map(|console| printable(console).into_owned()),
    ];
    lines.into_iter().flatten().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pipeline(rows: &[(&str, &str, &str)]) -> ScheduledTaskPipeline {
        let rows: Vec<_> = rows
            .iter()
            .map(|(kind, name, arn)| json!({"kind": kind, "name": name, "arn": arn, "state": "Ready"}))
            .collect();
        let mut pipeline = ScheduledTaskPipeline::new(
            "hello",
            serde_json::from_value(json!({"schedule": "@daily", "tasks": []})).unwrap(),
        );
        let status = json!({"account": "111122223333", "region": "eu-west-1", "resources": rows});
        pipeline.status = serde_json::from_value(status).unwrap();
        pipeline.metadata.namespace = Some("team".to_owned());
        pipeline
    }

    #[test]
    fn resources_stand_below_the_hop_that_they_are_for() {
        let pipeline = pipeline(&[
            (
                "LogGroup",
                "/aws/lambda/team-hello-x-fn-a",
                "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/a",
            ),
            ("Queue", "team-hello-x-tasks.fifo", "arn:aws:sqs:eu-west-1:111122223333:team-hello-x-tasks.fifo"),
            (
                "Parameter",
                "/taskpipelines/lab/team-hello-x/fn-a-b-key",
                "arn:aws:ssm:eu-west-1:111122223333:parameter/p",
            ),
            ("Role", "team-hello-x-scheduler", "arn:aws:iam::111122223333:role/team-hello-x-scheduler"),
            ("ScheduleGroup", "team-hello-x", "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/team-hello-x"),
            ("LayerVersion", "team-hello-x-layer-deps@abc", "arn:aws:lambda:eu-west-1:111122223333:layer:l:3"),
            ("Function", "team-hello-x-fn-a", "arn:aws:lambda:eu-west-1:111122223333:function:team-hello-x-fn-a"),
            ("Function", "team-hello-x-fn-a-b", "arn:aws:lambda:eu-west-1:111122223333:function:team-hello-x-fn-a-b"),
        ]);
        let resources = resources(pipeline.status.as_ref().unwrap());
        let hops: Vec<(&str, &str)> = resources.iter().map(|it| (it.hop.as_str(), it.row.kind.as_str())).collect();
        let expected = [
            ("schedule", "Role"),
            ("schedule", "ScheduleGroup"),
            ("queue", "Queue"),
            ("function a", "LogGroup"),
            ("function a", "Function"),
            ("function a-b", "Parameter"),
            ("function a-b", "Function"),
            ("layers", "LayerVersion"),
        ];
        assert_eq!(hops, expected);
        let text = tree(&pipeline, &resources, false);
        for line in [
            "team/hello: not reconciled yet in account 111122223333, eu-west-1\n",
            "├── schedule\n│   ├── Role team-hello-x-scheduler: Ready\n│   │   \
             arn:aws:iam::111122223333:role/team-hello-x-scheduler\n",
            "https://eu-west-1.console.aws.amazon.com/scheduler/home?region=eu-west-1#schedule-groups/team-hello-x\n",
            "/sqs/v3/home?region=eu-west-1#/queues/https%3A%2F%2Fsqs%2Eeu%2Dwest%2D1%2Eamazonaws%2Ecom%2F111122223333%2F",
            "#/layers/l/versions/3\n",
            "#logsV2:log-groups/log-group/$252Faws$252Flambda$252Fteam-hello-x-fn-a\n",
        ] {
            assert!(text.contains(line), "no {line} in:\n{text}");
        }
    }
}
