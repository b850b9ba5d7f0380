//! [`Client`]: the handle that calls are made with.

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

/// A client of a gate. Clones are the same client; when the last one is dropped it closes.
#[derive(Clone, Debug)]
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
    /// Connects to the gate at `address`, logs in with `token`, and starts the task that keeps the connection.
    ///
    /// `address` is `tcp://host:port`, or `ws://host:port/path` for a binary WebSocket. This first attempt is the only one;
    /// later ones are made in the background, as often as the options say.
    ///
    /// # Errors
    /// The address is none, the gate cannot be reached, or it refuses the client.
    ///
    /// # Cancel safety
    /// Dropping it drops the connection; the gate may have begun a session.
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

    /// Calls a method and waits for its reply, as long as the method (`timeout_ms`) or [`Options::timeout`] says.
    ///
    /// Calls are sent in the order in which their futures are first polled.
    ///
    /// # Errors
    /// The gate's or the method's own status. From the client itself: `OVERLOADED` and `TOO_LARGE` (`NotRun`); `LOST`, with
    /// `NotRun` unless the call was handed to the socket of a gate that has not said that it goes away; `EXPIRED` and `BAD_REPLY`;
    /// `KICKED` and `CANCELLED` when the client
    /// is over.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait and gives its place to another call. A command that was queued is sent nevertheless.
    pub async fn call<Req: Message, Rsp: Message + Default>(
        &self,
        method: Method<Req, Rsp>,
        req: Req,
    ) -> Result<Rsp, Status> {
        self.call_within(self.timeout(method.desc), method, req).await
    }

    /// Calls a method and waits for its reply, at most for `timeout`. That travels with the call: what has not begun by then does
    /// not run any more.
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

    /// As [`call`](Self::call), and also the events that came before the reply and were not read yet, in their order. Deal with them
    /// first: a copy of some state that is kept by pushes is then never set back by a push that is older than a reply.
    ///
    /// `events` are this client's.
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

    /// The reply, and how many events had come before it.
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

    /// Sends a request that wants no reply. `Ok` says that it was queued: it is lost with the connection.
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

    /// Who plays, as the gate said last.
    pub fn player(&self) -> String {
        self.0.commands.player()
    }

    /// The session's id. It changes when the client comes back without its old session.
    pub fn session(&self) -> String {
        self.0.commands.session()
    }

    /// Sets what the next attempt to connect logs in with: tokens expire.
    pub fn set_token(&self, token: impl Into<String>) {
        self.0.commands.set_token(token.into());
    }

    /// Ends the client: calls that wait fail, nothing is dialled again, and the events end. What was queued is sent as far as
    /// the socket takes it at once. Comes back when the connection is closed.
    ///
    /// # Cancel safety
    /// The client ends also when the future is dropped after its first poll.
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

/// The place of a call among those that wait; given back when it is dropped.
struct Place<'a> {
    commands: &'a Commands,
    number: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.commands.forget(self.number);
    }
}
