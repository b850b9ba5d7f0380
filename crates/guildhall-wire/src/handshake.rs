//! The handshake of a link: version negotiation and mutual authentication, before any frame.
//!
//! ```text
//! initiator                                                acceptor
//!     "GHL1" | u32 length | Hello  ------------------------->
//!     <-------------------------  "GHL1" | u32 length | Hello
//!     proof of the initiator, 32 bytes  -------------------->
//!     <--------------------  proof of the acceptor, 32 bytes
//! ```
//!
//! A proof is `HMAC-SHA256(secret, side | initiator's hello | acceptor's hello)`, with side 1 for the initiator and 2 for
//! the acceptor, and each hello exactly as it travelled, magic and length included, so that no byte can move from one to
//! the other. Both nonces are in it: a recorded handshake proves nothing in another.
//!
//! The acceptor speaks second and proves last: a stranger learns its hello, but never a proof to guess the secret from.
//! It also decodes nothing of a stranger's. With an empty secret (loopback, or TLS below) the proofs still pin both
//! hellos, and a peer that has a secret is refused.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use hmac::{Hmac, Mac};
use prost::Message;
use sha2::Sha256;

use crate::proto::Hello;

/// The first bytes of every link.
pub const MAGIC: [u8; 4] = *b"GHL1";
/// Largest encoded hello.
pub const HELLO_MAX: usize = 64 * 1024;
/// Length of a nonce.
pub const NONCE_LEN: usize = 32;

const PREFIX_LEN: usize = 8;
const PROOF_LEN: usize = 32;

/// One side of a handshake, without a socket.
///
/// Send [`take_output`](Self::take_output) at once and after every [`read`](Self::read), also after the last; give `read`
/// all bytes that arrive until it returns `Some`. It leaves the bytes that follow the handshake in the buffer.
///
/// ```
/// # use bytes::BytesMut;
/// # use guildhall_wire::{Handshake, Hello, NodeRecord};
/// # fn hello(nonce: u8) -> Hello {
/// #     Hello { record: Some(NodeRecord::default()), versions: vec![1], nonce: vec![nonce; 32].into(), ..Hello::default() }
/// # }
/// let mut dialled = Handshake::initiator(hello(1), b"secret")?;
/// let mut accepted = Handshake::acceptor(hello(2), b"secret")?;
/// let (mut done, mut to_dialled) = (None, BytesMut::new());
/// while done.is_none() {
///     accepted.read(&mut BytesMut::from(dialled.take_output()))?;
///     to_dialled.extend_from_slice(&accepted.take_output());
///     done = dialled.read(&mut to_dialled)?;
/// }
/// assert_eq!(done.map(|d| d.version), Some(1));
/// # Ok::<(), guildhall_wire::HandshakeError>(())
/// ```
pub struct Handshake {
    side: Side,
    ours: Hello,
    /// Magic, length and hello, as sent.
    our_bytes: Bytes,
    secret: Hmac<Sha256>,
    state: State,
    output: BytesMut,
}

/// How a handshake ended well.
#[derive(Clone, Debug, PartialEq)]
pub struct Established {
    /// What the peer said. It knows the secret; whether it is who it says is for TLS and the caller to check.
    pub peer: Hello,
    /// The highest version that both speak.
    pub version: u32,
}

