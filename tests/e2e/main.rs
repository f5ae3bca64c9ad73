//! The operator against a real Kubernetes API server, an AWS that answers as AWS does, and chats with their limits.
//!
//! Each test has a namespace, an AWS account, an operator process and places in the chat of its own, so all run at the
//! same time. They need an environment: `make test` starts one, as does
//! `python3 hack/dev.py with-env -- cargo test --test e2e`.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::needless_pass_by_value, reason = "so that `json!` can stand in a call as it is")]

mod dead_letters;
mod deep;
mod deleted;
mod delivered;
mod drifted;
mod firing;
mod first_account;
mod functions;
mod harness;
mod layers;
mod lost;
mod made;
mod observed;
mod orphaned;
mod owned;
mod planned;
mod plugin;
mod refused;
mod reliability;
mod reports;
mod rights;
mod secrets;
mod shipped;
mod tagged;
mod tenants;
mod tried;
mod troubled;
mod unchanged;
mod updated;
