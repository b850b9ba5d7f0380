//! URLs of backends, as they may be shown.

/// A URL for logs, errors and lists: without user, password and options, any of which may be a secret.
///
/// ```
/// use guildhall_core::backend::without_secrets;
/// assert_eq!(without_secrets("postgres://game:secret@10.0.0.1/game?schema=g"), "postgres://10.0.0.1/game");
/// assert_eq!(without_secrets("hub://127.0.0.1:7100"), "hub://127.0.0.1:7100");
/// assert_eq!(without_secrets("redb:./data"), "redb:./data");
/// ```
pub fn without_secrets(url: &str) -> String {
    let scheme = |url: &str| url.split(':').next().unwrap_or_default().to_owned();
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let (base, options) = url.split_at(end);
    // A password may hold any character, so where it ends is not known then.
    if options.contains('@') {
        return format!("{}:…", scheme(url));
    }
    match (base.split_once("://"), base.rsplit_once('@')) {
        (_, None) => base.to_owned(),
        (Some((scheme, _)), Some((_, server))) => format!("{scheme}://{server}"),
        (None, Some(_)) => format!("{}:…", scheme(url)),
    }
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn no_part_of_a_password_is_shown_whatever_it_holds() {
        for url in [
            "redis://:hunter2@h:6379/0",
            "redis://u:hun@ter2@h:6379/0",
            "redis://u:hun/ter2@h:6379/0",
            "redis://u:hun?ter2@h:6379/0",
            "redis://u:hun#ter2@h:6379/0",
            "redis://h:6379/0?password=hunter2",
            "redis://h:6379/0?password=hun@ter2",
            "redis://h:6379/0#hunter2",
            "nats://u:hunter2@h:1,u:hunter2@h:2",
            "nats:u:hunter2@h",
            "etcd://u:hun://ter2@h",
        ] {
            let shown = without_secrets(url);
            assert!(!shown.contains("hun") && !shown.contains("ter2"), "{url}: {shown}");
            let scheme = &url[..4];
            assert!(shown.starts_with(scheme), "{url}: {shown}");
        }
        assert_eq!(without_secrets(""), "");
        assert_eq!(without_secrets("static:127.0.0.1:1,[::1]:2"), "static:127.0.0.1:1,[::1]:2");
    }
}
