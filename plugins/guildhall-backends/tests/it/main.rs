//! The page of backends says what the plugins say, with the feature `vendors`, as the page has all of them. Rows move from store to store,
//! with the features of the vendors that have stores.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[cfg(all(feature = "mysql", feature = "postgres", feature = "redis"))]
mod copies;
#[cfg(feature = "vendors")]
mod table;

#[cfg(feature = "vendors")]
#[tokio::test]
async fn the_page_of_backends_has_the_capabilities_that_the_plugins_have() {
    const PAGE: &str = include_str!("../../../../docs/backends.md");
    let table = table::table().await;
    assert!(PAGE.contains(&table), "docs/backends.md is to have this table:\n{table}");
}
