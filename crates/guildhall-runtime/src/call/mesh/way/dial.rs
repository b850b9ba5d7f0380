//! [`Dial`]: the connections to an app that are dialled when a call needs them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use guildhall_core::AppId;
use guildhall_core::discovery::NodeRecord;
use guildhall_core::env::Workers;
use guildhall_link::{Demand, Endpoint, Link, Place, Quiet, Wanted, connect_on_demand};
use parking_lot::Mutex;

use super::Way;

/// What keeps account of the ways to an app: the mesh.
pub(crate) trait Ways: Send + Sync {
    /// A connection is there. `false`: it is not wanted, because a later life of the app is known or discovery no longer lists it.
    fn reached(&self, record: NodeRecord, place: Place, way: Way, dial: &Arc<Dial>) -> bool;

    /// The app at the other end takes no new calls.
    fn goes(&self, id: &AppId, link: &Arc<Link>);

    /// A connection is lost, or could not be dialled: what is at its place, if it is one of `ways`, is none.
    fn lose(&self, id: &AppId, place: Place, ways: &[Way]);

    /// A connection goes out of use, or has come to it again; whether `from` was at its place.
    fn replace(&self, id: &AppId, place: Place, from: &Way, to: Way) -> bool;
}

/// An app that discovery lists, and the connections to it. A call that needs one is queued in it while it is dialled.
pub(crate) struct Dial {
    endpoint: Arc<Endpoint>,
    workers: Arc<Workers>,
    /// Which keeps this.
    mesh: Weak<dyn Ways>,
    id: AppId,
    address: String,
    gone: Arc<AtomicBool>,
    places: Mutex<Vec<State>>,
}

/// One of the connections.
#[derive(Debug)]
enum State {
    /// Nobody needs it.
    Idle,
    /// Calls wait in it until it is connected.
    Dialled(Arc<Link>),
    /// It is connected. `asked`: somebody has asked for it since it began to go out of use.
    Connected { link: Arc<Link>, asked: bool },
    /// It is dialled again after it was lost or could not be dialled.
    Lost,
}

impl Dial {
    /// Nobody has needed a connection so far.
    pub(crate) fn new(
        endpoint: &Arc<Endpoint>,
        workers: &Arc<Workers>,
        mesh: Weak<dyn Ways>,
        (id, address): (AppId, String),
    ) -> Arc<Self> {
        let places = (0..endpoint.config.links_per_peer).map(|_| State::Idle).collect();
        Arc::new(Self {
            endpoint: Arc::clone(endpoint),
            workers: Arc::clone(workers),
            mesh,
            id,
            address,
            gone: Arc::default(),
            places: Mutex::new(places),
        })
    }

