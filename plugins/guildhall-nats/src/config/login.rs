//! [`Login`]: user and password in a URL.

/// How a client names itself to a server.
#[derive(Clone)]
pub(crate) enum Login {
    Nobody,
    Token(String),
    User(String, String),
}

/// Reads what is before the `@`.
///
/// # Errors
/// What is wrong with it, without it.
pub(super) fn parse_login(login: &str) -> Result<Login, String> {
    let decoded = |text| {
        decode(text)
            .ok_or("user or password has a % that is not followed by two hex digits of a text")
    };
    Ok(match login.split_once(':') {
        Some((user, password)) => Login::User(decoded(user)?, decoded(password)?),
        None => Login::Token(decoded(login)?),
    })
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        bytes.push(match byte {
            b'%' => u8::try_from(digit(rest.next()?)? << 4 | digit(rest.next()?)?).ok()?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}
