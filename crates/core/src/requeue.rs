//! When a pipeline comes next.

use std::time::Duration;

/// When a pipeline is reconciled next, if nothing asks for it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requeue {
    /// When it changes.
    OnChange,
    /// At the resync.
    Resync,
    /// After this time.
    In(Duration),
    /// As soon as a missing Secret may exist.
    WhenSecretsMayExist,
    /// After a pause that grows with each failure.
    BackOff,
}
