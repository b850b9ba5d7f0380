//! [`Fault`]: why a request to NATS failed, and what of it has happened.

use std::fmt;

use async_nats::jetstream::context::{
    CreateStreamError, GetStreamError, PublishError, PublishErrorKind,
};
use async_nats::jetstream::stream::{
    ConsumerError, DeleteMessageError, InfoError, LastRawMessageError,
};
use async_nats::{RequestError, SubscribeError};

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// There is no connection; nothing was sent.
    Away(String),
    /// The answer was lost, or did not come in time: it may have happened.
    Lost(String),
    /// Another write of the key was first; nothing has happened.
    Conflict,
    /// No room; nothing has happened.
    Full(String),
    /// The stream is not there (yet); nothing has happened.
    NoStream,
    /// The server refused it.
    Refused(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Away(why) | Self::Lost(why) | Self::Full(why) | Self::Refused(why) => {
                f.write_str(why)
            }
            Self::Conflict => f.write_str("others wrote the same key each time"),
            Self::NoStream => f.write_str(
                "the stream is not there; run the server with JetStream (nats-server -js), and give the user the right to make streams",
            ),
        }
    }
}

impl From<PublishError> for Fault {
    fn from(error: PublishError) -> Self {
        let text = words(&error);
        match error.kind() {
            PublishErrorKind::WrongLastSequence => Self::Conflict,
            PublishErrorKind::StreamNotFound => Self::NoStream,
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => Self::Lost(text),
            // Before it was sent.
            PublishErrorKind::MaxAckPending => Self::Full(text),
            // Of the limits of a stream: `maximum messages per subject exceeded` and others.
            _ if text.contains("wrong last sequence") => Self::Conflict,
            _ if text.contains("maximum") && text.contains("exceeded") => Self::Full(text),
            _ => Self::Refused(text),
        }
    }
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        use async_nats::RequestErrorKind as Kind;
        match error.kind() {
            Kind::NoResponders => Self::NoStream,
            Kind::TimedOut => Self::Lost(words(&error)),
            _ => Self::Refused(words(&error)),
        }
    }
}

impl From<async_nats::PublishError> for Fault {
    fn from(error: async_nats::PublishError) -> Self {
        Self::Refused(words(&error))
    }
}

macro_rules! of_api {
    ($($error:ty)*) => {
        $(impl From<$error> for Fault {
            fn from(error: $error) -> Self {
                api(&error)
            }
        })*
    };
}

of_api! { CreateStreamError GetStreamError InfoError LastRawMessageError ConsumerError DeleteMessageError SubscribeError }

/// The errors of JetStream's API have their kinds in different places; what they say is the same.
fn api(error: &(dyn std::error::Error + 'static)) -> Fault {
    let text = words(error);
    match text.as_str() {
        t if t.contains("timed out") => Fault::Lost(text),
        t if t.contains("stream not found") || t.contains("no responders") => Fault::NoStream,
        _ => Fault::Refused(text),
    }
}

/// An error with its causes, on one line.
pub(crate) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
