//! Kinds of frames: one set between apps, one between a client and its gate, with no byte in common.

use prost::Message;
use serde::{Deserialize, Serialize};

use crate::proto::{CallHead, Head};

/// A set of frame kinds: [`LinkKind`] or [`ClientKind`]. The sets are disjoint, so no client can reach an internal kind.
pub trait Kind: Copy + PartialEq + std::fmt::Debug + 'static {
    /// The message that the HEAD flag announces.
    type Head: Message + Default;
    /// All kinds; the byte of each is one more than that of the kind before it.
    const ALL: &'static [Self];
    /// The byte of the first kind.
    const FIRST: u8;

    /// The kind as it travels.
    fn byte(self) -> u8;

    /// Reads a kind of this set.
    #[inline]
    fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte.checked_sub(Self::FIRST)?)).copied()
    }
}

/// Kinds of frames between apps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LinkKind {
    /// A request that wants a reply. `aux`: time left.
    Call = 1,
    /// A request without reply. `aux`: time left.
    Cast = 2,
    /// The response of the call with this id.
    Reply = 3,
    /// The failure of the call with this id. `aux`: [`error_aux`](super::error_aux); body: `StatusBody`.
    Error = 4,
    /// The caller no longer waits for this id.
    Cancel = 5,
    /// Asks for a PONG with the same id.
    Ping = 6,
    /// Answers a PING.
    Pong = 7,
    /// From the callee: no new calls on this connection; replies still come. From the caller: it closes the connection, which nobody uses.
    Goaway = 8,
}

impl Kind for LinkKind {
    type Head = Head;
    const FIRST: u8 = 1;
    const ALL: &'static [Self] = &[
        Self::Call,
        Self::Cast,
        Self::Reply,
        Self::Error,
        Self::Cancel,
        Self::Ping,
        Self::Pong,
        Self::Goaway,
    ];

    #[inline]
    fn byte(self) -> u8 {
        self as u8
    }
}

/// Kinds of frames between a client and its gate; [`Packet`](crate::Packet) says what each carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
#[allow(missing_docs, reason = "documented at `Packet`, variant by variant")]
pub enum ClientKind {
    Hello = 33,
    Welcome = 34,
    Call = 35,
    Cast = 36,
    Reply = 37,
    Error = 38,
    Push = 39,
    Ack = 40,
    Ping = 41,
    Pong = 42,
    Kick = 43,
    Reset = 44,
}

impl Kind for ClientKind {
    type Head = CallHead;
    const FIRST: u8 = 33;
    const ALL: &'static [Self] = &[
        Self::Hello,
        Self::Welcome,
        Self::Call,
        Self::Cast,
        Self::Reply,
        Self::Error,
        Self::Push,
        Self::Ack,
        Self::Ping,
        Self::Pong,
        Self::Kick,
        Self::Reset,
    ];

    #[inline]
    fn byte(self) -> u8 {
        self as u8
    }
}
