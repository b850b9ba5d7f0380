//! Configuration: [`Config`] itself, and one struct per section.
//!
//! A program reads a section with [`Config::section`], over the defaults of the struct. `docs/config.md` lists all sections with their
//! keys and defaults.
//!
//! ```
//! use guildhall::Config;
//! use guildhall::config::{AppConfig, LinkConfig};
//!
//! # fn main() -> Result<(), guildhall::config::ConfigError> {
//! let config = Config::builder().set("app.id", "dev.w1.role.1").flag("link.frame_max=65536").build()?;
//! assert_eq!(config.section::<AppConfig>("app")?.id, "dev.w1.role.1");
//! assert_eq!(config.section::<LinkConfig>("link")?.frame_max, 65536);
//! # Ok(())
//! # }
//! ```

pub use guildhall_core::config::{Config, ConfigBuilder, ConfigError};
pub use guildhall_core::metrics::MetricsConfig;
#[cfg(feature = "gate")]
pub use guildhall_gate::{GateConfig, JwtConfig};
pub use guildhall_runtime::trace::TraceConfig;
pub use guildhall_runtime::{
    ActorConfig, AdminConfig, AppConfig, BreakerConfig, BreakerKind, BrokerConfig, CallConfig,
    LimitConfig, LinkConfig, LogConfig, OutboxConfig, RateConfig, ResourceConfig, RouteConfig,
    RouteRuleConfig, SaveConfig, ServiceConfig, StoreConfig, StreamConfig,
};
