//! Identities of apps: [`AppId`], its numeric form [`LogicAddr`], either as an [`Address`], and the [`Incarnation`] of one run.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use guildhall_wire::outside;

/// The identity of an app: `env.world.func.inst`.
///
/// Each label is 1 to 63 characters of `[a-z0-9-]`. Apps of different `env` never connect. Ids are ordered label by label; numeric
/// `inst` compare as numbers and come before others: `uid.2`, `uid.10`, `uid.1a`.
///
/// # Examples
/// ```
/// use guildhall_core::AppId;
/// let id: AppId = "dev.w1.role.2".parse()?;
/// assert_eq!((id.func(), id.inst()), ("role", "2"));
/// assert!(id < "dev.w1.role.10".parse()?);
/// # Ok::<(), guildhall_core::ParseIdError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct AppId(Arc<str>);

impl AppId {
    /// The deployment.
    pub fn env(&self) -> &str {
        self.label(0)
    }

    /// The game world (shard) within the deployment.
    pub fn world(&self) -> &str {
        self.label(1)
    }

    /// The kind of app, such as `role` or `gate`.
    pub fn func(&self) -> &str {
        self.label(2)
    }

    /// The instance.
    pub fn inst(&self) -> &str {
        self.label(3)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `env.world.func` and `inst`.
    fn split(&self) -> (&str, &str) {
        self.0.rsplit_once('.').unwrap_or((&self.0, ""))
    }

    fn label(&self, n: usize) -> &str {
        self.0.split('.').nth(n).unwrap_or_default()
    }
}

impl FromStr for AppId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let wrong =
            |why: String| ParseIdError { what: "app id", text: outside(text).to_string(), why };
        let labels = text.split('.').count();
        if labels != 4 {
            return Err(wrong(format!("has {labels} labels; write env.world.func.inst")));
        }
        for label in text.split('.') {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if label.is_empty() || label.len() > 63 || !label.chars().all(allowed) {
                let label = outside(label);
                return Err(wrong(format!(
                    "label `{label}` is not 1 to 63 characters of [a-z0-9-]"
                )));
            }
        }
        Ok(Self(text.into()))
    }
}

impl Ord for AppId {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.0 == other.0 {
            return Ordering::Equal;
        }
        let ((of, inst), (other_of, other_inst)) = (self.split(), other.split());
        // Most ids that are compared differ in `inst` alone.
        if of != other_of {
            return of.split('.').cmp(other_of.split('.'));
        }
        match (inst.parse::<u64>(), other_inst.parse::<u64>()) {
            (Ok(a), Ok(b)) => a.cmp(&b),
            // By text alone `2`, `10` and `1a` would each come before the next, and no order be had.
            (a, b) => b.is_ok().cmp(&a.is_ok()),
        }
        .then_with(|| inst.cmp(other_inst))
    }
}

impl PartialOrd for AppId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The numeric address of an app: `cluster.type.server` in 12, 8 and 12 bits. Type 255 is the harbor type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicAddr(u32);

impl LogicAddr {
    /// The type of relays between worlds.
    pub const HARBOR: u8 = 255;

    /// Makes an address; `None` if cluster or server exceed 12 bits, or cluster or type are 0.
    pub fn new(cluster: u16, kind: u8, server: u16) -> Option<Self> {
        let fits = (1..4096).contains(&cluster) && kind > 0 && server < 4096;
        fits.then(|| Self(u32::from(cluster) << 20 | u32::from(kind) << 12 | u32::from(server)))
    }

    /// Bits 31 to 20.
    pub fn cluster(self) -> u16 {
        (self.0 >> 20) as u16
    }

    /// Bits 19 to 12.
    pub fn kind(self) -> u8 {
        (self.0 >> 12 & 0xff) as u8
    }

    /// Bits 11 to 0.
    pub fn server(self) -> u16 {
        (self.0 & 0xfff) as u16
    }

    /// The 32 bits on the wire.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Decodes [`LogicAddr::bits`]; `None` if they are not an address.
    pub fn from_bits(bits: u32) -> Option<Self> {
        let raw = Self(bits);
        Self::new(raw.cluster(), raw.kind(), raw.server())
    }
}

impl FromStr for LogicAddr {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let mut parts = text.split('.');
        let parsed = (|| {
            let addr = Self::new(
                parts.next()?.parse().ok()?,
                parts.next()?.parse().ok()?,
                parts.next()?.parse().ok()?,
            )?;
            parts.next().is_none().then_some(addr)
        })();
        // One address has one text: neither `+1.2.3` nor `01.2.3`.
        parsed.filter(|addr| addr.to_string() == text).ok_or_else(|| ParseIdError {
            what: "logic address",
            text: outside(text).to_string(),
            why: "write cluster.type.server, within 1..4095, 1..255 and 0..4095".into(),
        })
    }
}

impl fmt::Display for LogicAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.cluster(), self.kind(), self.server())
    }
}

impl fmt::Debug for LogicAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address of exactly one app, in either form. Text is parsed as one of the two types, never guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An id.
    App(AppId),
    /// A logic address.
    Logic(LogicAddr),
}

impl From<AppId> for Address {
    fn from(id: AppId) -> Self {
        Self::App(id)
    }
}

impl From<&AppId> for Address {
    fn from(id: &AppId) -> Self {
        Self::App(id.clone())
    }
}

impl From<LogicAddr> for Address {
    fn from(addr: LogicAddr) -> Self {
        Self::Logic(addr)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(id) => id.fmt(f),
            Self::Logic(addr) => addr.fmt(f),
        }
    }
}

/// One run of an app: start time in ms in the upper 48 bits, 16 random bits below. A later start is larger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

impl Incarnation {
    /// Makes the incarnation of an app that started at `wall` since the Unix epoch.
    pub fn new(wall: Duration, random: u16) -> Self {
        let ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX >> 16);
        Self(ms << 16 | u64::from(random))
    }

    /// Start time of the app, in ms since the Unix epoch.
    pub fn started_ms(self) -> u64 {
        self.0 >> 16
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error of parsing an id or an address: the text, and the expected format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{text}`: {why}")]
pub struct ParseIdError {
    what: &'static str,
    text: String,
    why: String,
}
