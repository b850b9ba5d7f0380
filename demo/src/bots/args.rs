//! The arguments of `demo bots`.

use clap::Args;

/// Arguments of `demo bots`.
#[derive(Args, Clone, Debug)]
pub struct BotArgs {
    /// How many play.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub players: u32,
    /// How long they play, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// The gate: tcp://host:port or ws://host:port; several share the bots. Default: those of the configuration, half each.
    #[arg(long)]
    pub address: Vec<String>,
    /// The login server: http://host:port. Default: that of the configuration.
    #[arg(long)]
    pub login: Option<String>,
    /// Whose accounts they use and what they do: the same number, the same game. Default: a random one, and new accounts.
    #[arg(long)]
    pub seed: Option<u64>,
    /// A lost connection is no failure: log in again, and check that the server remembers all that it has answered. Of ten lines of
    /// a club's chat one may be lost.
    #[arg(long)]
    pub reconnect: bool,
}
