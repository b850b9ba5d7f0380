//! [`Fault`]: why a request failed.

use guildhall_core::outside;

/// Why a request failed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The agent was not reached, or did not answer in time: it may have happened.
    Lost(String),
    /// The agent has answered that it did not do it.
    Refused(u16, String),
    /// The agent's answer makes no sense.
    Garbled(String),
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost(why) => write!(f, "{why}; start the agent, or correct the URL"),
            Self::Refused(status, why) => write!(f, "the agent says {status}: {}", outside(why)),
            Self::Garbled(why) => {
                write!(f, "the agent's answer does not decode: {why}; is this Consul 1.8 or later?")
            }
        }
    }
}
