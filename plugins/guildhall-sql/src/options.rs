//! [`Url`]: the URL of a store, and what it says.

/// A URL with its options, as far as nobody has taken them.
#[derive(Debug)]
pub struct Url<'a> {
    /// All that is before the `?`.
    pub base: &'a str,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Url<'a> {
    /// Takes a URL to pieces.
    pub fn new(url: &'a str) -> Self {
        let (base, options) = url.split_once('?').unwrap_or((url, ""));
        let options = options.split('&').filter(|option| !option.is_empty());
        let options = options.map(|option| option.split_once('=').unwrap_or((option, "")));
        Self { base, options: options.collect() }
    }

    /// Takes the options with this name out, and returns the last.
    pub fn take(&mut self, name: &str) -> Option<&'a str> {
        let value = self.options.iter().rfind(|(known, _)| *known == name).map(|(_, value)| *value);
        self.options.retain(|(known, _)| *known != name);
        value
    }

    /// Takes an option that is a number.
    ///
    /// # Errors
    /// Says which numbers it may be.
    pub fn take_number(
        &mut self,
        name: &str,
        default: u32,
        least: u32,
        most: u32,
    ) -> Result<u32, String> {
        let Some(text) = self.take(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|n| (least..=most).contains(n));
        number.ok_or_else(|| format!("option `{name}` is `{text}`; write {least} to {most}"))
    }

    /// The options that nobody has taken, as they were written.
    pub fn rest(&self) -> String {
        let rest = self.options.iter().map(|(name, value)| format!("{name}={value}"));
        rest.collect::<Vec<_>>().join("&")
    }

    /// The name of an option that nobody has taken.
    pub fn unknown(&self) -> Option<&'a str> {
        self.options.first().map(|(name, _)| *name)
    }
}

/// The name of a schema that needs no quotes.
///
/// # Errors
/// Says what to write.
pub fn checked_schema(text: &str) -> Result<String, String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.starts_with("pg_");
    if starts && text.len() <= 63 && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "`{text}` is no schema; write 1 to 63 of a-z, 0-9 and _, a letter first, and not pg_"
    ))
}

#[cfg(test)]
mod tests;
