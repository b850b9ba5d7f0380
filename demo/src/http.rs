//! One request to an HTTP server, on a connection of its own, with a JSON answer.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request};
use serde_json::Value;

use guildhall::env::Env;
use guildhall::http::Io;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer, in bytes.
const ANSWER_MAX: usize = 16 << 10;

/// An answer: the HTTP code and the JSON.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
}

/// Posts `body` to `http://address/path`.
pub(crate) async fn post(
    env: &Env,
    address: &str,
    path: &str,
    body: &Value,
) -> Result<Answer, String> {
    request(env, Method::POST, address, path, body.to_string()).await
}

/// Gets `http://address/path`.
pub(crate) async fn get(env: &Env, address: &str, path: &str) -> Result<Answer, String> {
    request(env, Method::GET, address, path, String::new()).await
}

async fn request(
    env: &Env,
    method: Method,
    address: &str,
    path: &str,
    body: String,
) -> Result<Answer, String> {
    let wrong = |why: String| format!("http://{address}{path}: {why}");
    let answer = env.until(env.now() + TIMEOUT, send(env, method, address, path, body)).await;
    answer.unwrap_or_else(|| Err(format!("no answer within {TIMEOUT:?}"))).map_err(wrong)
}

async fn send(
    env: &Env,
    method: Method,
    address: &str,
    path: &str,
    body: String,
) -> Result<Answer, String> {
    let conn = env.net().connect(address).await.map_err(|e| e.to_string())?;
    let io = Io::new(conn);
    let (mut sender, conn) =
        hyper::client::conn::http1::handshake(io).await.map_err(|e| e.to_string())?;
    env.spawn("http", async move {
        if let Err(error) = conn.await {
            tracing::debug!(%error, "connection to the HTTP server ended");
        }
    });
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", address)
        .header("content-type", "application/json")
        .header("connection", "close")
        .body(Full::new(Bytes::from(body)))
        .map_err(|e| e.to_string())?;
    let response = sender.send_request(request).await.map_err(|e| e.to_string())?;
    let code = response.status().as_u16();
    let body = Limited::new(response.into_body(), ANSWER_MAX).collect().await;
    let body = body.map_err(|e| e.to_string())?.to_bytes();
    let body = serde_json::from_slice(&body).map_err(|e| format!("HTTP {code}, no JSON: {e}"))?;
    Ok(Answer { code, body })
}
