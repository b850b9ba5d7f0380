//! A link: one connection to another app, dialled by the caller; calls go one way, replies come back.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use guildhall_core::env::Instant;
use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env, MethodDesc, Status};
use guildhall_wire::Head;
use guildhall_wire::frame::{
    FrameError, HEADER_LEN, Header, LinkKind, Parsed, TIME_LEFT_IN_HEAD, TooLarge, parse,
    put_frame, put_raw, time_left_to_aux,
};
use prost::Message;
use tokio::sync::Notify;

use crate::alive::{Alive, Heartbeat};
use crate::dispatch::copy_out;
use crate::endpoint::Endpoint;
use crate::idle::{Idle, Quiet};
use crate::meters::Answered;
use crate::out::{Out, Refused};
use crate::pending::Pending;
use crate::socket::Socket;
use crate::status_frame::status_from_frame;

/// A connection to another app (or to this one, in memory) that calls are made on.
#[derive(Debug)]
pub struct Link {
    peer: String,
    out: Out,
    pending: Pending,
    frame_max: usize,
    ping: Duration,
    doubted: Notify,
}

impl Link {
    /// A link whose frames wait for its connection.
    pub fn new(peer: String, endpoint: &Endpoint) -> Arc<Self> {
        let config = &endpoint.config;
        Arc::new(Self {
            peer,
            out: Out::new(config.queued_max, &endpoint.meters.queued_bytes),
            pending: Pending::new(config.pending_max),
            frame_max: config.frame_max,
            ping: Duration::from_millis(config.ping_ms),
            doubted: Notify::new(),
        })
    }

    /// The id of the app at the other end.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The peer may hang: it is asked at once, and lost if it does not answer soon. Its calls fail then, and need not wait out their
    /// deadlines.
    pub fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// Calls that wait for their reply.
    pub fn waiting(&self) -> usize {
        self.pending.live()
    }

    /// Sends a call and waits for the reply.
    ///
    /// # Errors
    /// What the callee says, or why the call was not sent or has no reply.
    ///
    /// # Cancel safety
    /// Dropped, the call is cancelled at the callee.
    pub async fn call<Req: Message>(
        &self,
        method: &'static MethodDesc,
        deadline: Instant,
        left: Duration,
        head: Option<&Head>,
        req: &Req,
    ) -> Result<Bytes, Status> {
        let open = std::future::poll_fn(|cx| self.pending.open(cx.waker(), deadline).into());
        let mut waiting = Waiting { link: self, id: open.await?, answered: false };
        self.send(LinkKind::Call, waiting.id, method, left, head, req)?;
        let reply = std::future::poll_fn(|cx| self.pending.poll(waiting.id, cx)).await;
        waiting.answered = true;
        reply
    }

    /// Sends a request that wants no reply.
    ///
    /// # Errors
    /// Why it was not queued.
    pub fn cast<Req: Message>(
        &self,
        method: &'static MethodDesc,
        left: Duration,
        head: Option<&Head>,
        req: &Req,
    ) -> Result<(), Status> {
        self.send(LinkKind::Cast, 0, method, left, head, req)
    }

    fn send<Req: Message>(
        &self,
        kind: LinkKind,
        id: u64,
        method: &'static MethodDesc,
        left: Duration,
        head: Option<&Head>,
        req: &Req,
    ) -> Result<(), Status> {
        let header = Header { kind, aux: 0, method: method.id, id };
        let put = self.out.put(|out| put_request(out, self.frame_max, header, left, head, req));
        match put {
            Ok(Ok(())) => Ok(()),
            Ok(Err(too_large)) => {
                let why = format!("the request of {}: {too_large}", method.path);
                Err(Status::not_run(Code::ResourceExhausted, reason::TOO_LARGE, why))
            }
            Err(Refused::Full) => {
                let why = format!("{} does not keep up (link.queued_max)", self.peer);
                Err(Status::not_run(Code::ResourceExhausted, reason::OVERLOADED, why))
            }
            Err(Refused::Closed) => Err(self.lost().with_effect(Effect::NotRun)),
        }
    }

