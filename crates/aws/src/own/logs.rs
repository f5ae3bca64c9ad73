//! What functions logged.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;

use super::{Failure, Session};

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// No other has it.
    pub id: String,
    /// When it was written.
    pub when: Timestamp,
    /// The text.
    pub message: String,
}

/// The log groups of a region.
#[derive(Debug)]
pub struct Logs(Client);

impl Logs {
    /// Those of a session's region.
    pub fn of(session: &Session) -> Self {
        Self(Client::new(&session.0))
    }

    /// What was written to a group within a time, or since then if it has no end.
    ///
    /// # Errors
    /// The call failed.
    pub async fn events(&self, group: &str, from: Timestamp, to: Option<Timestamp>) -> Result<Vec<Event>, Failure> {
        let mut pages = self
            .0
            .filter_log_events()
            .log_group_name(group)
            .start_time(from.as_millisecond())
            .set_end_time(to.map(Timestamp::as_millisecond))
            .into_paginator()
            .send();
        let mut events = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(Failure::of)?;
            events.extend(page.events.unwrap_or_default().into_iter().filter_map(event));
        }
        Ok(events)
    }
}

fn event(event: FilteredLogEvent) -> Option<Event> {
    let when = Timestamp::from_millisecond(event.timestamp?).ok()?;
    // An emulator may give none.
    let by_content = || format!("{when} {:?} {:?}", event.log_stream_name, event.message);
    let id = event.event_id.clone().unwrap_or_else(by_content);
    Some(Event { id, when, message: event.message? })
}
