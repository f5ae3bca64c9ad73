//! What AWS has answered, replayed: as bytes, through the SDK's own clients, to the code that reads it.
//!
//! The record is a collection of 242 answers and errors: snapshots of tests that others ran against AWS, the texts that
//! Terraform's provider and other tools decide on, real output in public threads, and what the services' models say. It is
//! not kept here: the tests have the facts of it, with account numbers and names made up, and name entries by their number.

mod accounts;
mod desired;
mod errors;
mod functions;
mod invocations;
mod layers;
mod logs_and_parameters;
mod mappings;
mod queues;
mod roles;
mod schedules;
mod sweep;
mod wire;

use std::collections::BTreeSet;

/// How many entries the record has.
const ENTRIES: u8 = 242;

/// The entries that are not replayed, by the reason.
const LEFT_OUT: [(&str, &[u8]); 1] = [(
    "of an operation that is never called: GetFunctionConfiguration, ListRoles, AttachRolePolicy",
    &[13, 36, 85, 150, 159],
)];

#[test]
fn every_entry_of_the_record_is_replayed_or_left_out_for_a_reason() {
    let answers = [
        accounts::REPLAYED,
        functions::REPLAYED,
        invocations::REPLAYED,
        layers::REPLAYED,
        logs_and_parameters::REPLAYED,
        mappings::REPLAYED,
        queues::REPLAYED,
        roles::REPLAYED,
        schedules::REPLAYED,
        sweep::REPLAYED,
    ];
    let replayed: BTreeSet<u8> = answers.concat().into_iter().chain(errors::replayed()).collect();
    let left_out: BTreeSet<u8> = LEFT_OUT.iter().flat_map(|(_, entries)| *entries).copied().collect();
    assert!(replayed.is_disjoint(&left_out), "{:?}", replayed.intersection(&left_out));
    assert_eq!(&replayed | &left_out, (0..ENTRIES).collect());
    assert_eq!((replayed.len(), left_out.len()), (237, 5));
}
