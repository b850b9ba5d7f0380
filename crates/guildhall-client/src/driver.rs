//! The task of a client: drives a connection to its end, reports the end, and reconnects.

use std::sync::Arc;

use guildhall_core::status::reason;
use guildhall_core::{Code, Effect, Reason, Status};
use guildhall_wire::Kick;

use crate::commands::Commands;
use crate::connect::{Gate, Opened};
use crate::error::{ConnectError, Lost};
use crate::events::{Event, EventQueue};
use crate::line::{Line, Over};

/// Keeps the client connected, beginning with `first`, until it is closed, kicked, or the attempts are used up.
pub(crate) async fn run(
    gate: Gate,
    first: Opened,
    commands: Arc<Commands>,
    events: Arc<EventQueue>,
) {
    let end = End { commands, events };
    let End { commands, events } = &end;
    let (mut opened, mut last_push) = (first, 0);
    loop {
        let Opened { socket, welcome } = opened;
        let beat = welcome.heartbeat_ms;
        let mut line = Line::new(&gate.env, commands, events, socket, beat, last_push);
        let lost = match line.drive().await {
            Over::Closed => return line.close(),
            Over::Kicked(kick) => return end.kicked(kick),
            Over::Lost(lost) => lost,
        };
        last_push = line.last_push();
        drop(line);
        end.lost(&gate, lost);
        if gate.options.attempts_max == 0 {
            return;
        }
        let again = gate.open_again(|| commands.token(), &welcome.resume, last_push);
        let again = tokio::select! {
            biased;
            () = closing(commands) => return,
            again = again => again,
        };
        opened = match again {
            Ok(opened) => opened,
            Err(ConnectError::Kicked(kick)) => return end.kicked(kick),
            Err(error) => return end.gave_up(error),
        };
        commands.connected(&opened.welcome);
        let resumed = opened.welcome.resumed;
        if !resumed {
            last_push = 0;
        }
        tracing::info!(gate = gate.name, resumed, "reconnected to the gate");
        events.put(Event::Back { resumed });
    }
}

async fn closing(commands: &Commands) {
    while !commands.is_closing() {
        commands.woken().await;
    }
}

/// Sees to it that nobody waits for a driver that is gone, also when its task is ended from outside.
struct End {
    commands: Arc<Commands>,
    events: Arc<EventQueue>,
}

impl End {
    fn lost(&self, gate: &Gate, lost: Lost) {
        tracing::info!(gate = gate.name, %lost, "connection to the gate lost");
        let why = format!("the connection to {} ended: {lost}", gate.name);
        let status = Status::new(Code::Unavailable, why).with_reason(reason::LOST);
        // A gate says so when it has answered all that it has taken, and then takes nothing more.
        let none_ran = matches!(&lost, Lost::Ended(end) if end.reason() == reason::GOING_AWAY);
        let effect = if none_ran { Effect::NotRun } else { Effect::MayHaveRun };
        self.commands.down(&status.with_effect(effect));
        self.events.put(Event::Lost(lost));
    }

    fn kicked(&self, kick: Kick) {
        let why = format!(
            "the gate ended the session: {} (reason {})",
            kick.message,
            Reason::new(kick.reason)
        );
        self.commands.down(&Status::new(Code::Aborted, why).with_reason(reason::KICKED));
        self.events.put(Event::Kicked(kick));
    }

    fn gave_up(&self, error: ConnectError) {
        let why = format!("the client gave up: {error}");
        self.commands.down(&Status::new(Code::Unavailable, why).with_reason(reason::LOST));
        self.events.put(Event::GaveUp(error));
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if self.commands.is_closing() || !self.commands.is_down() {
            let why = "the client was closed";
            self.commands.down(&Status::new(Code::Cancelled, why).with_reason(reason::CANCELLED));
        }
        self.events.end();
    }
}
