//! hyper's HTTP/2 as tonic wants it.

use std::pin::Pin;
use std::task::{Context, Poll};

use guildhall_core::Env;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, Response};

/// hyper's sender as the service that tonic sends by.
#[derive(Clone)]
pub(super) struct Http2(pub(super) SendRequest<Body>);

impl Service<Request<Body>> for Http2 {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// hyper's tasks are the app's tasks: they end with it.
#[derive(Clone)]
pub(super) struct Tasks(pub(super) Env);

impl<F: Future<Output: Send + 'static> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.0.spawn("etcd.stream", future);
    }
}
