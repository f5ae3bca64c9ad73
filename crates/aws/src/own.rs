//! What a person asks of AWS with credentials of their own.

pub mod dead_letters;
