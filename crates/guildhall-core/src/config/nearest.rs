//! Finds the known key that is most similar to an unknown one.

/// How many known keys are listed when none is near.
const LISTED_MAX: usize = 12;

/// `did you mean ..?`, or the known keys when none is near.
pub fn hint<'a>(key: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known.clone().map(|k| (distance(key, k), k)).min();
    match near {
        Some((d, k)) if d <= 2.max(key.len() / 4) => format!("did you mean `{k}`?"),
        Some(_) => {
            let listed: Vec<_> = known.clone().take(LISTED_MAX).map(|k| format!("`{k}`")).collect();
            let more = if known.count() > LISTED_MAX { ", .." } else { "" };
            format!("known are {}{more}", listed.join(", "))
        }
        None => "none is known here".to_owned(),
    }
}

/// How many characters must be changed, added or removed to get from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
