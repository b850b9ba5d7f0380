//! The service of a gate, through which sessions and apps send to clients.

use std::sync::Arc;

use guildhall_core::Status;
use guildhall_runtime::Cx;
use guildhall_runtime::proto::{DeliverAllReq, DeliverReq, Gate, SessionReq};
use guildhall_wire::Generation;

use crate::edge::Shared;
use crate::push::Push;

/// Serves [`Gate`] for the clients of one gate.
pub(crate) struct Deliveries(pub(crate) Arc<Shared>);

impl Gate for Deliveries {
    async fn deliver(&self, _cx: &Cx, req: DeliverReq) -> Result<(), Status> {
        let push = Push::new(&self.0, req.seq, req.method, &req.body);
        let put = |client: &_, out: &mut _| push.put(client, out);
        let login = Generation { epoch: req.epoch, number: req.generation };
        if !self.0.clients.push(&req.player, login, req.seq, put) {
            push.dropped();
        }
        Ok(())
    }

    async fn deliver_all(&self, _cx: &Cx, req: DeliverAllReq) -> Result<(), Status> {
        let push = Push::new(&self.0, 0, req.method, &req.body);
        for client in self.0.clients.all() {
            if client.player != req.except && !client.out.put(|out| push.put(&client, out)) {
                push.dropped();
            }
        }
        Ok(())
    }

    async fn kick(&self, _cx: &Cx, req: SessionReq) -> Result<(), Status> {
        self.0.clients.kick(&req.player, &req.session);
        Ok(())
    }
}
