//! The target of a call or a cast, as its caller sets it.

use guildhall_core::{Address, Key};

/// Where a call goes.
#[derive(Clone, Debug, Default)]
pub enum Target {
    /// Where the method's options say.
    #[default]
    Default,
    /// Exactly that app.
    At(Address),
    /// Any ready instance.
    Random,
    /// The instance that the key falls to.
    Hash(Key),
}

/// Where a cast to many goes.
#[derive(Clone, Debug)]
pub enum Many {
    /// Every ready instance.
    All,
    /// Those that have subscribed to the topic.
    Topic(String),
}
