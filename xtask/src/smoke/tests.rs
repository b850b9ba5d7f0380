//! What the smoke run reads before it starts anything.

use super::executable;

#[test]
fn the_last_program_that_cargo_names_is_the_demo() {
    let messages = "{\"executable\":null}\n{\"executable\":\"/t/release/demo\",\"fresh\":true}\n\
                    {\"reason\":\"build-finished\",\"success\":true}\n";
    assert_eq!(executable(messages).unwrap().to_str(), Some("/t/release/demo"));
    assert_eq!(executable("{\"executable\":null}\n"), None);
}
