//! Packets between a client and its gate, as binary frames or JSON text; bodies of calls are not decoded here.
//!
//! TCP, KCP and binary WebSocket carry frames with a [`ClientKind`]; WebSocket text carries JSON. Both say the same:
//!
//! | packet | binary | JSON |
//! |---|---|---|
//! | HELLO, WELCOME, KICK, RESET | body: the protobuf message of that name (`ClientHello` for HELLO) | its fields |
//! | CALL, CAST | id, method, head: `CallHead` | `id method body answered resent traceparent timeout_ms` |
//! | REPLY | id, body | `id body` |
//! | ERROR | id, aux: code and effect, body: `ErrorBody` | `id code reason message effect` |
//! | PUSH, ACK | id: the push's number, PUSH: method, body | `seq method body` |
//! | PING, PONG | id | `id` |

mod code;
mod json;

use bytes::{Bytes, BytesMut};
use prost::Message;
use serde_json::value::RawValue;

use crate::frame::{
    self, ClientKind, FrameError, Header, Parsed, TooLarge, error_aux, error_from_aux,
};
use crate::method::method_id_of_short;
use crate::outside::outside;
use crate::proto::{CallHead, ClientHello, ErrorBody, Kick, Reset, Welcome};

pub use code::{code_from_name, code_name, effect_from_name, effect_name};
pub use json::push_json;

/// One packet between a client and its gate.
#[derive(Clone, Debug, PartialEq)]
pub enum Packet {
    /// The first packet of a connection: who the client is, and the session to resume.
    Hello(ClientHello),
    /// The answer to an accepted HELLO.
    Welcome(Welcome),
    /// A command that wants a reply.
    Call {
        /// Number of the command in its session, from 1.
        id: u64,
        /// Which method.
        method: Method,
        /// The request.
        body: Body,
        /// Lowest command number without a reply yet; 0 says nothing.
        answered: u64,
        /// The command was sent before.
        resent: bool,
        /// W3C's `traceparent`, for gates that trust it; empty: none.
        traceparent: String,
        /// How long the client waits, in ms; 0: as long as the method says.
        timeout_ms: u32,
    },
    /// A command without reply.
    Cast {
        /// Which method.
        method: Method,
        /// The request.
        body: Body,
    },
    /// The response of a CALL.
    Reply {
        /// Number of the command.
        id: u64,
        /// The response.
        body: Body,
    },
    /// The failure of a CALL; of the connection when `id` is 0.
    Error {
        /// Number of the command.
        id: u64,
        /// What went wrong, in gRPC's numbering ([`code_name`]).
        code: u8,
        /// Exact and comparable.
        reason: u32,
        /// For people.
        message: String,
        /// Whether the command ran ([`effect_name`]).
        effect: u8,
    },
    /// A message to the client; it is kept until acknowledged.
    Push {
        /// Its number in the session, from 1.
        seq: u64,
        /// Method of a service that the client implements.
        method: Method,
        /// The request.
        body: Body,
    },
    /// The client has all pushes up to this number.
    Ack {
        /// The number.
        seq: u64,
    },
    /// Asks for a PONG with the same id; either side may.
    Ping {
        /// Chosen by the asker.
        id: u64,
    },
    /// Answers a PING.
    Pong {
        /// That of the PING.
        id: u64,
    },
    /// The session is over and cannot be resumed.
    Kick(Kick),
    /// Pushes were lost: the client loads its state again.
    Reset(Reset),
}

/// Names the method of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Method {
    /// In binary: [`method_id`](crate::method_id) of the path.
    Id(u32),
    /// In JSON: the path without leading slash, `demo.role.Role/PowerUp`.
    Path(String),
}

impl Method {
    /// The id, computed if need be.
    pub fn id(&self) -> u32 {
        match self {
            Self::Id(id) => *id,
            Self::Path(path) => method_id_of_short(path),
        }
    }
}

/// The body of a packet, as it travels.
#[derive(Clone, Debug)]
pub enum Body {
    /// An encoded protobuf message.
    Binary(Bytes),
    /// The message in proto3's JSON mapping: well-formed, nothing else is checked.
    Json(Box<RawValue>),
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Binary(a), Self::Binary(b)) => a == b,
            (Self::Json(a), Self::Json(b)) => a.get() == b.get(),
            _ => false,
        }
    }
}

