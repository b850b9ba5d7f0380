//! The links to one app, and the selection of one for each call.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use guildhall_core::Model;
use guildhall_link::{Link, Place};

use super::way::{Dial, Way};

/// The connections to an app that are open, by place.
#[derive(Debug, Default)]
pub(super) struct Open {
    links: Vec<Option<Way>>,
    load: Arc<AtomicU32>,
}

impl Open {
    /// None so far: each is dialled when a call needs it, except those that are dialled again already.
    pub(super) fn on_demand(dial: &Arc<Dial>) -> Self {
        let way = |at| (!dial.is_lost(at)).then(|| Way::Dial(Arc::clone(dial), at));
        Self { links: (0..dial.places()).map(way).collect(), load: Arc::default() }
    }

    /// Whether all are dialled on demand, at this address.
    pub(super) fn is_at(&self, dial: &Arc<Dial>) -> bool {
        self.links.iter().all(|way| matches!(way, Some(Way::Dial(at, _)) if Arc::ptr_eq(at, dial)))
    }

    /// Puts a way in the place of another; whether that one was there.
    pub(super) fn replace(&mut self, place: Place, from: &Way, to: Way) -> bool {
        let here = self.links.get_mut(place.at).and_then(Option::as_mut);
        let here = here.filter(|here| here.is_same(from));
        here.is_some_and(|here| {
            *here = to;
            true
        })
    }

    /// Takes out what is at a place, if it is one of `ways`; whether it was.
    pub(super) fn lose(&mut self, place: Place, ways: &[Way]) -> bool {
        let Some(here) = self.links.get_mut(place.at) else { return false };
        let is = here.as_ref().is_some_and(|here| ways.iter().any(|way| here.is_same(way)));
        if is {
            *here = None;
        }
        is
    }

    /// One that is dialled when a call needs it, where none is connected.
    pub(super) fn dial(&self) -> Option<&Way> {
        self.first().filter(|_| !self.is_connected())
    }

    /// Whether one is connected.
    pub(super) fn is_connected(&self) -> bool {
        self.links.iter().flatten().any(|way| !matches!(way, Way::Dial(..)))
    }

    pub(super) fn put(&mut self, place: Place, way: Way) {
        self.links.resize(self.links.len().max(place.of), None);
        self.links[place.at] = Some(way);
    }

    /// What the app has told of its load.
    pub(super) fn set_load(&self, load: u32) {
        self.load.store(load, Ordering::Relaxed);
    }

    pub(super) fn has(&self, link: &Arc<Link>) -> bool {
        self.links.iter().flatten().any(|open| open.is(link))
    }

    /// The app at the other end may hang. What was not connected yet is lost.
    pub(super) fn doubt(&mut self) {
        for place in &mut self.links {
            place.iter().for_each(Way::doubt);
            if place.as_ref().is_some_and(Way::is_lost) {
                *place = None;
            }
        }
    }

    /// Takes one out; whether it was there.
    pub(super) fn remove(&mut self, link: &Arc<Link>) -> bool {
        let was = self.has(link);
        let found = self.links.iter_mut().find(|it| it.as_ref().is_some_and(|it| it.is(link)));
        found.into_iter().for_each(|place| *place = None);
        was
    }

    /// `None` when none is open.
    pub(super) fn first(&self) -> Option<&Way> {
        self.links.iter().flatten().next()
    }

    /// `None` when none is open.
    pub(super) fn links(&self) -> Option<Links> {
        let first = self.first()?.clone();
        let places = self.links.len();
        // A place without a connection has its neighbour's.
        let near = |at| self.links.iter().cycle().skip(at).take(places).flatten().next().cloned();
        let all = || (0..places).filter_map(near).collect();
        let more =
            (places > 1).then(|| Arc::new(Places { links: all(), next: AtomicUsize::new(0) }));
        Some(Links { first, more, load: Arc::clone(&self.load) })
    }
}

/// What calls to one app take.
#[derive(Clone, Debug)]
pub(super) struct Links {
    first: Way,
    /// All places, where there are several.
    more: Option<Arc<Places>>,
    load: Arc<AtomicU32>,
}

#[derive(Debug)]
struct Places {
    links: Vec<Way>,
    /// Whose turn it is among calls that have no order.
    next: AtomicUsize,
}

impl Links {
    /// What carries all that is in one order, whatever its key.
    pub(super) fn first(&self) -> &Way {
        &self.first
    }

    /// What the app has told of its load.
    pub(super) fn load(&self) -> u32 {
        self.load.load(Ordering::Relaxed)
    }

    /// Calls that wait here for the app's replies.
    pub(super) fn waiting(&self) -> usize {
        match &self.more {
            None => self.first.waiting(),
            Some(places) => places.links.iter().map(|way| way.waiting()).sum(),
        }
    }

    /// What carries a call whose key falls to `slot`.
    #[inline]
    pub(super) fn pick(&self, model: Model, slot: Option<u32>) -> &Way {
        match &self.more {
            None => &self.first,
            Some(places) => places.pick(model, slot).unwrap_or(&self.first),
        }
    }
}

impl Places {
    /// `None` where the order is that of all calls and not that of a key.
    fn pick(&self, model: Model, slot: Option<u32>) -> Option<&Way> {
        let at = match (model, slot) {
            (Model::Concurrent | Model::Actor, Some(slot)) => slot as usize,
            (Model::Concurrent, None) => self.next.fetch_add(1, Ordering::Relaxed),
            _ => return None,
        };
        self.links.get(at % self.links.len())
    }
}
