//! Hosts, user and password in a URL.

use super::shown;

const PORT: u16 = 6379;
const ADDRESSES_MAX: usize = 16;

pub(super) fn addresses(hosts: &str) -> Result<Vec<String>, String> {
    let addresses: Vec<_> = hosts.split(',').map(address).collect::<Result<_, _>>()?;
    if addresses.len() > ADDRESSES_MAX {
        return Err(format!("the URL names over {ADDRESSES_MAX} hosts; name fewer"));
    }
    Ok(addresses)
}

/// `host`, `host:port`, `[v6]` or `[v6]:port`.
fn address(text: &str) -> Result<String, String> {
    let wrong = || format!("`{}` is no host and port; write redis://host:6379", shown(text));
    let behind = text.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match text.get(behind..).and_then(|rest| rest.split_once(':')) {
        Some((_, port)) => (&text[..text.len() - port.len() - 1], port.parse().ok()),
        None => (text, Some(PORT)),
    };
    let odd = |c: char| c.is_control() || c.is_whitespace() || "/?#@,".contains(c);
    let colons = host.contains(':') && !(host.starts_with('[') && host.ends_with(']'));
    match port {
        Some(port) if port > 0 && !host.is_empty() && !host.contains(odd) && !colons => {
            Ok(format!("{host}:{port}"))
        }
        _ => Err(wrong()),
    }
}

pub(super) fn credentials(login: &str) -> Result<(Option<String>, Option<String>), String> {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let some = |text: &str| Ok::<_, String>(Some(decoded(text)?).filter(|text| !text.is_empty()));
    let (user, password) = (some(user)?, some(password)?);
    if user.is_some() && password.is_none() {
        return Err(
            "the URL has a user and no password; write redis://user:password@host, or redis://:password@host"
                .to_owned(),
        );
    }
    Ok((user, password))
}

/// Percent-encoding undone. The error does not show the text, which is a secret.
fn decoded(text: &str) -> Result<String, String> {
    let wrong = || "user or password is no percent-encoded UTF-8; write % as %25".to_owned();
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(wrong()) };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| wrong())?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
