//! The page of backends says what the plugins say. With the feature `vendors`, as the page has all of them.

#![cfg(feature = "vendors")]
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod table;

const PAGE: &str = include_str!("../../../../docs/backends.md");

#[tokio::test]
async fn the_page_of_backends_has_the_capabilities_that_the_plugins_have() {
    let table = table::table().await;
    assert!(PAGE.contains(&table), "docs/backends.md is to have this table:\n{table}");
}
