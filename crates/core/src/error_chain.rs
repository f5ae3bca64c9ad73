//! An error with its causes, in one line: each error says its own layer only.

use std::error::Error;
use std::{io, iter};

/// The error, then each cause.
pub fn causes<'error>(error: &'error (dyn Error + 'static)) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    let mut next = Some(error);
    iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The whole chain as `what: why: why that`.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    // Some libraries repeat their cause; once is enough.
    texts.dedup_by(|cause, what| what.ends_with(cause.as_str()));
    texts.join(": ")
}

/// Whether the reader of the output, such as `head`, has closed the pipe (`EPIPE`): not an error.
pub fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot start")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("no answer: timed out")]
    struct Middle(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("timed out")]
    struct Inner;

    #[test]
    fn every_cause_is_said_once() {
        assert_eq!(chain(&Outer(Middle(Inner))), "cannot start: no answer: timed out");
    }
}
