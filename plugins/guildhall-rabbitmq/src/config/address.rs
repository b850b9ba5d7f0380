//! What is before the options of a URL.

use guildhall_tls::without_scheme;
use lapin::uri::AMQPUri;

use super::FORM;

/// Seconds between heartbeats; a server that is silent for twice as long is lost.
const HEARTBEAT: u16 = 10;

/// What a URL says of the server.
pub(super) struct Server {
    pub(super) uri: AMQPUri,
    pub(super) addresses: Vec<String>,
    pub(super) is_encrypted: bool,
}

/// User, password and virtual host; and the addresses, which lapin would have one of.
pub(super) fn server(base: &str) -> Result<Server, String> {
    let (is_encrypted, rest) = without_scheme(base, "amqp").ok_or(FORM)?;
    let port = if is_encrypted { "5671" } else { "5672" };
    let (authority, vhost) = rest.split_once('/').unwrap_or((rest, "%2f"));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let addresses: Vec<String> =
        hosts.split(',').map(|text| address(text, port)).collect::<Result<_, _>>()?;
    let at = if user.is_empty() { "" } else { "@" };
    let vhost = if vhost.is_empty() { "%2f" } else { vhost };
    // What is wrong in it may be the password.
    let uri: Result<AMQPUri, _> = format!("amqp://{user}{at}host/{vhost}").parse();
    let mut uri = uri.map_err(|_| {
        format!("user, password or vhost has characters that must be written as %..; {FORM}")
    })?;
    uri.query.heartbeat = Some(HEARTBEAT);
    Ok(Server { uri, addresses, is_encrypted })
}

/// `host:port` with the port that is meant.
fn address(text: &str, default: &str) -> Result<String, String> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, default),
    };
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let fits_6 = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '.' | '[' | ']');
    let is_host =
        !host.is_empty() && (host.chars().all(fits) || is_bracketed && host.chars().all(fits_6));
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    if !is_host || !is_port {
        // It may be a part of a password.
        return Err(format!(
            "no hosts with ports are in it; special characters of a password are written as %..; {FORM}"
        ));
    }
    Ok(format!("{host}:{port}"))
}
