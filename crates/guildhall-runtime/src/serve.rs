//! Serving besides actors: limits, lanes, topics, streams, resources, and rows that no actor owns.

pub(crate) mod limits;
pub(crate) mod lane;
pub(crate) mod raw_cast;
pub(crate) mod rows;
pub(crate) mod topic;
pub(crate) mod stream;
pub(crate) mod arrivals;
pub(crate) mod resources;
pub(crate) mod document;
pub(crate) mod reload;