/// Why a handshake failed. Close the connection.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The peer does not speak the link protocol.
    #[error("the peer is no Guildhall link (it began with {0:?}): check the address and port")]
    BadMagic(Bytes),
    /// A hello over the limit, ours or the peer's.
    #[error("a hello of {length} bytes is over the limit of {max}: shorten labels and services")]
    TooLong {
        /// Its length.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// A hello that cannot be read or lacks something.
    #[error("a hello is not valid: {0}; run the same release on both sides")]
    BadHello(String),
    /// Both hellos carry the same nonce: the peer sends back what it hears, or its random numbers repeat.
    #[error("the peer's nonce is our own: it echoes us, or its random numbers repeat")]
    SameNonce,
    /// The proof does not match.
    #[error("the peer does not know the secret: set the same `secret` on both sides")]
    WrongSecret,
    /// No version in common.
    #[error("no common version: we speak {ours:?}, the peer {theirs:?}; upgrade the older side")]
    NoCommonVersion {
        /// Ours.
        ours: Vec<u32>,
        /// The peer's.
        theirs: Vec<u32>,
    },
    /// The connection ended first.
    #[error("the peer closed the connection during the handshake: {0}")]
    Closed(&'static str),
    /// `read` was called after the end.
    #[error("the handshake is over")]
    Over,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Initiator = 1,
    Acceptor = 2,
}

enum State {
    /// The peer's hello is awaited.
    Hello,
    /// The peer's proof is awaited; this is its hello, magic and length included.
    Proof(Bytes),
    Over,
}

impl Handshake {
    /// Starts the side that dialled. `hello.nonce` must be 32 fresh random bytes.
    ///
    /// # Errors
    /// `BadHello` or `TooLong`: `hello` itself cannot be sent.
    pub fn initiator(hello: Hello, secret: &[u8]) -> Result<Self, HandshakeError> {
        let mut this = Self::new(Side::Initiator, hello, secret)?;
        this.output.extend_from_slice(&this.our_bytes);
        Ok(this)
    }

    /// Starts the side that accepted; it is silent until the initiator has said hello. `hello.nonce` must be 32 fresh
    /// random bytes.
    ///
    /// # Errors
    /// `BadHello` or `TooLong`: `hello` itself cannot be sent.
    pub fn acceptor(hello: Hello, secret: &[u8]) -> Result<Self, HandshakeError> {
        Self::new(Side::Acceptor, hello, secret)
    }

    fn new(side: Side, ours: Hello, secret: &[u8]) -> Result<Self, HandshakeError> {
        check_complete(&ours)?;
        let length = ours.encoded_len();
        let too_long = HandshakeError::TooLong { length, max: HELLO_MAX };
        if length > HELLO_MAX {
            return Err(too_long);
        }
        let mut bytes = BytesMut::with_capacity(PREFIX_LEN + length);
        bytes.put_slice(&MAGIC);
        bytes.put_u32_le(u32::try_from(length).map_err(|_| too_long)?);
        ours.encode_raw(&mut bytes);
        Ok(Self {
            side,
            ours,
            our_bytes: bytes.freeze(),
            secret: Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"),
            state: State::Hello,
            output: BytesMut::new(),
        })
    }

    /// Takes what is to be sent now; empty when there is nothing.
    pub fn take_output(&mut self) -> Bytes {
        self.output.split().freeze()
    }

    /// Reads what has arrived: `None` means that more must arrive. Whole messages are taken from `input`, others stay.
    ///
    /// # Errors
    /// The peer is refused, and the error says what to do about it.
    pub fn read(&mut self, input: &mut BytesMut) -> Result<Option<Established>, HandshakeError> {
        let result = self.step(input);
        if !matches!(result, Ok(None)) {
            self.state = State::Over;
        }
        result
    }

    /// Says what it means that the connection ended here.
    pub fn closed(&self) -> HandshakeError {
        HandshakeError::Closed(match self.state {
            State::Hello => "it sent no hello; is it a Guildhall link, and is it up?",
            State::Proof(_) => "it refused us after our hello; its log says why, often the secret",
            State::Over => "after the handshake was over",
        })
    }

    fn step(&mut self, input: &mut BytesMut) -> Result<Option<Established>, HandshakeError> {
        if matches!(self.state, State::Hello) {
            let Some(theirs) = take_hello(input)? else {
                return Ok(None);
            };
            match self.side {
                // Before it proves anything, so that the side that logs a failed dial also knows why.
                Side::Initiator => {
                    self.agree(&theirs)?;
                    let proof = self.mac(self.side, &theirs).finalize().into_bytes();
                    self.output.extend_from_slice(&proof);
                }
                Side::Acceptor => self.output.extend_from_slice(&self.our_bytes),
            }
            self.state = State::Proof(theirs);
        }
        let State::Proof(theirs) = &self.state else {
            return Err(HandshakeError::Over);
        };
        if input.len() < PROOF_LEN {
            return Ok(None);
        }
        let proof = input.split_to(PROOF_LEN);
        let peer = if self.side == Side::Initiator { Side::Acceptor } else { Side::Initiator };
        // Compares in constant time.
        self.mac(peer, theirs).verify_slice(&proof).map_err(|_| HandshakeError::WrongSecret)?;
        let established = self.agree(theirs)?;
        if self.side == Side::Acceptor {
            let proof = self.mac(self.side, theirs).finalize().into_bytes();
            self.output.extend_from_slice(&proof);
        }
        Ok(Some(established))
    }

    fn mac(&self, side: Side, theirs: &Bytes) -> Hmac<Sha256> {
        let (first, second) = match self.side {
            Side::Initiator => (&self.our_bytes, theirs),
            Side::Acceptor => (theirs, &self.our_bytes),
        };
        self.secret.clone().chain_update([side as u8]).chain_update(first).chain_update(second)
    }

    fn agree(&self, theirs: &Bytes) -> Result<Established, HandshakeError> {
        let peer = Hello::decode(theirs.slice(PREFIX_LEN..))
            .map_err(|e| HandshakeError::BadHello(e.to_string()))?;
        check_complete(&peer)?;
        if peer.nonce == self.ours.nonce {
            return Err(HandshakeError::SameNonce);
        }
        let ours = &self.ours.versions;
        let common = peer.versions.iter().filter(|v| ours.contains(v)).max().copied();
        match common {
            Some(version) => Ok(Established { peer, version }),
            None => Err(HandshakeError::NoCommonVersion {
                ours: ours.clone(),
                theirs: peer.versions.into_iter().take(VERSIONS_SHOWN).collect(),
            }),
        }
    }
}

/// How many of a peer's versions an error names.
const VERSIONS_SHOWN: usize = 16;

impl std::fmt::Debug for Handshake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (side, step) = (
            if self.side == Side::Initiator { "initiator" } else { "acceptor" },
            match self.state {
                State::Hello => "hello",
                State::Proof(_) => "proof",
                State::Over => "over",
            },
        );
        f.debug_struct("Handshake")
            .field("side", &side)
            .field("step", &step)
            .finish_non_exhaustive()
    }
}