    /// Cancels the call at the peer.
    fn cancel(&self, id: u64) {
        let cancel = Header::new(LinkKind::Cancel, id);
        let _closed = self.out.put(|out| put_raw(out, self.frame_max, cancel, None, &[]));
    }

    /// Queues a ping, of so many bytes.
    fn ping(&self) -> usize {
        let ping = Header::new(LinkKind::Ping, 0);
        let _full = self.out.put(|out| put_raw(out, self.frame_max, ping, None, &[]));
        HEADER_LEN
    }

    fn lost(&self) -> Status {
        let why = format!("the connection to {} was lost", self.peer);
        Status::new(Code::Unavailable, why).with_reason(reason::LOST)
    }

    /// Waits for `connecting`, and fails calls at their deadlines meanwhile: their frames wait here for the connection.
    pub(crate) async fn until_connected<T>(
        &self,
        env: &Env,
        connecting: impl Future<Output = T>,
    ) -> T {
        let mut connecting = std::pin::pin!(connecting);
        loop {
            let next = self.pending.earliest();
            tokio::select! {
                biased;
                connected = connecting.as_mut() => return connected,
                () = self.pending.earlier.notified() => {}
                () = expiry(env, next) => {
                    self.pending.expire(env.now()).into_iter().for_each(|id| self.cancel(id));
                }
            }
        }
    }

    /// Moves frames until the connection ends: the one task of the link. `away` is called when the peer takes no new calls. With
    /// `idle`, the connection ends when nobody uses it.
    pub(crate) async fn drive(
        &self,
        env: &Env,
        mut socket: Socket,
        mut away: impl FnMut(),
        mut idle: Option<Idle<impl FnMut(Quiet) -> bool>>,
    ) {
        // Bytes of frames of this task itself, which are no use of the link.
        let (mut used, mut own) = (false, 0);
        let (mut replies, mut wakers) = (Vec::new(), Vec::new());
        let (mut writing, mut chunk) = (BytesMut::new(), BytesMut::new());
        let mut alive = Alive::new(env, self.ping);
        let next_look = |alive: &Alive, idle: &Option<Idle<_>>| {
            let alive = alive.next();
            idle.as_ref().map_or(alive, |idle: &Idle<_>| alive.min(idle.next()))
        };
        let mut look = std::pin::pin!(env.sleep_until(next_look(&alive, &idle)));
        loop {
            let next = self.pending.earliest();
            tokio::select! {
                biased;
                moved = socket.read_or_write(&mut writing) => {
                    let parsed = moved.and_then(|read| match read {
                        true => {
                            alive.heard(env);
                            own += self.take_frames(&mut socket.input, &mut chunk, &mut replies, &mut away)?;
                            Ok(())
                        }
                        false => Ok(()),
                    });
                    self.pending.answer(replies.drain(..), &mut wakers);
                    if let Err(error) = parsed {
                        tracing::debug!(peer = self.peer, %error, "link closed");
                        break;
                    }
                    // The callers that were just woken queue their next frames before these are written.
                    tokio::task::yield_now().await;
                }
                () = self.out.ready(), if writing.is_empty() => tokio::task::yield_now().await,
                () = look.as_mut() => {
                    match alive.check(env) {
                        Heartbeat::Fine => {}
                        Heartbeat::Ask => own += self.ping(),
                        Heartbeat::Lost => {
                            tracing::warn!(peer = self.peer, "link closed: nothing received within link.ping_ms");
                            break;
                        }
                    }
                    if let Some(idle) = &mut idle
                        && idle.is_over(env, std::mem::take(&mut used) || self.waiting() > 0)
                    {
                        self.take_leave(&socket, &mut writing);
                        break;
                    }
                    look.set(env.sleep_until(next_look(&alive, &idle)));
                }
                () = self.doubted.notified() => {
                    own += self.ping();
                    alive.doubt(env);
                    look.set(env.sleep_until(next_look(&alive, &idle)));
                }
                () = self.pending.earlier.notified() => continue,
                () = expiry(env, next) => {
                    self.pending.expire(env.now()).into_iter().for_each(|id| self.cancel(id));
                    continue;
                }
            }
            if writing.is_empty() {
                self.out.take_queued(&mut writing, &mut Answered::default());
                used |= writing.len() > std::mem::take(&mut own);
            }
            if socket.write_now(&mut writing).is_err() {
                break;
            }
        }
        self.close();
    }

