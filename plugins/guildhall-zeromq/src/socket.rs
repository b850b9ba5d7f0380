//! [`Socket`]: one connection, after both sides have said hello.

use std::time::Duration;

use bytes::Bytes;
use guildhall_core::Env;
use guildhall_core::env::{Conn, Pipe};

use crate::frames::{self, Came, Cutter, GREETING, Kind};

/// How long a dial may take, and the hello of the other side.
const HELLO: Duration = Duration::from_secs(2);

/// One connection.
pub(crate) struct Socket {
    conn: Box<dyn Conn>,
    pipe: Pipe,
    cutter: Cutter,
}

impl Socket {
    /// Connects, and waits for the hello of the other side.
    pub(crate) async fn dial(env: &Env, address: &str, own: Kind) -> Result<Self, String> {
        let dialled = env.until(env.now() + HELLO, env.net().connect(address)).await;
        let conn = dialled.ok_or("no answer within 2 s")?.map_err(|error| error.to_string())?;
        Self::greet(env, conn, own).await
    }

    /// The same on a connection that is there.
    pub(crate) async fn greet(env: &Env, conn: Box<dyn Conn>, own: Kind) -> Result<Self, String> {
        let mut socket = Self { conn, pipe: Pipe::default(), cutter: Cutter::default() };
        let greeted = env.until(env.now() + HELLO, socket.exchange(own)).await;
        greeted.ok_or("no greeting of ZeroMQ within 2 s")??;
        Ok(socket)
    }

    async fn exchange(&mut self, own: Kind) -> Result<(), String> {
        self.pipe.output = frames::hello(own);
        self.flush().await?;
        while self.pipe.input.len() < GREETING {
            self.fill().await?;
        }
        frames::greeting(&self.pipe.input.split_to(GREETING))?;
        match self.came().await? {
            Came::Command(command) => Ok(frames::ready(own, &command)?),
            Came::Message(_) => Err("the other side sent a message before READY".to_owned()),
        }
    }

    /// The next message.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self) -> Result<Vec<Bytes>, String> {
        loop {
            if let Came::Message(message) = self.came().await? {
                return Ok(message);
            }
        }
    }

    /// Sends a message. What was sent may be lost with the connection.
    ///
    /// # Cancel safety
    /// What is left of the message is sent by the next call.
    pub(crate) async fn send(&mut self, message: &[Bytes]) -> Result<(), String> {
        frames::message(&mut self.pipe.output, message);
        self.flush().await
    }

    async fn came(&mut self) -> Result<Came, String> {
        loop {
            if let Some(came) = self.cutter.next(&mut self.pipe.input)? {
                return Ok(came);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), String> {
        match self.pipe.fill(&*self.conn).await {
            Ok(0) => Err("the other side has closed the connection".to_owned()),
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn flush(&mut self) -> Result<(), String> {
        self.pipe.drain(&*self.conn).await.map_err(|error| error.to_string())
    }
}
