//! [`Status`]: the error type of calls, one pointer wide, which always says whether the call ran.

pub mod reason;

use std::borrow::Cow;
use std::fmt;

pub use reason::Reason;

/// The code of a failed call, in gRPC's numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs, reason = "gRPC's names")]
pub enum Code {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl Code {
    /// The gRPC name, for example `INVALID_ARGUMENT`.
    pub fn name(self) -> &'static str {
        guildhall_wire::packet::code_name(self as u8)
    }

    /// Decodes a number from the wire; an unknown one is `Unknown`.
    pub fn from_number(number: u8) -> Self {
        use Code as C;
        const CODES: [Code; 17] = [
            C::Ok,
            C::Cancelled,
            C::Unknown,
            C::InvalidArgument,
            C::DeadlineExceeded,
            C::NotFound,
            C::AlreadyExists,
            C::PermissionDenied,
            C::ResourceExhausted,
            C::FailedPrecondition,
            C::Aborted,
            C::OutOfRange,
            C::Unimplemented,
            C::Internal,
            C::Unavailable,
            C::DataLoss,
            C::Unauthenticated,
        ];
        CODES.get(usize::from(number)).copied().unwrap_or(C::Unknown)
    }
}

/// Whether a failed call has run, which decides whether it may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Effect {
    /// The call had no effect: any caller may retry it.
    NotRun = 0,
    /// Unknown: only an idempotent call may be retried.
    MayHaveRun = 1,
    /// The handler ran and returned this error.
    Ran = 2,
}

impl Effect {
    /// Decodes a number from the wire; an unknown one is `MayHaveRun`.
    pub fn from_number(number: u8) -> Self {
        match number {
            0 => Self::NotRun,
            2 => Self::Ran,
            _ => Self::MayHaveRun,
        }
    }
}

/// An error enum of a game's protos (`option (guildhall.errors)`). Implementations are generated.
pub trait ErrorEnum: Copy {
    /// The reason on the wire: the enum's base plus the value.
    fn reason(self) -> Reason;
}

/// Longest message of a [`Status`], in bytes.
pub const MESSAGE_LEN_MAX: usize = 1024;

fn short(message: Cow<'static, str>) -> Cow<'static, str> {
    if message.len() <= MESSAGE_LEN_MAX {
        return message;
    }
    const END: &str = "…";
    let mut message = message.into_owned();
    message.truncate(message.floor_char_boundary(MESSAGE_LEN_MAX - END.len()));
    message.push_str(END);
    message.shrink_to_fit();
    message.into()
}

/// The error of a call: why it failed, and whether it ran.
///
/// `code` is gRPC's. `reason` is exact and comparable ([`reason`] below 1000, a game's own above). `effect` is set by the side that
/// knows. One pointer wide, so that `Result<Rsp, Status>` stays small.
///
/// # Examples
/// ```
/// use guildhall_core::{Code, Status};
/// let status = Status::new(Code::NotFound, "no role 7");
/// assert_eq!(status.code(), Code::NotFound);
/// ```
#[derive(Clone, PartialEq)]
pub struct Status(Box<Inner>);

#[derive(Clone, PartialEq)]
struct Inner {
    code: Code,
    effect: Effect,
    reason: Reason,
    message: Cow<'static, str>,
    details: Vec<Detail>,
}

/// A typed detail of a [`Status`]: an encoded message and the full name of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    /// Full protobuf name of the message.
    pub kind: String,
    /// The encoded message.
    pub value: bytes::Bytes,
}

impl Status {
    /// Makes a status with the effect `MayHaveRun`. A status that a handler returns is sent as `Ran`.
    ///
    /// A message over [`MESSAGE_LEN_MAX`] bytes is cut, because it may quote a request, and is logged and sent over links.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner {
            code,
            effect: Effect::MayHaveRun,
            reason: reason::NONE,
            message: short(message.into()),
            details: Vec::new(),
        }))
    }

    /// Makes the status of a call that was refused before it ran.
    pub fn not_run(code: Code, reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(code, message).with_reason(reason).with_effect(Effect::NotRun)
    }

    /// Sets the reason.
    #[must_use]
    pub fn with_reason(mut self, reason: Reason) -> Self {
        self.0.reason = reason;
        self
    }

    /// Sets the effect.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.0.effect = effect;
        self
    }

    /// Adds a typed detail.
    #[must_use]
    pub fn with_detail(mut self, detail: Detail) -> Self {
        self.0.details.push(detail);
        self
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The reason; [`reason::NONE`] if there is none.
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// The effect: whether the call ran.
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// The message, for display and logs.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The typed details.
    pub fn details(&self) -> &[Detail] {
        &self.0.details
    }

    /// Whether this is an error of a game's enum: `status.is(RoleError::NameTaken)`.
    pub fn is(&self, error: impl ErrorEnum) -> bool {
        self.0.reason == error.reason()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.code)?;
        if self.0.reason != reason::NONE {
            write!(f, "({})", self.0.reason)?;
        }
        write!(f, " {:?}: {}", self.0.effect, self.0.message)
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Status {}
