//! Logs: one JSON object a line, as CloudWatch Logs Insights reads them.

use std::panic;

use tracing::Level;

/// Sends events from [`Level::INFO`] on to standard output, panics included.
pub fn init() {
    tracing_subscriber::fmt().json().flatten_event(true).with_span_list(false).with_max_level(Level::INFO).init();
    panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
}
