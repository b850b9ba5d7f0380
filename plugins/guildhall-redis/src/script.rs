//! Scripts that run on the server, each in one atomic step, and their arguments.

use guildhall_core::store::Holder;

/// What a script is given: one text after the other, as it takes them.
#[derive(Default)]
pub(crate) struct Args(Vec<Vec<u8>>);

impl Args {
    pub(crate) fn bytes(&mut self, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.0.push(bytes.into());
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn uint(&mut self, number: u64) -> &mut Self {
        self.bytes(number.to_string())
    }

    pub(crate) fn count(&mut self, count: usize) -> &mut Self {
        self.bytes(count.to_string())
    }

    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.text(if flag { "1" } else { "0" })
    }

    pub(crate) fn holder(&mut self, holder: &Holder) -> &mut Self {
        self.bytes(holder_text(holder))
    }

    pub(crate) fn as_slice(&self) -> &[Vec<u8>] {
        &self.0
    }
}

/// App and incarnation with a space between them, which is in neither.
pub(crate) fn holder_text(holder: &Holder) -> String {
    format!("{} {}", holder.app, holder.incarnation.0)
}

/// Reads [`holder_text`].
pub(crate) fn holder_of(text: &str) -> Result<Holder, String> {
    let wrong = || format!("`{}` is no holder", text.chars().take(80).collect::<String>());
    let (app, incarnation) = text.split_once(' ').ok_or_else(wrong)?;
    let app = app.parse().map_err(|_| wrong())?;
    let incarnation = guildhall_core::Incarnation(crate::reply::uint(incarnation)?);
    Ok(Holder { app, incarnation })
}

/// A script of `src/lua`, with what others of that folder say before it.
macro_rules! script {
    ($($name:literal),+) => {
        redis::Script::new(concat!(
            $(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lua/", $name, ".lua"))),+
        ))
    };
}
pub(crate) use script;
