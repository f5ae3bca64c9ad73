//! Task Pipelines: cron tasks on AWS from one Kubernetes resource.
//!
//! The custom resource and the observed AWS state are data, the plan is a pure function of the two, and everything
//! else is plumbing. In reading order, the flow of a reconcile:

pub mod resource;

pub mod plan;

pub mod apply;
pub mod aws;

pub mod events;
pub mod health;
pub mod status;

pub mod inbox;
pub mod reconcile;

pub mod dead_letters;
pub mod orphans;

pub mod drift;
pub mod memory;
pub mod propagation;
pub mod sweep;

pub mod checks;
pub mod client;
pub mod cluster;
pub mod command;
pub mod controller;
pub mod functions;
pub mod layers;
pub mod leader;
pub mod log;
pub mod metrics;
pub mod places;
pub mod probes;
pub mod server;
pub mod settings;
pub mod slots;
