//! What the smoke run reads and chooses before it starts anything.

use std::collections::BTreeSet;

use super::{LISTEN, executable, free_addresses};

#[test]
fn the_last_program_that_cargo_names_is_the_demo() {
    let messages = "{\"executable\":null}\n{\"executable\":\"/t/release/demo\",\"fresh\":true}\n\
                    {\"reason\":\"build-finished\",\"success\":true}\n";
    assert_eq!(executable(messages).unwrap().to_str(), Some("/t/release/demo"));
    assert_eq!(executable("{\"executable\":null}\n"), None);
}

#[test]
fn every_listener_gets_a_port_of_its_own() {
    let addresses: BTreeSet<String> =
        free_addresses(LISTEN).unwrap().into_iter().map(|(_, address)| address).collect();
    assert_eq!(addresses.len(), LISTEN.len());
}
