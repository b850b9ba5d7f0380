//! As much of HTTP/1.1 as a page for the operator needs: one GET per connection.

use std::io::{ErrorKind, Result};

use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Bytes of a request's head, which is all that is read of it.
const HEAD_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 64;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) code: u16,
    pub(super) kind: &'static str,
    pub(super) body: String,
}

impl Page {
    pub(super) fn text(code: u16, body: impl Into<String>) -> Self {
        Self { code, kind: "text/plain; charset=utf-8", body: body.into() }
    }
}

/// Reads one request and answers it with what `page` has for its path.
pub(super) async fn answer(
    mut conn: impl AsyncRead + AsyncWrite + Unpin,
    page: impl FnOnce(&str) -> Page,
) -> Result<()> {
    let mut head = Vec::with_capacity(1024);
    let (page, wants_body) = loop {
        if conn.read_buf(&mut head).await? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        match read(&head) {
            Ok(Some(Request { is_head, path })) => break (page(&path), !is_head),
            Ok(None) if head.len() < HEAD_MAX => {}
            Ok(None) => break (Page::text(431, "the head of the request is too long\n"), true),
            Err(refusal) => break (refusal, true),
        }
    };
    let Page { code, kind, body } = page;
    let (reason, length) = (reason(code), body.len());
    let allow = if code == 405 { "Allow: GET, HEAD\r\n" } else { "" };
    let mut answer = format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Connection: close\r\n\r\n"
    );
    if wants_body {
        answer.push_str(&body);
    }
    conn.write_all(answer.as_bytes()).await?;
    // What is closed with something unread is reset, and the answer may be lost.
    for _ in 0..8 {
        if !matches!(conn.read(&mut [0; 1024]).now_or_never(), Some(Ok(1..))) {
            break;
        }
    }
    conn.shutdown().await
}

#[derive(Debug, PartialEq, Eq)]
struct Request {
    is_head: bool,
    path: String,
}

/// The request, or nothing while its head is not whole, or why it is refused.
fn read(head: &[u8]) -> std::result::Result<Option<Request>, Page> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => return Ok(None),
        Ok(httparse::Status::Complete(_)) => {}
        Err(error) => return Err(Page::text(400, format!("this is no HTTP request: {error}\n"))),
    }
    let is_head = match request.method {
        Some("GET") => false,
        Some("HEAD") => true,
        _ => return Err(Page::text(405, "only GET and HEAD\n")),
    };
    let path = request.path.unwrap_or_default();
    let path = path.split_once('?').map_or(path, |(path, _)| path).to_owned();
    Ok(Some(Request { is_head, path }))
}

fn reason(code: u16) -> &'static str {
    match code {
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large",
        _ => "Service Unavailable",
    }
}
