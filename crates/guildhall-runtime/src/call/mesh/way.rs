//! [`Way`]: how a call gets to an app.

mod dial;

use std::sync::Arc;

use guildhall_link::Link;

use crate::call::key::KeySlot;
use crate::call::own_calls::OwnCalls;

pub(crate) use dial::{Dial, Ways};

/// Where a call goes.
pub(crate) struct Route {
    /// `None`: to this app itself.
    pub(crate) link: Option<Arc<Link>>,
    /// The slot of the key, where that is known.
    pub(crate) slot: Option<KeySlot>,
    /// All calls of the method to the slot go there, as the mesh is.
    pub(crate) is_fixed: bool,
}

/// How a call gets to an app.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// It is this app.
    Own(Arc<OwnCalls>),
    /// Over a connection.
    Link(Arc<Link>),
    /// Over a connection that is dialled when a call needs it; with which of several.
    Dial(Arc<Dial>, usize),
}

impl Way {
    /// The id of the app.
    pub(crate) fn peer(&self) -> &str {
        match self {
            Self::Own(own) => own.peer(),
            Self::Link(link) => link.peer(),
            Self::Dial(dial, _) => dial.peer(),
        }
    }

    /// The connection; `None` where it is this app.
    #[inline]
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        match self {
            Self::Own(_) => None,
            Self::Link(link) => Some(Arc::clone(link)),
            Self::Dial(dial, at) => Some(dial.link(*at)),
        }
    }

    /// Calls that wait here for its replies.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::Own(own) => own.waiting(),
            Self::Link(link) => link.waiting(),
            Self::Dial(dial, at) => dial.waiting(*at),
        }
    }

    /// The app may hang.
    pub(super) fn doubt(&self) {
        match self {
            Self::Own(_) => {}
            Self::Link(link) => link.doubt(),
            Self::Dial(dial, _) => dial.doubt(),
        }
    }

    /// Whether it is dialled again after it was lost.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Dial(dial, at) if dial.is_lost(*at))
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Own(one), Self::Own(other)) => Arc::ptr_eq(one, other),
            (Self::Link(one), Self::Link(other)) => Arc::ptr_eq(one, other),
            (Self::Dial(one, at), Self::Dial(other, there)) => {
                Arc::ptr_eq(one, other) && at == there
            }
            _ => false,
        }
    }

    pub(super) fn is(&self, link: &Arc<Link>) -> bool {
        matches!(self, Self::Link(own) if Arc::ptr_eq(own, link))
    }
}