/// Why bytes or text are no packet, or a packet cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// Not a frame of a client.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// Over the limit.
    #[error("packet refused: {0}")]
    TooLarge(#[from] TooLarge),
    /// Bytes after the one frame that a message carries.
    #[error("a message carries one packet, but {0} bytes follow it")]
    Trailing(usize),
    /// A message that ends early.
    #[error("the packet ends early: {0} bytes are missing")]
    Truncated(usize),
    /// The frame's own protobuf message is faulty.
    #[error("the {kind:?} packet cannot be read: {source}")]
    BadMessage {
        /// Kind of the packet.
        kind: ClientKind,
        /// What is wrong.
        source: prost::DecodeError,
    },
    /// Not the JSON of a packet.
    #[error("the JSON packet cannot be read: {}", shown(.0))]
    Json(#[from] serde_json::Error),
    /// A field that this kind must have.
    #[error("the {kind:?} packet lacks `{field}`")]
    Missing {
        /// Kind of the packet.
        kind: ClientKind,
        /// The field's name in JSON.
        field: &'static str,
    },
    /// A name that is in no table.
    #[error("`{field}` has no such value")]
    UnknownName {
        /// The field's name in JSON.
        field: &'static str,
    },
    /// A method or body in the other encoding; the connection's encoding decides.
    #[error("the packet holds {0}: translate it before it is written")]
    WrongEncoding(&'static str),
}

/// The library's message may quote the packet.
fn shown(error: &serde_json::Error) -> String {
    let (text, place) =
        (error.to_string(), format!(" at line {} column {}", error.line(), error.column()));
    match text.strip_suffix(&place) {
        Some(what) => format!("{}{place}", outside(what)),
        None => outside(&text).to_string(),
    }
}

impl Packet {
    /// What kind of packet this is.
    pub fn kind(&self) -> ClientKind {
        match self {
            Self::Hello(_) => ClientKind::Hello,
            Self::Welcome(_) => ClientKind::Welcome,
            Self::Call { .. } => ClientKind::Call,
            Self::Cast { .. } => ClientKind::Cast,
            Self::Reply { .. } => ClientKind::Reply,
            Self::Error { .. } => ClientKind::Error,
            Self::Push { .. } => ClientKind::Push,
            Self::Ack { .. } => ClientKind::Ack,
            Self::Ping { .. } => ClientKind::Ping,
            Self::Pong { .. } => ClientKind::Pong,
            Self::Kick(_) => ClientKind::Kick,
            Self::Reset(_) => ClientKind::Reset,
        }
    }

    /// Appends the packet as a frame; paths of methods become ids.
    ///
    /// # Errors
    /// `TooLarge` when it would be over `max`, `WrongEncoding` when its body is JSON; `out` is unchanged.
    pub fn put(&self, out: &mut BytesMut, max: usize) -> Result<(), PacketError> {
        let kind = self.kind();
        let head = |id| Header::new(kind, id);
        match self {
            Self::Hello(body) => frame::put_frame(out, max, head(0), None, body)?,
            Self::Welcome(body) => frame::put_frame(out, max, head(0), None, body)?,
            Self::Kick(body) => frame::put_frame(out, max, head(0), None, body)?,
            Self::Reset(body) => frame::put_frame(out, max, head(0), None, body)?,
            Self::Call { id, method, body, answered, resent, traceparent, timeout_ms } => {
                let header = Header { method: method.id(), ..head(*id) };
                let call = CallHead {
                    answered: *answered,
                    resent: *resent,
                    traceparent: traceparent.clone(),
                    timeout_ms: *timeout_ms,
                };
                let call = (call != CallHead::default()).then_some(&call);
                frame::put_raw(out, max, header, call, binary(body)?)?;
            }
            Self::Cast { method, body } => {
                let header = Header { method: method.id(), ..head(0) };
                frame::put_raw(out, max, header, None, binary(body)?)?;
            }
            Self::Reply { id, body } => frame::put_raw(out, max, head(*id), None, binary(body)?)?,
            Self::Error { id, code, reason, message, effect } => {
                let header = Header { aux: error_aux(*code, *effect), ..head(*id) };
                let status = ErrorBody { message: message.clone(), reason: *reason };
                frame::put_frame(out, max, header, None, &status)?;
            }
            Self::Push { seq, method, body } => {
                put_push(out, max, *seq, method.id(), binary(body)?)?;
            }
            Self::Ack { seq: id } | Self::Ping { id } | Self::Pong { id } => {
                frame::put_raw(out, max, head(*id), None, &[])?;
            }
        }
        Ok(())
    }

    /// Takes the next packet from a stream; `None` when it is not whole yet. Bodies are slices of what was received.
    ///
    /// # Errors
    /// The stream cannot be followed any more: close the connection.
    pub fn take(input: &mut BytesMut, max: usize) -> Result<Option<Self>, PacketError> {
        match frame::parse::<ClientKind>(input, max)? {
            Parsed::Incomplete { needed } => {
                input.reserve(needed);
                Ok(None)
            }
            Parsed::Frame(frame) => {
                let len = frame.len;
                Self::from_frame(&input.split_to(len).freeze(), max).map(Some)
            }
        }
    }

    /// Reads a message that is exactly one frame, as WebSocket carries it.
    ///
    /// # Errors
    /// The message is not one whole packet of at most `max` bytes.
    pub fn from_frame(message: &Bytes, max: usize) -> Result<Self, PacketError> {
        let frame = match frame::parse::<ClientKind>(message, max)? {
            Parsed::Frame(frame) if frame.len == message.len() => frame,
            Parsed::Frame(frame) => return Err(PacketError::Trailing(message.len() - frame.len)),
            Parsed::Incomplete { needed } => return Err(PacketError::Truncated(needed)),
        };
        let Header { kind, aux, id, .. } = frame.header;
        let bad = |source| PacketError::BadMessage { kind, source };
        let method = Method::Id(frame.header.method);
        let body = || Body::Binary(message.slice(frame.body_range()));
        Ok(match kind {
            ClientKind::Hello => Self::Hello(ClientHello::decode(frame.body).map_err(bad)?),
            ClientKind::Welcome => Self::Welcome(Welcome::decode(frame.body).map_err(bad)?),
            ClientKind::Call => {
                let CallHead { answered, resent, traceparent, timeout_ms } =
                    frame.decode_head().map_err(bad)?;
                Self::Call { id, method, body: body(), answered, resent, traceparent, timeout_ms }
            }
            ClientKind::Cast => Self::Cast { method, body: body() },
            ClientKind::Reply => Self::Reply { id, body: body() },
            ClientKind::Error => {
                let ErrorBody { reason, message, .. } =
                    ErrorBody::decode(frame.body).map_err(bad)?;
                let (code, effect) = error_from_aux(aux);
                Self::Error { id, code, reason, message, effect }
            }
            ClientKind::Push => Self::Push { seq: id, method, body: body() },
            ClientKind::Ack => Self::Ack { seq: id },
            ClientKind::Ping => Self::Ping { id },
            ClientKind::Pong => Self::Pong { id },
            ClientKind::Kick => Self::Kick(Kick::decode(frame.body).map_err(bad)?),
            ClientKind::Reset => Self::Reset(Reset::decode(frame.body).map_err(bad)?),
        })
    }

    /// Writes the packet as JSON text.
    ///
    /// # Errors
    /// `TooLarge` when it would be over `max`, `WrongEncoding` when its method is an id or its body is binary.
    pub fn to_json(&self, max: usize) -> Result<String, PacketError> {
        json::write(self, max)
    }

    /// Reads a packet from JSON text. Fields that its kind does not have are ignored.
    ///
    /// # Errors
    /// The text is not one packet of at most `max` bytes.
    pub fn from_json(text: &str, max: usize) -> Result<Self, PacketError> {
        json::read(text, max)
    }
}

/// Appends a PUSH frame: the fast path of a broadcast, whose body is encoded once for all receivers.
///
/// # Errors
/// The frame would be over `max`; `out` is unchanged.
#[inline]
pub fn put_push(
    out: &mut BytesMut,
    max: usize,
    seq: u64,
    method: u32,
    body: &[u8],
) -> Result<(), TooLarge> {
    let header = Header { method, ..Header::new(ClientKind::Push, seq) };
    frame::put_raw(out, max, header, None, body)
}

fn binary(body: &Body) -> Result<&[u8], PacketError> {
    match body {
        Body::Binary(bytes) => Ok(bytes),
        Body::Json(_) => Err(PacketError::WrongEncoding("a JSON body")),
    }
}
