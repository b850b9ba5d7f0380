//! What an operator does to a server, by etcd's JSON over HTTP/1.1.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use servers::Server;

/// Posts a request that must succeed; the answer's text.
pub(crate) fn post(server: &Server, path: &str, body: &str) -> String {
    let (head, answer) = request(server, "POST", path, body);
    assert!(head.starts_with("HTTP/1.1 200"), "{path} {body}: {head}\n{answer}");
    answer
}

/// Posts a request; whether it succeeded, and the answer's text.
pub(crate) fn try_post(server: &Server, path: &str, body: &str) -> (bool, String) {
    let (head, answer) = request(server, "POST", path, body);
    (head.starts_with("HTTP/1.1 200"), answer)
}

/// The value of a metric.
pub(crate) fn metric(server: &Server, name: &str) -> f64 {
    let (_, text) = request(server, "GET", "/metrics", "");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no metric {name}")).trim().parse().unwrap()
}

/// The texts of a field, wherever it is in an answer.
pub(crate) fn fields<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("\"{name}\":\"");
    let parts = answer.split(&start).skip(1);
    parts.map(|part| part.split('"').next().unwrap()).collect()
}

/// etcd's JSON has bytes in base 64.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |n: usize| u32::from(three.get(n).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            text.push(if n > three.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

fn request(server: &Server, method: &str, path: &str, body: &str) -> (String, String) {
    let (address, length) = (server.address(), body.len());
    let mut stream = TcpStream::connect(&address).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}