    /// Tells the peer that the connection ends because nobody uses it; otherwise it takes this app for dead, as it does where that cannot
    /// be written at once.
    fn take_leave(&self, socket: &Socket, writing: &mut BytesMut) {
        let goaway = Header::new(LinkKind::Goaway, 0);
        let _fits = put_raw(writing, self.frame_max, goaway, None, &[]);
        let _sent = socket.write_now(writing);
    }

    /// Fails all calls, now and from now on.
    pub fn close(&self) {
        let _none = self.out.close();
        self.pending.close(&self.lost());
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.out.is_closed()
    }

    /// As [`Link::close`], of a link that was never connected: nothing has run.
    pub fn refuse(&self, why: &str) {
        let _none = self.out.close();
        let why = format!("{} cannot be reached: {why}", self.peer);
        self.pending.close(&Status::not_run(Code::Unavailable, reason::NO_ROUTE, why));
    }

    /// Takes all whole frames out of `input`, and returns how many bytes it has queued itself.
    fn take_frames(
        &self,
        input: &mut BytesMut,
        chunk: &mut BytesMut,
        replies: &mut Vec<(u64, Result<Bytes, Status>)>,
        away: &mut impl FnMut(),
    ) -> std::io::Result<usize> {
        let (mut at, mut queued) = (0, 0);
        while let Parsed::Frame(frame) =
            parse::<LinkKind>(&input[at..], self.frame_max).map_err(bad)?
        {
            let Header { kind, aux, id, .. } = frame.header;
            match kind {
                LinkKind::Reply => replies.push((id, Ok(copy_out(frame.body, chunk)))),
                LinkKind::Error => replies.push((id, Err(status_from_frame(aux, frame.body)))),
                LinkKind::Goaway => away(),
                LinkKind::Ping => {
                    let pong = Header::new(LinkKind::Pong, id);
                    let _full = self.out.put(|out| put_raw(out, self.frame_max, pong, None, &[]));
                    queued += HEADER_LEN;
                }
                LinkKind::Pong => {}
                LinkKind::Call | LinkKind::Cast | LinkKind::Cancel => {
                    return Err(std::io::Error::other("a call came against the link's direction"));
                }
            }
            at += frame.len;
        }
        bytes::Buf::advance(input, at);
        Ok(queued)
    }
}

/// Appends the frame of a call or cast that may take until `left` is over.
///
/// # Errors
/// It would be larger than `max` bytes.
#[inline]
pub fn put_request<Req: Message>(
    out: &mut BytesMut,
    max: usize,
    header: Header<LinkKind>,
    left: Duration,
    head: Option<&Head>,
    req: &Req,
) -> Result<(), TooLarge> {
    let header = Header { aux: time_left_to_aux(left), ..header };
    if header.aux != TIME_LEFT_IN_HEAD {
        return put_frame(out, max, header, head, req);
    }
    let time_left_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
    let long = Head { time_left_ms, ..head.cloned().unwrap_or_default() };
    put_frame(out, max, header, Some(&long), req)
}

/// A call that waits. Dropped before its reply it gives its slot back and tells the peer.
struct Waiting<'a> {
    link: &'a Link,
    id: u64,
    answered: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered && self.link.pending.forget(self.id) {
            self.link.cancel(self.id);
        }
    }
}

async fn expiry(env: &Env, next: Option<Instant>) {
    match next {
        Some(deadline) => env.sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn bad(error: FrameError) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error)
}
