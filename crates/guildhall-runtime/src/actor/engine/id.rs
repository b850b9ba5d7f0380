//! [`Id`]: `NAME/key` of an actor, in place unless it is long: finding an actor reads no other memory, and making one allocates less.

use std::fmt;
use std::ops::Deref;

/// Most bytes of an id that is kept in place: with them it takes three words.
const SHORT: usize = 22;

/// `NAME/key`.
pub(crate) struct Id(Form);

enum Form {
    Short { len: u8, text: [u8; SHORT] },
    Long(Box<str>),
}

impl Id {
    pub(crate) fn new(name: &str, key: &str) -> Self {
        let all = name.len() + 1 + key.len();
        let Some(len) = u8::try_from(all).ok().filter(|_| all <= SHORT) else {
            return Self(Form::Long([name, "/", key].concat().into()));
        };
        let mut text = [b'/'; SHORT];
        text[..name.len()].copy_from_slice(name.as_bytes());
        text[name.len() + 1..all].copy_from_slice(key.as_bytes());
        Self(Form::Short { len, text })
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Short { len, text } => &text[..usize::from(*len)],
            Form::Long(text) => text.as_bytes(),
        }
    }
}

impl Deref for Id {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match &self.0 {
            // It was text.
            Form::Short { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Form::Long(text) => text,
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{Id, SHORT};

    #[test]
    fn an_id_is_its_name_and_its_key_however_long_they_are() {
        for len in 0..=SHORT + 2 {
            let key = "ü".repeat(len) + "k";
            let id = Id::new("name", &key);
            assert_eq!(&*id, format!("name/{key}"));
            assert_eq!(id.as_bytes(), id.to_string().as_bytes());
            assert_eq!(&id["name/".len()..], key);
        }
    }

    #[test]
    fn an_id_takes_three_words() {
        assert_eq!(size_of::<Id>(), 3 * size_of::<usize>());
    }
}
