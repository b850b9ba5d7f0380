//! WebSocket over buffers: the library reads received bytes and writes to memory, never to a socket.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::sync::Arc;

use bytes::BytesMut;
use guildhall_core::env::Pipe;
use guildhall_core::status::reason;
use guildhall_core::{Code, outside};
use guildhall_wire::Packet;
use tungstenite::error::{CapacityError, Error, ProtocolError};
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response, ServerHandshake};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::http::{HeaderValue, StatusCode};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Message, WebSocket, accept_hdr_with_config};

use super::{Heard, refuse};
use crate::form::Form;
use crate::out::{End, Outbox};

/// The library's own buffer: small, because most connections are idle.
const BUFFER: usize = 1024;

/// Which WebSocket requests are let in.
#[derive(Clone, Debug)]
pub(crate) struct Admission {
    pub(crate) path: Arc<str>,
    pub(crate) origins: Arc<[String]>,
}

impl Callback for Admission {
    #[allow(clippy::result_large_err, reason = "the library's signature")]
    fn on_request(
        self,
        request: &Request,
        mut response: Response,
    ) -> Result<Response, ErrorResponse> {
        let refuse = |status, why: &str| {
            let mut response = ErrorResponse::new(Some(why.to_owned()));
            *response.status_mut() = status;
            Err(response)
        };
        if request.uri().path() != &*self.path {
            return refuse(StatusCode::NOT_FOUND, "no such path (gate.websocket_path)");
        }
        // Browsers always say where the page is from, and other clients could say anything.
        let origin = request.headers().get("origin");
        let known = |origin: &[u8]| self.origins.iter().any(|known| known.as_bytes() == origin);
        if !self.origins.is_empty() && origin.is_some_and(|origin| !known(origin.as_bytes())) {
            return refuse(StatusCode::FORBIDDEN, "this origin may not connect (gate.origins)");
        }
        let mut keys = request.headers().get_all("sec-websocket-key").iter();
        if !matches!((keys.next(), keys.next()), (Some(key), None) if is_key(key.as_bytes())) {
            return refuse(StatusCode::BAD_REQUEST, "Sec-WebSocket-Key is not 16 bytes in base64");
        }
        // Browsers that name protocols fail when none of them is answered; here all are one.
        let offered = request.headers().get("sec-websocket-protocol");
        let first = offered.and_then(|offered| offered.to_str().ok()?.split(',').next());
        if let Some(Ok(first)) = first.map(|first| HeaderValue::from_str(first.trim()))
            && !first.is_empty()
        {
            response.headers_mut().insert("sec-websocket-protocol", first);
        }
        Ok(response)
    }
}

/// Whether this is the base64 of 16 bytes.
fn is_key(key: &[u8]) -> bool {
    let Some((digits, [last, b'=', b'='])) = key.split_last_chunk::<3>() else { return false };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    // Of the last digit four bits are over, and 0.
    digits.len() == 21 && digits.iter().all(is_digit) && b"AQgw".contains(last)
}

/// The messages of one WebSocket.
pub(super) struct Messages {
    stage: Stage,
    form: Option<Form>,
    packet_max: usize,
}

enum Stage {
    Opening(MidHandshake<ServerHandshake<Pipe, Admission>>),
    Open(WebSocket<Pipe>),
    Failed(BytesMut),
}

impl Messages {
    pub(super) fn new(admission: Admission, packet_max: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(packet_max))
            .max_frame_size(Some(packet_max));
        let stage = match accept_hdr_with_config(Pipe::default(), admission, Some(config)) {
            Ok(open) => Stage::Open(open),
            Err(HandshakeError::Interrupted(opening)) => Stage::Opening(opening),
            Err(HandshakeError::Failure(_)) => Stage::Failed(BytesMut::new()),
        };
        Self { stage, form: None, packet_max }
    }

    /// That of the first message; text until then.
    pub(super) fn form(&self) -> Form {
        self.form.unwrap_or(Form::Text)
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open(_))
    }

    pub(super) fn input(&mut self) -> &mut BytesMut {
        match &mut self.stage {
            Stage::Opening(opening) => &mut opening.get_mut().get_mut().input,
            Stage::Open(open) => &mut open.get_mut().input,
            Stage::Failed(ignored) => ignored,
        }
    }

    pub(super) fn packet(&mut self, out: &Outbox) -> Result<Option<Heard>, End> {
        self.open(out)?;
        let Stage::Open(socket) = &mut self.stage else { return Ok(None) };
        let message = socket.read();
        if matches!(message, Ok(Message::Close(_) | Message::Ping(_))) {
            // The answer to it; the library has it ready, and memory takes it.
            let _written = socket.flush();
        }
        let answers = std::mem::take(&mut socket.get_mut().output);
        if !answers.is_empty() {
            out.put(|out| out.extend_from_slice(&answers));
        }
        let (form, packet) = match message {
            Ok(Message::Binary(frame)) => {
                (Form::Binary, Packet::from_frame(&frame, self.packet_max))
            }
            Ok(Message::Text(text)) => (Form::Text, Packet::from_json(&text, self.packet_max)),
            Ok(Message::Ping(_) | Message::Pong(_)) => return Ok(Some(Heard::Control)),
            Ok(Message::Close(_) | Message::Frame(_)) => return Err(End::Gone),
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                return Ok(None);
            }
            Err(error) => return Err(refuse_message(&error)),
        };
        if *self.form.get_or_insert(form) != form {
            let why = "the first message decides whether a connection is binary or text";
            return Err(End::bad(why));
        }
        packet.map(|packet| Some(Heard::Packet(packet))).map_err(refuse)
    }

    /// Goes on with the handshake.
    fn open(&mut self, out: &Outbox) -> Result<(), End> {
        let failed = Stage::Failed(BytesMut::new());
        match std::mem::replace(&mut self.stage, failed) {
            Stage::Opening(opening) => match opening.handshake() {
                Ok(open) => self.stage = Stage::Open(open),
                Err(HandshakeError::Interrupted(opening)) => self.stage = Stage::Opening(opening),
                Err(HandshakeError::Failure(error)) => {
                    out.put(|out| put_refusal(out, &error));
                    return Err(End::bad(format!("no WebSocket: {}", outside(&error.to_string()))));
                }
            },
            stage => self.stage = stage,
        }
        Ok(())
    }
}

/// The HTTP response to a request that was not let in. The library has written it to a buffer that it does not give back.
fn put_refusal(out: &mut BytesMut, error: &Error) {
    let (status, body, more) = match error {
        Error::Http(response) => (response.status(), response.body().as_deref(), ""),
        Error::Protocol(ProtocolError::MissingSecWebSocketVersionHeader) => {
            let more = "sec-websocket-version: 13\r\n";
            (StatusCode::UPGRADE_REQUIRED, None, more)
        }
        _ => (StatusCode::BAD_REQUEST, None, ""),
    };
    let body = body.map_or(Cow::from("this is a WebSocket"), String::from_utf8_lossy);
    let len = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\n{more}content-length: {len}\r\nconnection: close\r\n\r\n");
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body.as_bytes());
}

fn refuse_message(error: &Error) -> End {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) => End::Gone,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Gone,
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            let why = format!("a message of {size} bytes is over {max_size} (gate.packet_max)");
            End::Error(Code::ResourceExhausted, reason::TOO_LARGE, why.into())
        }
        error => End::bad(format!("no WebSocket message: {}", outside(&error.to_string()))),
    }
}
