//! Where the AWS console shows a resource. AWS documents no such addresses; these are what the console itself has in its
//! address bar.

use api::ResourceRow;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use pipeline_core::arn::Arn;
use pipeline_core::location::Location;
use pipeline_core::partition::Partition;
use pipeline_core::resource::Kind;

/// The page of a resource in a region; none for kinds that this version does not know.
pub(crate) fn link(row: &ResourceRow, region: &str) -> Option<String> {
    let host = host(Arn::parse(&row.arn)?.partition.parse().ok()?)?;
    let name = &row.name;
    let page = match row.kind.parse().ok()? {
        Kind::LogGroup => {
            format!("cloudwatch/home?region={region}#logsV2:log-groups/log-group/{}", name.replace('/', "$252F"))
        }
        Kind::Queue => format!("sqs/v3/home?region={region}#/queues/{}", encoded(&queue_url(row, region)?)),
        Kind::Parameter => format!("systems-manager/parameters/{}/description?region={region}", encoded(name)),
        Kind::Role => format!("iam/home#/roles/details/{name}"),
        Kind::ScheduleGroup => format!("scheduler/home?region={region}#schedule-groups/{name}"),
        Kind::LayerVersion => {
            let (layer, version) = row.arn.rsplit_once(':')?;
            let layer = layer.rsplit(':').next()?;
            format!("lambda/home?region={region}#/layers/{layer}/versions/{version}")
        }
        // A mapping is shown with its function.
        Kind::Function | Kind::EventSourceMapping => format!("lambda/home?region={region}#/functions/{name}"),
        Kind::Schedule => format!("scheduler/home?region={region}#schedules/{name}/{name}"),
    };
    Some(format!("https://{region}.{host}/{page}"))
}

/// Where the console of a partition is; none for those that have none on the Internet.
const fn host(partition: Partition) -> Option<&'static str> {
    match partition {
        Partition::Aws => Some("console.aws.amazon.com"),
        Partition::China => Some("console.amazonaws.cn"),
        Partition::UsGov => Some("console.amazonaws-us-gov.com"),
        Partition::Eusc => Some("console.amazonaws-eusc.eu"),
        Partition::Iso | Partition::IsoB | Partition::IsoE | Partition::IsoF => None,
    }
}

fn queue_url(row: &ResourceRow, region: &str) -> Option<String> {
    let arn = Arn::parse(&row.arn)?;
    let (partition, account) = (arn.partition.parse().ok()?, arn.account.to_owned());
    let location = Location { partition, account, region: region.to_owned(), endpoint: None };
    Some(location.queue_url(&row.name))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}
