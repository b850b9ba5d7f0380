//! [`Instances`]: the apps that serve one service or actor type.

use std::sync::Arc;

use guildhall_core::discovery::NodeRecord;
use guildhall_core::status::reason;
use guildhall_core::{Code, KeyText, MethodDesc, Status, slot_of};

use super::group::Group;
use super::links::Links;
use super::rendezvous::LazySlots;

/// An app that serves a service.
pub(super) type Member<'a> = (&'a NodeRecord, Links);

/// The ready instances of one service, or of one actor type: all its services together.
#[derive(Debug)]
pub(super) struct Instances {
    /// By ascending id.
    pub(super) links: Vec<(u32, Links)>,
    pub(super) weight: u64,
    /// Which of `links` is the smallest that takes work.
    pub(super) single: usize,
    pub(super) slots: LazySlots,
    pub(super) actor: Option<Arc<str>>,
    pub(super) group: Group,
}

impl Instances {
    /// `slots`: of actor types that say none. `before`: what the group was.
    pub(super) fn new(
        group: &Group,
        members: Vec<Member<'_>>,
        slots: u32,
        before: Option<&Self>,
    ) -> Arc<Self> {
        let ids = members.iter().map(|(record, _)| (record.id.clone(), record.weight)).collect();
        let slots = group.slots(&members).unwrap_or(slots);
        let slots = LazySlots::new(ids, slots, before.map(|before| &before.slots));
        if group.actor().is_some() {
            slots.get();
        }
        Arc::new(Self {
            weight: members.iter().map(|(record, _)| u64::from(record.weight)).sum(),
            single: members.iter().position(|(r, _)| r.weight > 0).unwrap_or_default(),
            links: members.into_iter().map(|(record, links)| (record.weight, links)).collect(),
            actor: group.actor().map(Into::into),
            slots,
            group: group.clone(),
        })
    }

    pub(super) fn slot(&self, method: &MethodDesc, key: KeyText<'_>) -> Result<u32, Status> {
        key.with_text(|key| match key {
            Ok(key) => Ok(slot_of(key, self.slots.count())),
            Err(why) => {
                let why = format!("{}: {why}", method.path);
                Err(Status::not_run(Code::InvalidArgument, reason::BAD_KEY, why))
            }
        })
    }
}
