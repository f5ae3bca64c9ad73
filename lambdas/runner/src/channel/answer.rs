//! The meaning of answers that all services share.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// The meaning of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The message was accepted.
    Delivered,
    /// Another attempt may succeed.
    Later,
    /// No other attempt will succeed.
    Never,
    /// No other attempt will succeed with this secret; with another URL or key it might.
    NeverWithThisSecret,
}

impl Meaning {
    /// A redirect is final: a redirected post would arrive as another kind of request.
    pub(crate) fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::Delivered,
            401 | 403 | 404 | 410 => Self::NeverWithThisSecret,
            408 | 425 | 429 | 500.. => Self::Later,
            _ => Self::Never,
        }
    }
}

/// The pause that the service asks for: in a header, as seconds or as a date, or in the body, as seconds. Discord is
/// more precise in the body, and Telegram uses the body only.
pub(crate) fn retry_after(headers: &HeaderMap, body: &str, now: Timestamp) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let by_seconds = header.and_then(|value| seconds(value.parse().ok()?));
    let by_date = header.and_then(|value| until(value, now));
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let by_body = ["/retry_after", "/parameters/retry_after"].map(|place| seconds(body.pointer(place)?.as_f64()?));
    [by_seconds, by_date].into_iter().chain(by_body).flatten().max()
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds.ceil()).ok()
}

fn until(date: &str, now: Timestamp) -> Option<Duration> {
    let date = rfc2822::parse(date).ok()?.timestamp();
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(header: &str, body: &str) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, header.parse().unwrap());
        retry_after(&headers, body, "2026-01-01T09:00:00Z".parse().unwrap()).map(|wait| wait.as_secs())
    }

    #[test]
    fn every_spelling_of_retry_after_is_read() {
        assert_eq!(wait("30", ""), Some(30));
        assert_eq!(wait("1.2", r#"{"retry_after": 64.57}"#), Some(65));
        assert_eq!(wait("", r#"{"ok": false, "parameters": {"retry_after": 35}}"#), Some(35));
        assert_eq!(wait("Thu, 01 Jan 2026 09:02:00 GMT", "{}"), Some(120));
        assert_eq!(wait("Thu, 01 Jan 2026 08:00:00 GMT", "{}"), Some(0));
        for nonsense in ["soon", "-5", "NaN", "1e999"] {
            assert_eq!(wait(nonsense, "rate limited"), None, "{nonsense}");
        }
    }

    #[test]
    fn answers_have_their_meaning() {
        for (codes, meaning) in [
            (&[200, 204][..], Meaning::Delivered),
            (&[408, 425, 429, 500, 503, 599], Meaning::Later),
            (&[301, 400, 405, 413, 422], Meaning::Never),
            (&[401, 403, 404, 410], Meaning::NeverWithThisSecret),
        ] {
            for code in codes {
                assert_eq!(Meaning::of(StatusCode::from_u16(*code).unwrap()), meaning, "{code}");
            }
        }
    }
}
