//! Task Pipelines: cron tasks on AWS from one Kubernetes resource.
//!
//! The custom resource and the observed AWS state are data, the plan is a pure function of the two, and everything
//! else is plumbing. In reading order, the flow of a reconcile:

pub mod reconcile;

pub mod kubernetes;

pub mod artifacts;
pub mod drift;
pub mod inbox;

pub mod metrics;
pub mod runtime;

pub mod cli;
