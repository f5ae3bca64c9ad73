//! Whether this operator leads, under the name that client-go uses.

use std::fmt;

use aws::Leadership;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

#[derive(Debug)]
pub(super) struct Lead {
    lease: String,
    leadership: Leadership,
}

impl Lead {
    pub(super) fn new(lease: &str, leadership: Leadership) -> Self {
        Self { lease: lease.to_owned(), leadership }
    }
}

impl Collector for Lead {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut metric = encoder.encode_descriptor(
            "leader_election_master_status",
            "Whether this operator leads.",
            None,
            MetricType::Gauge,
        )?;
        metric.encode_family(&[("name", self.lease.as_str())])?.encode_gauge(&i64::from(self.leadership.is_held()))
    }
}
