//! Values of the outside in SQL text.

/// A text literal, whatever `standard_conforming_strings` is.
pub(crate) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// A body between dollar quotes that it does not contain.
pub(crate) fn body(text: &str) -> String {
    let mut tag = "$guildhall$".to_owned();
    while text.contains(&tag) {
        tag.insert(1, '_');
    }
    format!("{tag}\n{}\n{tag}", text.trim_end())
}

/// A name in quotes.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A template with a value in each place `@name@`. Values are not looked at again.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    loop {
        let places =
            values.iter().filter_map(|(place, value)| Some((rest.find(place)?, place, value)));
        let Some((at, place, value)) = places.min_by_key(|(at, ..)| *at) else { break };
        filled.push_str(&rest[..at]);
        filled.push_str(value);
        rest = &rest[at + place.len()..];
    }
    filled + rest
}

#[cfg(test)]
mod tests;