    pub(in crate::call::mesh) fn peer(&self) -> &str {
        self.id.as_str()
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// How many connections there may be.
    pub(in crate::call::mesh) fn places(&self) -> usize {
        self.places.lock().len()
    }

    /// Discovery does not list the app any more: its connections end by themselves, and are not dialled again.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    /// Whether discovery has stopped to list the app at this address.
    pub(in crate::call::mesh) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Whether a connection is dialled or open.
    pub(in crate::call::mesh) fn is_busy(&self) -> bool {
        self.places.lock().iter().any(|state| !matches!(state, State::Idle))
    }

    /// Calls that wait for replies.
    pub(in crate::call::mesh) fn waiting(&self, at: usize) -> usize {
        match &self.places.lock()[at] {
            State::Dialled(link) | State::Connected { link, .. } => link.waiting(),
            State::Idle | State::Lost => 0,
        }
    }

    /// The app may hang: calls do not wait for its answer to a dial, and what is dialled counts as lost until it answers.
    pub(in crate::call::mesh) fn doubt(&self) {
        for state in &mut *self.places.lock() {
            match state {
                State::Dialled(link) => {
                    link.refuse("its lease session is over");
                    *state = State::Lost;
                }
                State::Connected { link, .. } => link.doubt(),
                State::Idle | State::Lost => {}
            }
        }
    }

    /// Whether a connection is dialled again after it was lost or could not be dialled: no call may wait for it.
    pub(in crate::call::mesh) fn is_lost(&self, at: usize) -> bool {
        matches!(self.places.lock()[at], State::Lost)
    }

    /// A later life of the app is listed: connections to this one answer at once, or are lost and the later life is dialled.
    pub(in crate::call::mesh) fn doubt_connected(&self) {
        for state in &*self.places.lock() {
            if let State::Connected { link, .. } = state {
                link.doubt();
            }
        }
    }

    /// The connection of a place. Where nobody has needed one so far, all are dialled.
    pub(in crate::call::mesh) fn link(self: &Arc<Self>, at: usize) -> Arc<Link> {
        let mut places = self.places.lock();
        if matches!(places[at], State::Idle) {
            let of = places.len();
            for (at, state) in places.iter_mut().enumerate() {
                if matches!(state, State::Idle) {
                    let link = self.dial(Place { at, of });
                    *state = State::Dialled(link);
                }
            }
        }
        match &mut places[at] {
            State::Dialled(link) => Arc::clone(link),
            State::Connected { link, asked } => {
                *asked = true;
                Arc::clone(link)
            }
            // The caller has an old view.
            State::Idle | State::Lost => {
                let link = Link::new(self.id.to_string(), &self.endpoint);
                link.refuse("it is dialled again");
                link
            }
        }
    }

    fn dial(self: &Arc<Self>, place: Place) -> Arc<Link> {
        let (endpoint, env) = (Arc::clone(&self.endpoint), &self.endpoint.env);
        let link = Link::new(self.id.to_string(), &endpoint);
        let wanted = Wanted {
            id: self.id.clone(),
            address: self.address.clone(),
            place,
            gone: Arc::clone(&self.gone),
        };
        let one = Arc::new(One { dial: Arc::clone(self), place });
        let connecting = connect_on_demand(endpoint, one, wanted, Arc::clone(&link));
        // The caller may run on a worker that serves one request only; further connections are there to use further workers.
        env.spawn_on(&self.workers.next(), "link-connect", connecting);
        link
    }
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dial")
            .field("id", &self.id)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// One of the connections to an app.
struct One {
    dial: Arc<Dial>,
    place: Place,
}

impl One {
    fn set(&self, state: State) {
        self.dial.places.lock()[self.place.at] = state;
    }

    fn on_demand(&self) -> Way {
        Way::Dial(Arc::clone(&self.dial), self.place.at)
    }

    /// The link goes out of use: from now on it is noted whether somebody asks for it.
    fn leaves(&self, mesh: &dyn Ways, link: &Arc<Link>) -> bool {
        if let State::Connected { asked, .. } = &mut self.dial.places.lock()[self.place.at] {
            *asked = false;
        }
        let link = Way::Link(Arc::clone(link));
        let left = mesh.replace(&self.dial.id, self.place, &link, self.on_demand());
        left || self.dial.is_gone()
    }

    fn stays(&self, mesh: &dyn Ways, link: &Arc<Link>) -> bool {
        let link = Way::Link(Arc::clone(link));
        mesh.replace(&self.dial.id, self.place, &self.on_demand(), link)
    }

    fn closes(&self, link: &Arc<Link>) -> bool {
        let mut places = self.dial.places.lock();
        let state = &mut places[self.place.at];
        if matches!(state, State::Connected { asked: true, .. }) {
            return false;
        }
        // Under the lock, so that nobody gets it any more.
        link.close();
        *state = State::Idle;
        true
    }
}

impl Demand for One {
    fn connected(&self, record: NodeRecord, link: Arc<Link>) -> bool {
        let Some(mesh) = self.dial.mesh.upgrade() else { return false };
        self.set(State::Connected { link: Arc::clone(&link), asked: false });
        mesh.reached(record, self.place, Way::Link(link), &self.dial)
    }

    fn going(&self, link: &Arc<Link>) {
        if let Some(mesh) = self.dial.mesh.upgrade() {
            mesh.goes(&self.dial.id, link);
            // Where it was going out of use.
            mesh.lose(&self.dial.id, self.place, &[self.on_demand()]);
        }
    }

    fn lost(&self, link: &Arc<Link>) {
        self.set(State::Lost);
        if let Some(mesh) = self.dial.mesh.upgrade() {
            let ways = [Way::Link(Arc::clone(link)), self.on_demand()];
            mesh.lose(&self.dial.id, self.place, &ways);
        }
    }

    fn quiet(&self, link: &Arc<Link>, step: Quiet) -> bool {
        let Some(mesh) = self.dial.mesh.upgrade() else { return true };
        match step {
            Quiet::Leave => self.leaves(&*mesh, link),
            Quiet::Stay => self.stays(&*mesh, link),
            Quiet::Close => self.closes(link),
        }
    }
}
