//! [`Way`]: how a call gets to an app.

use std::sync::Arc;

use guildhall_link::Link;

use crate::call::key::KeySlot;
use crate::call::own_calls::OwnCalls;

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
}

impl Way {
    /// The id of the app.
    pub(crate) fn peer(&self) -> &str {
        match self {
            Self::Own(own) => own.peer(),
            Self::Link(link) => link.peer(),
        }
    }

    /// The connection; `None` where it is this app.
    #[inline]
    pub(super) fn link(&self) -> Option<Arc<Link>> {
        match self {
            Self::Own(_) => None,
            Self::Link(link) => Some(Arc::clone(link)),
        }
    }

    /// Calls that wait here for its replies.
    pub(super) fn waiting(&self) -> usize {
        match self {
            Self::Own(own) => own.waiting(),
            Self::Link(link) => link.waiting(),
        }
    }

    /// The app may hang.
    pub(super) fn doubt(&self) {
        if let Self::Link(link) = self {
            link.doubt();
        }
    }

    pub(super) fn is(&self, link: &Arc<Link>) -> bool {
        matches!(self, Self::Link(own) if Arc::ptr_eq(own, link))
    }
}