fn check_complete(hello: &Hello) -> Result<(), HandshakeError> {
    if hello.nonce.len() != NONCE_LEN {
        let len = hello.nonce.len();
        return Err(HandshakeError::BadHello(format!(
            "its nonce has {len} bytes, not {NONCE_LEN}"
        )));
    }
    if hello.record.is_none() {
        return Err(HandshakeError::BadHello("it has no node record".into()));
    }
    Ok(())
}

/// Takes magic, length and hello from `input`, once they are whole. Wrong magic shows with its first wrong byte.
fn take_hello(input: &mut BytesMut) -> Result<Option<Bytes>, HandshakeError> {
    let begin: Vec<u8> = input.iter().take(MAGIC.len()).copied().collect();
    if !MAGIC.starts_with(&begin) {
        return Err(HandshakeError::BadMagic(begin.into()));
    }
    let Some(mut prefix) = input.get(..PREFIX_LEN) else {
        return Ok(None);
    };
    prefix.advance(MAGIC.len());
    let length = prefix.get_u32_le() as usize;
    if length > HELLO_MAX {
        return Err(HandshakeError::TooLong { length, max: HELLO_MAX });
    }
    let whole = input.len() >= PREFIX_LEN + length;
    Ok(whole.then(|| input.split_to(PREFIX_LEN + length).freeze()))
}
