//! Rust source as names and marks with their lines: as much of the language as it takes to find modules and imports, also inside
//! macros, which a parser of Rust leaves as they are.

/// A piece of source. Comments, lifetimes and numbers are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) line: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword, without `r#`.
    Name,
    /// `::`, or one character.
    Mark,
    /// A string in quotes, with them.
    Text,
}

/// The tokens of a file, in order.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut scan = Scan { source, at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(first) = scan.rest().chars().next() {
        let (start, line) = (scan.at, scan.line);
        let kind = scan.take(first);
        let text = &source[start..scan.at];
        if let Some(kind) = kind {
            found.push(Token { kind, text: text.strip_prefix("r#").unwrap_or(text), line });
        }
    }
    found
}

struct Scan<'a> {
    source: &'a str,
    at: usize,
    line: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    /// Moves behind the next piece, which begins with `first`.
    fn take(&mut self, first: char) -> Option<Kind> {
        let rest = self.rest();
        if rest.starts_with("//") {
            self.pass(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.pass(comment(rest));
        } else if let Some(length) = quoted(rest) {
            self.pass(length);
            return Some(Kind::Text);
        } else if first == '\'' {
            self.pass(letter_or_lifetime(rest));
        } else if first.is_ascii_digit() {
            self.pass(word(rest));
        } else if first == '_' || first.is_alphanumeric() {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            self.pass(raw + word(&rest[raw..]));
            return Some(Kind::Name);
        } else if rest.starts_with("::") {
            self.pass(2);
            return Some(Kind::Mark);
        } else {
            self.pass(first.len_utf8());
            return (!first.is_whitespace()).then_some(Kind::Mark);
        }
        None
    }

    fn pass(&mut self, length: usize) {
        let passed = &self.rest()[..length];
        self.line += passed.matches('\n').count();
        self.at += length;
    }
}

/// How long the word is that the text begins with.
fn word(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len())
}

/// How long the block comment is, with those inside it.
fn comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// How long the string is that the text begins with: plain, of bytes, of C, or raw.
fn quoted(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| {
        let behind = text.strip_prefix(prefix);
        behind.is_some_and(|behind| behind.trim_start_matches('#').starts_with('"'))
    });
    let prefix = prefix.unwrap_or_default();
    let behind = &text[prefix.len()..];
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let open = prefix.len() + hashes;
    if !text[open..].starts_with('"') {
        return None;
    }
    let inside = &text[open + 1..];
    if prefix.ends_with('r') {
        let close = format!("\"{}", "#".repeat(hashes));
        return Some(inside.find(&close).map_or(text.len(), |at| open + 1 + at + close.len()));
    }
    if hashes > 0 {
        return None;
    }
    let mut escaped = false;
    for (at, letter) in inside.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(open + 1 + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// How long `'a'` or `'a` is, which the text begins with.
fn letter_or_lifetime(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            let escaped = letters.next().map_or(text.len(), |(at, letter)| at + letter.len_utf8());
            text[escaped..].find('\'').map_or(text.len(), |at| escaped + at + 1)
        }
        Some(_) => match letters.next() {
            Some((at, '\'')) => at + 1,
            _ => 1 + word(&text[1..]),
        },
        None => text.len(),
    }
}
