//! The JSON form of packets: one flat object, whose `kind` determines its fields.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Body, Method, Packet, PacketError};
use super::{code_from_name, code_name, effect_from_name, effect_name};
use crate::frame::{ClientKind, TooLarge};
use crate::proto::{ClientHello, Kick, Reset, Welcome};

/// All fields of all packets, in the order in which they are written. Absent and zero mean the same, except for those
/// that [`Text::need`] asks for.
#[derive(Serialize, Deserialize)]
struct Text<'a> {
    kind: ClientKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    player: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resume: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_push: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resumed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effect: Option<Cow<'a, str>>,
}

/// Writes a PUSH: the fast path of a broadcast, whose body is encoded once for all receivers. `method` has no leading
/// slash.
///
/// # Errors
/// The text would be over `max`.
pub fn push_json(
    seq: u64,
    method: &str,
    body: &RawValue,
    max: usize,
) -> Result<String, PacketError> {
    let text = Text {
        seq: Some(seq),
        method: Some(method.into()),
        body: Some(body),
        ..Text::new(ClientKind::Push)
    };
    text.write(max)
}

pub(super) fn write(packet: &Packet, max: usize) -> Result<String, PacketError> {
    let empty = Text::new(packet.kind());
    let text = match packet {
        Packet::Hello(hello) => Text {
            token: text(&hello.token),
            resume: text(&hello.resume),
            last_push: some(hello.last_push),
            version: some(hello.version),
            client: text(&hello.client),
            ..empty
        },
        Packet::Welcome(welcome) => Text {
            player: text(&welcome.player),
            session: text(&welcome.session),
            resume: text(&welcome.resume),
            heartbeat_ms: some(welcome.heartbeat_ms),
            resumed: some(welcome.resumed),
            ..empty
        },
        Packet::Call { id, method, body, answered, resent, traceparent, timeout_ms } => Text {
            id: Some(*id),
            method: path(method)?,
            body: json(body)?,
            answered: some(*answered),
            resent: some(*resent),
            traceparent: text(traceparent),
            timeout_ms: some(*timeout_ms),
            ..empty
        },
        Packet::Cast { method, body } => Text { method: path(method)?, body: json(body)?, ..empty },
        Packet::Reply { id, body } => Text { id: Some(*id), body: json(body)?, ..empty },
        Packet::Error { id, code, reason, message, effect } => Text {
            id: Some(*id),
            code: text(code_name(*code)),
            reason: some(*reason),
            message: text(message),
            effect: text(effect_name(*effect)),
            ..empty
        },
        Packet::Push { seq, method, body } => {
            Text { seq: Some(*seq), method: path(method)?, body: json(body)?, ..empty }
        }
        Packet::Ack { seq } => Text { seq: Some(*seq), ..empty },
        Packet::Ping { id } | Packet::Pong { id } => Text { id: some(*id), ..empty },
        Packet::Kick(kick) => {
            Text { reason: some(kick.reason), message: text(&kick.message), ..empty }
        }
        Packet::Reset(reset) => Text { message: text(&reset.message), ..empty },
    };
    text.write(max)
}

