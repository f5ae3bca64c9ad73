//! Zips for upload: the built-in functions, and layers.

pub mod builtin;
pub mod layers;
