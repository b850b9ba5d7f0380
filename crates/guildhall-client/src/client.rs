//! [`Client`]: the handle for calls.

use std::sync::Arc;
use std::time::Duration;

use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Env, Method, MethodDesc, Status};
use prost::Message;
use tokio::sync::watch;

use crate::commands::Commands;
use crate::connect::Gate;
use crate::driver;
use crate::error::ConnectError;
use crate::events::{Event, EventQueue, Events};
use crate::options::Options;

/// A connection to a gate, with one session of one player. Clones are the same client; dropping the last one closes it.
///
/// The [crate documentation](crate) has an example.
#[derive(Clone, Debug)]
#[must_use = "the connection is closed when this is dropped"]
pub struct Client(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    env: Env,
    commands: Arc<Commands>,
    timeout: Duration,
    /// Closes when the driver has ended.
    driver: watch::Receiver<()>,
}

impl Client {
    /// Connects to the gate at `address`, logs in with `token`, and starts the task that owns the connection.
    ///
    /// `address` is `tcp://host:port`, or `ws://host:port/path` for a binary WebSocket. This makes one attempt;
    /// after a lost connection, the client reconnects in the background, at most [`Options::attempts_max`] times.
    ///
    /// # Errors
    /// The address is invalid, the gate cannot be reached, or it refuses the client.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection; the gate may have begun a session.
    pub async fn connect(
        env: &Env,
        address: &str,
        token: impl Into<String>,
        options: Options,
    ) -> Result<(Self, Events), ConnectError> {
        let commands = Arc::new(Commands::new(&options, token.into()));
        let events = Arc::new(EventQueue::new(options.events_max));
        let timeout = options.timeout;
        let gate = Gate::new(env.clone(), address, options)?;
        let first = gate.open(commands.token(), String::new(), 0).await?;
        commands.connected(&first.welcome);
        let (ended, driver) = watch::channel(());
        let driving = driver::run(gate, first, Arc::clone(&commands), Arc::clone(&events));
        drop(env.spawn("guildhall client", async move {
            driving.await;
            drop(ended);
        }));
        let handle = Handle { env: env.clone(), commands, timeout, driver };
        Ok((Self(Arc::new(handle)), Events(events)))
    }

    /// Calls a method and waits for its reply, for at most the method's `timeout_ms`, or [`Options::timeout`] for a method without one.
    ///
    /// Calls are sent in the order in which their futures are first polled.
    ///
    /// # Errors
    /// The status of the gate or of the method. The client itself fails a call with `OVERLOADED` and `TOO_LARGE` (`NotRun`); with `LOST`
    /// when the connection is lost (`NotRun` if the call was not handed to the socket, or if the gate has announced that it goes away);
    /// with `EXPIRED` and `BAD_REPLY`; and with `KICKED` and `CANCELLED` after the client has ended.
    ///
    /// # Cancel safety
    /// Dropping the future stops the wait and frees its place in `pending_max`. A command that was queued is sent nevertheless.
    pub async fn call<Req: Message, Rsp: Message + Default>(
        &self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Rsp, Status> {
        self.call_within(self.timeout(method.desc), method, req).await
    }

    /// Calls a method and waits for its reply for at most `timeout`, which is sent with the call: a call that has not begun by then
    /// does not run.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    /// As [`call`](Self::call).
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as the generated clients")]
    pub async fn call_within<Req: Message, Rsp: Message + Default>(
        &self,
        timeout: Duration,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Rsp, Status> {
        self.answer(timeout, method, &req).await.0
    }

    /// Calls a method as [`call`](Self::call) does, and also returns the unread events that arrived before the reply, in order. Handle
    /// them first, so that a push that is older than the reply does not overwrite newer state.
    ///
    /// `events` have to be this client's.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    /// As [`call`](Self::call); no event is lost.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as `call`")]
    pub async fn call_in_order<Req: Message, Rsp: Message + Default>(
        &self,
        events: &mut Events,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> (Vec<Event>, Result<Rsp, Status>) {
        let (reply, came) = self.answer(self.timeout(method.desc), method, &req).await;
        let before = std::iter::from_fn(|| events.0.take_until(came)).collect();
        (before, reply)
    }

    fn timeout(&self, method: &MethodDesc) -> Duration {
        match method.timeout_ms {
            0 => self.0.timeout,
            ms => Duration::from_millis(ms.into()),
        }
    }

    /// The reply, and the number of events that arrived before it.
    async fn answer<Req: Message, Rsp: Message + Default>(
        &self,
        timeout: Duration,
        method: Method<Req, Rsp>,
        req: &Req,
    ) -> (Result<Rsp, Status>, u64) {
        let Handle { env, commands, .. } = &*self.0;
        let path = method.desc.path;
        if method.desc.oneway {
            let why = format!("{path} has no reply: use `cast`");
            let status = Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why);
            return (Err(status), 0);
        }
        let deadline = env.now() + timeout;
        let (number, reply) = match commands.call(method.desc, timeout, req) {
            Ok(called) => called,
            Err(status) => return (Err(status), 0),
        };
        let _place = Place { commands, number };
        let Some(reply) = env.until(deadline, reply).await else {
            let why = format!("{path} did not answer within {timeout:?}");
            let status = Status::new(Code::DeadlineExceeded, why).with_reason(reason::EXPIRED);
            return (Err(status), 0);
        };
        let Ok((reply, came)) = reply else {
            let status = Status::new(Code::Unavailable, "the client ended");
            return (Err(status.with_reason(reason::LOST)), 0);
        };
        let decoded = reply.and_then(|body| {
            Rsp::decode(body).map_err(|error| {
                let why = format!("the reply of {path} does not decode: {error}");
                let status = Status::new(Code::Internal, why).with_reason(reason::BAD_REPLY);
                status.with_effect(Effect::Ran)
            })
        });
        (decoded, came)
    }

    /// Sends a cast. `Ok` means that it was queued; it is lost with the connection.
    ///
    /// # Errors
    /// It was not queued: `OVERLOADED`, `TOO_LARGE` or `LOST`, always `NotRun`.
    #[allow(clippy::needless_pass_by_value, reason = "the same shape as `call`")]
    pub fn cast<Req: Message, Rsp>(
        &self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<(), Status> {
        self.0.commands.cast(method.desc, &req)
    }

    /// The session's player, as the gate reported it last.
    pub fn player(&self) -> String {
        self.0.commands.player()
    }

    /// The session's id. It changes when the client reconnects with a new session.
    pub fn session(&self) -> String {
        self.0.commands.session()
    }

    /// Sets the token for the next attempt to connect, as tokens expire.
    pub fn set_token(&self, token: impl Into<String>) {
        self.0.commands.set_token(token.into());
    }

    /// Ends the client and waits until the connection is closed: calls in flight fail, the client does not reconnect, and the events end.
    /// Queued packets are sent as far as the socket accepts them at once.
    ///
    /// # Cancel safety
    /// The client also ends when the future is dropped after its first poll.
    pub async fn close(&self) {
        self.0.commands.close();
        let mut driver = self.0.driver.clone();
        while driver.changed().await.is_ok() {}
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.commands.close();
    }
}

/// The place of a call in `pending_max`; freed when dropped.
struct Place<'a> {
    commands: &'a Commands,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.commands.forget(self.number);
    }
}