pub(super) fn read(input: &str, max: usize) -> Result<Packet, PacketError> {
    if input.len() > max {
        return Err(TooLarge { size: input.len(), max }.into());
    }
    // Otherwise an array would do, with the fields in the order in which they stand here.
    if !input.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return Err(serde_json::Error::custom("a packet is an object").into());
    }
    let t: Text<'_> = serde_json::from_str(input)?;
    Ok(match t.kind {
        ClientKind::Hello => Packet::Hello(ClientHello {
            token: owned(t.token),
            resume: owned(t.resume),
            last_push: t.last_push.unwrap_or_default(),
            version: t.version.unwrap_or_default(),
            client: owned(t.client),
        }),
        ClientKind::Welcome => Packet::Welcome(Welcome {
            player: owned(t.player),
            session: owned(t.session),
            resume: owned(t.resume),
            heartbeat_ms: t.heartbeat_ms.unwrap_or_default(),
            resumed: t.resumed.unwrap_or_default(),
        }),
        ClientKind::Call => Packet::Call {
            id: t.need("id", t.id)?,
            body: t.body(),
            answered: t.answered.unwrap_or_default(),
            resent: t.resent.unwrap_or_default(),
            traceparent: t.traceparent.as_deref().unwrap_or_default().to_owned(),
            timeout_ms: t.timeout_ms.unwrap_or_default(),
            method: t.method()?,
        },
        ClientKind::Cast => Packet::Cast { body: t.body(), method: t.method()? },
        ClientKind::Reply => Packet::Reply { id: t.need("id", t.id)?, body: t.body() },
        ClientKind::Error => Packet::Error {
            id: t.need("id", t.id)?,
            code: name("code", t.need("code", t.code.as_deref())?, code_from_name)?,
            reason: t.reason.unwrap_or_default(),
            effect: name("effect", t.need("effect", t.effect.as_deref())?, effect_from_name)?,
            message: owned(t.message),
        },
        ClientKind::Push => {
            Packet::Push { seq: t.need("seq", t.seq)?, body: t.body(), method: t.method()? }
        }
        ClientKind::Ack => Packet::Ack { seq: t.need("seq", t.seq)? },
        ClientKind::Ping => Packet::Ping { id: t.id.unwrap_or_default() },
        ClientKind::Pong => Packet::Pong { id: t.id.unwrap_or_default() },
        ClientKind::Kick => {
            Packet::Kick(Kick { reason: t.reason.unwrap_or_default(), message: owned(t.message) })
        }
        ClientKind::Reset => Packet::Reset(Reset { message: owned(t.message) }),
    })
}

impl<'a> Text<'a> {
    fn new(kind: ClientKind) -> Self {
        Self {
            kind,
            id: None,
            seq: None,
            method: None,
            body: None,
            resent: None,
            answered: None,
            traceparent: None,
            timeout_ms: None,
            token: None,
            player: None,
            session: None,
            resume: None,
            last_push: None,
            heartbeat_ms: None,
            resumed: None,
            version: None,
            client: None,
            code: None,
            reason: None,
            message: None,
            effect: None,
        }
    }

    fn write(&self, max: usize) -> Result<String, PacketError> {
        let text = serde_json::to_string(self)?;
        if text.len() > max {
            return Err(TooLarge { size: text.len(), max }.into());
        }
        Ok(text)
    }

    fn need<T>(&self, field: &'static str, value: Option<T>) -> Result<T, PacketError> {
        value.ok_or(PacketError::Missing { kind: self.kind, field })
    }

    /// An absent body is an empty message.
    fn body(&self) -> Body {
        match self.body {
            Some(body) => Body::Json(body.to_owned()),
            None => Body::Json(RawValue::from_string("{}".into()).expect("`{}` is JSON")),
        }
    }

    fn method(self) -> Result<Method, PacketError> {
        let kind = self.kind;
        let path = self.method.ok_or(PacketError::Missing { kind, field: "method" })?;
        Ok(Method::Path(path.into_owned()))
    }
}

fn some<T: Default + PartialEq>(value: T) -> Option<T> {
    (value != T::default()).then_some(value)
}

fn text(value: &str) -> Option<Cow<'_, str>> {
    (!value.is_empty()).then_some(Cow::Borrowed(value))
}

fn owned(value: Option<Cow<'_, str>>) -> String {
    value.map(Cow::into_owned).unwrap_or_default()
}

fn path(method: &Method) -> Result<Option<Cow<'_, str>>, PacketError> {
    match method {
        Method::Path(path) => Ok(Some(path.into())),
        Method::Id(_) => Err(PacketError::WrongEncoding("a method id without its path")),
    }
}

fn json(body: &Body) -> Result<Option<&RawValue>, PacketError> {
    match body {
        Body::Json(body) => Ok(Some(body)),
        Body::Binary(_) => Err(PacketError::WrongEncoding("a binary body")),
    }
}

fn name(field: &'static str, name: &str, table: fn(&str) -> Option<u8>) -> Result<u8, PacketError> {
    table(name).ok_or(PacketError::UnknownName { field })
}
