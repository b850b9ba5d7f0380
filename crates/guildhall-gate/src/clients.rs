//! The connected clients of this gate, by player.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use bytes::BytesMut;
use guildhall_core::status::reason;
use guildhall_wire::{Generation, Packet, Reset};
use parking_lot::Mutex;

use crate::form::Form;
use crate::out::{End, Outbox};

/// One connection with a session, as others in the process see it.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) player: String,
    /// Random id of the session.
    pub(crate) session: String,
    pub(crate) form: Form,
    pub(crate) out: Arc<Outbox>,
    /// Once the session is open.
    generation: OnceLock<Generation>,
    /// When the player has logged in, in ms since the Unix epoch.
    pub(crate) since_ms: u64,
    pushes: Mutex<Pushes>,
}

#[derive(Debug, Default)]
struct Pushes {
    /// Those that overtake WELCOME, each with the generation that it is for and its number.
    early: Vec<(Generation, u64, BytesMut)>,
    /// Number of the last one.
    last: u64,
    /// Number of the last one that the client has acknowledged.
    acked: u64,
}

/// Pushes that may overtake one WELCOME.
const EARLY_MAX: usize = 16;

impl Client {
    pub(crate) fn new(
        (player, session): (String, String),
        since_ms: u64,
        form: Form,
        out: Arc<Outbox>,
    ) -> Self {
        let (generation, pushes) = (OnceLock::new(), Mutex::default());
        Self { player, session, form, out, generation, since_ms, pushes }
    }

    /// `None` until the session is open.
    pub(crate) fn generation(&self) -> Option<Generation> {
        self.generation.get().copied()
    }

    /// Queues `welcome` and what overtook it.
    pub(crate) fn welcome(&self, generation: Generation, welcome: &[u8]) {
        let mut pushes = self.pushes.lock();
        self.generation.get_or_init(|| generation);
        let early = std::mem::take(&mut pushes.early);
        self.out.put(|out| {
            out.extend_from_slice(welcome);
            for (_, seq, push) in early.into_iter().filter(|(of, ..)| *of == generation) {
                if !pushes.is_next(seq) {
                    self.put_reset(out);
                }
                out.extend_from_slice(&push);
            }
        });
    }

    /// The client has the pushes up to this one. Whether that is news, and can be so.
    pub(crate) fn acknowledged(&self, seq: u64) -> bool {
        let mut pushes = self.pushes.lock();
        let is_news = (pushes.acked + 1..=pushes.last).contains(&seq);
        if is_news {
            pushes.acked = seq;
        }
        is_news
    }

    pub(crate) fn put_reset(&self, out: &mut BytesMut) {
        let message = "pushes were lost".to_owned();
        self.form.put_small(out, &Packet::Reset(Reset { message }));
    }

    /// Queues a numbered push for the session of this generation. `false` when it is not the session's, or the client is cut.
    fn push(&self, generation: Generation, seq: u64, push: impl FnOnce(&mut BytesMut)) -> bool {
        let mut pushes = self.pushes.lock();
        match self.generation() {
            None if pushes.early.len() < EARLY_MAX => {
                let mut bytes = BytesMut::new();
                push(&mut bytes);
                pushes.early.push((generation, seq, bytes));
                true
            }
            Some(own) if own == generation => {
                let is_next = pushes.is_next(seq);
                self.out.put(|out| {
                    if !is_next {
                        self.put_reset(out);
                    }
                    push(out);
                })
            }
            _ => false,
        }
    }
}

impl Pushes {
    /// Notes the number of a push; whether it is the next one. Numbers begin anew when the session has another owner, who does not
    /// know what the earlier one has sent; and one that is left out has not arrived here.
    fn is_next(&mut self, seq: u64) -> bool {
        let is_next = std::mem::replace(&mut self.last, seq).checked_add(1) == Some(seq);
        if !is_next {
            self.acked = 0;
        }
        is_next
    }
}

/// All clients of a gate. A player has one, and a moment ago perhaps others that are being kicked.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<BTreeMap<String, Vec<Arc<Client>>>>);

impl Clients {
    /// Adds a client whose session is about to be opened, so that a kick finds it from the first moment.
    pub(crate) fn add(&self, client: Arc<Client>) {
        self.0.lock().entry(client.player.clone()).or_default().push(client);
    }

    /// The session is open: earlier ones of the player are kicked, and so is this one when a later one is here.
    pub(crate) fn opened(&self, client: &Client, generation: Generation, welcome: &[u8]) {
        let clients = self.0.lock();
        client.welcome(generation, welcome);
        let all = clients.get(&client.player).map(Vec::as_slice).unwrap_or_default();
        let latest = all.iter().filter_map(|c| c.generation()).max();
        for earlier in all.iter().filter(|c| c.generation().is_some() && c.generation() < latest) {
            earlier.out.end(kicked());
        }
    }

    /// Removes a client; others of the player stay.
    pub(crate) fn remove(&self, client: &Arc<Client>) {
        let mut clients = self.0.lock();
        if let Some(all) = clients.get_mut(&client.player) {
            all.retain(|other| !Arc::ptr_eq(other, client));
            if all.is_empty() {
                clients.remove(&client.player);
            }
        }
    }

    /// The session is over: another login of the player has come.
    pub(crate) fn kick(&self, player: &str, session: &str) {
        for client in self.of(player).iter().filter(|client| client.session == session) {
            client.out.end(kicked());
        }
    }

    /// Queues a numbered push for one session. `false` when there is no such client.
    pub(crate) fn push(
        &self,
        player: &str,
        generation: Generation,
        seq: u64,
        push: impl Fn(&Client, &mut BytesMut),
    ) -> bool {
        let clients = self.of(player);
        // The one it is for; failing that, one that does not know its generation yet.
        let mut candidates: Vec<_> = clients.iter().collect();
        candidates.sort_by_key(|client| client.generation() != Some(generation));
        candidates.iter().any(|client| client.push(generation, seq, |out| push(client, out)))
    }

    /// All clients with an open session.
    pub(crate) fn all(&self) -> Vec<Arc<Client>> {
        let clients = self.0.lock();
        clients.values().flatten().filter(|client| client.generation().is_some()).cloned().collect()
    }

    fn of(&self, player: &str) -> Vec<Arc<Client>> {
        self.0.lock().get(player).cloned().unwrap_or_default()
    }
}

fn kicked() -> End {
    End::Kick(reason::KICKED, "the player has logged in elsewhere".into())
}

#[cfg(test)]
mod tests;
