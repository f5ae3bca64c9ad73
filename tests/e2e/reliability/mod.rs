//! The numbered tests of `docs/reliability.md`: what is known to break operators, and that it does not break this one.
//!
//! Each has its number in its name: `cargo test --test e2e n05`. `make soak` tries everything; otherwise a fixed part.

mod lifecycle;
pub(crate) mod trials;

mod all_at_once;
mod n01_killed;
mod n02_lost;
mod n03_time_travel;
mod n04_unobserved;
mod n05_watches;
mod n06_chain;
mod n07_rolled_back;
mod n09_second_plan;
mod n10_drifted;
mod n11_rebuilt;
mod n12_foreign;
mod n13_two_leaders;
mod n15_throttled;
mod n17_poison;
mod n18_stopped;
mod n19_consistency;
mod n23_away;
