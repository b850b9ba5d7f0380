//! A server that answers what a test wants.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use guildhall_core::Env;
use guildhall_http::Io;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use prost::Message;

/// What a fake server answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// These messages, and then the end of the stream without an error.
    Whole(Vec<Bytes>),
    /// These messages, and then nothing more.
    Open(Vec<Bytes>),
}

impl Answer {
    pub(crate) fn one(message: &impl Message) -> Self {
        Self::Whole(vec![message.encode_to_vec().into()])
    }
}

/// Runs a fake server, which is asked for a method (`Range`) with the bytes of the first message; its address.
pub(crate) async fn fake(answer: impl Fn(&str, Bytes) -> Answer + Send + Sync + 'static) -> String {
    let (env, answer) = (Env::real(), Arc::new(answer));
    let (listener, address) = env.listen("test", "127.0.0.1:0").await.unwrap();
    env.clone().spawn("test.fake", async move {
        while let Ok(accepted) = listener.accept().await {
            let Ok(conn) = (accepted.attach)() else { continue };
            let answer = Arc::clone(&answer);
            let service = service_fn(move |request| answered(request, Arc::clone(&answer)));
            let serving =
                http2::Builder::new(Tasks(env.clone())).serve_connection(Io::new(conn), service);
            env.spawn("test.fake", async { drop(serving.await) });
        }
    });
    address.to_string()
}

async fn answered(
    request: Request<Incoming>,
    answer: Arc<impl Fn(&str, Bytes) -> Answer>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
    let first = request.into_body().frame().await;
    let first = first.and_then(|frame| frame.ok()?.into_data().ok()).unwrap_or_default();
    let message = first.get(5..).map(Bytes::copy_from_slice).unwrap_or_default();
    let (messages, is_open) = match answer(&method, message) {
        Answer::Whole(messages) => (messages, false),
        Answer::Open(messages) => (messages, true),
    };
    let frames = messages.into_iter().map(|message| {
        let mut frame = BytesMut::new();
        frame.put_u8(0);
        frame.put_u32(u32::try_from(message.len()).unwrap());
        frame.extend_from_slice(&message);
        Frame::data(frame.freeze())
    });
    let end = [Frame::trailers(
        [("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect(),
    )];
    let end = stream::iter(end).filter(move |_| std::future::ready(!is_open));
    let rest = stream::pending().take(usize::from(is_open));
    let body = stream::iter(frames).chain(end).chain(rest).map(Ok);
    let response = Response::builder().header("content-type", "application/grpc");
    Ok(response.body(StreamBody::new(body)).unwrap())
}

#[derive(Clone)]
struct Tasks(Env);

impl<F: Future<Output: Send + 'static> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        self.0.spawn("test.stream", future);
    }
}
