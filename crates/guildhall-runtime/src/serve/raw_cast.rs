//! Raw casts: bytes with a 16-bit command to one app, for games with a codec of their own.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use guildhall_core::{Address, AppId, BoxFuture, KeyText, StartError, Status};
use parking_lot::Mutex;

use crate::call::{Cx, Target};
use crate::proto::{Raw, RawClient, RawMsg};

/// How many unknown commands are named in the log.
const NAMED_MAX: usize = 64;

pub(crate) type RawHandler = Box<dyn Fn(Cx, AppId, Bytes) -> BoxFuture<'static, ()> + Send + Sync>;

/// The handlers of an app, by command.
#[derive(Default)]
pub(crate) struct RawHandlers {
    by_command: BTreeMap<u16, RawHandler>,
    unknown: Mutex<BTreeSet<u32>>,
}

impl RawHandlers {
    pub(crate) fn new(handlers: Vec<(u16, RawHandler)>) -> Result<Self, StartError> {
        let mut all = Self::default();
        for (command, handler) in handlers {
            if all.by_command.insert(command, handler).is_some() {
                let why = format!("on_raw({command}, ..) is there twice; drop one");
                return Err(StartError::program(why));
            }
        }
        Ok(all)
    }

    fn unknown(&self, cx: &Cx, command: u32) {
        cx.core.counters.raw_unknown.add(1);
        let mut unknown = self.unknown.lock();
        if unknown.len() < NAMED_MAX && unknown.insert(command) {
            let from = cx.caller();
            tracing::warn!(command, ?from, "no handler for a raw cast: App::on_raw");
        }
    }
}

impl Raw for RawHandlers {
    async fn cast(&self, cx: &Cx, req: RawMsg) -> Result<(), Status> {
        let handler = u16::try_from(req.command).ok().and_then(|it| self.by_command.get(&it));
        match handler {
            Some(handler) => {
                let from = cx.caller().unwrap_or_else(|| cx.app_id()).clone();
                handler(cx.clone(), from, req.body).await;
            }
            None => self.unknown(cx, req.command),
        }
        Ok(())
    }
}

impl Cx {
    /// Casts bytes to exactly one app, where the handler of `command` (`App::on_raw`) gets them. `Ok` means that they were queued.
    /// Casts from one app to another arrive in order while the link exists. `link.frame_max` bounds the size.
    ///
    /// # Errors
    /// NO_ROUTE: no link to that app. OVERLOADED: the queue is full. TOO_LARGE: the frame exceeds the limit. Always `NotRun`.
    pub fn raw_cast(
        &self,
        to: impl Into<Address>,
        command: u16,
        bytes: impl Into<Bytes>,
    ) -> Result<(), Status> {
        let (to, req) =
            (Target::At(to.into()), RawMsg { command: command.into(), body: bytes.into() });
        crate::call::cast(self, RawClient::CAST.desc, &to, |_| KeyText::None, req)
    }
}
