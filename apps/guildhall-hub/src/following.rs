//! The service by which clients ask for the next items of their streams.

use guildhall_core::Status;
use guildhall_hub::proto::{NextReq, NextRsp, StreamRsp, Streams};
use guildhall_runtime::Cx;

use crate::hub::Hub;

impl Streams for Hub {
    async fn next(&self, _cx: &Cx, req: NextReq) -> Result<NextRsp, Status> {
        Ok(self.parts()?.streams.next(&req).await)
    }

    async fn close(&self, _cx: &Cx, req: StreamRsp) -> Result<(), Status> {
        self.parts()?.streams.close(req.stream);
        Ok(())
    }
}
