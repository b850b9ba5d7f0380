//! `bench -- store`: how many entities a store saves per second, in groups and one by one, and how long a durable call takes.
//!
//! Each vendor has a server of its own here, which writes to its disk before it answers. All figures are of one run, one vendor after the
//! other; compare columns, not runs.

mod places;
mod calls;
mod saves;

use anyhow::{Result, bail};

use places::Place;

/// Measures the stores with these names, or all whose servers are installed here.
pub(crate) async fn run(names: &[&str]) -> Result<()> {
    let places = Place::all()?;
    if let Some(name) = names.iter().find(|name| places.iter().all(|place| place.name != **name)) {
        bail!("there is no store `{name}` here");
    }
    println!(
        "{:9} {:>11} {:>13} {:>6} {:>9} {:>9}",
        "store", "saves/s", "one by one/s", "times", "p50 us", "p99 us"
    );
    for place in places.iter().filter(|place| names.is_empty() || names.contains(&place.name)) {
        let together = saves::together(place).await?;
        let alone = saves::one_by_one(place).await?;
        let calls = calls::durable(place).await?;
        println!(
            "{:9} {together:>11.0} {alone:>13.0} {:>5.1}x {:>9.0} {:>9.0}",
            place.name,
            together / alone,
            calls.p50 * 1e6,
            calls.p99 * 1e6,
        );
    }
    Ok(())
}
