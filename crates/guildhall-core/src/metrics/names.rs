//! Valid names of metrics and labels.

use super::Spec;
use super::text::Kind;

pub(super) fn check(spec: &Spec<'_>) -> Result<(), String> {
    if !is_name(spec.name, true) {
        return Err("a name is letters, digits, `_` and `:`, and begins with no digit".into());
    }
    for (at, label) in spec.labels.iter().enumerate() {
        let why = if !is_name(label, false) {
            "is not letters, digits and `_` without a digit at the beginning"
        } else if label.starts_with("__") || matches!(*label, "le" | "quantile") {
            "is reserved"
        } else if spec.labels[..at].contains(label) {
            "is there twice"
        } else {
            continue;
        };
        return Err(format!("the label `{label}` {why}; name it otherwise"));
    }
    let ascend = spec.bounds.iter().all(|bound| bound.is_finite())
        && spec.bounds.windows(2).all(|pair| pair[0] < pair[1]);
    if !ascend {
        return Err(format!("the bounds {:?} must be finite and ascend", spec.bounds));
    }
    Ok(())
}

/// Refuses a name whose lines could be taken for those of another metric: `x_count` beside the histogram `x`.
pub(super) fn check_free<'a>(
    spec: &Spec<'_>,
    present: impl Iterator<Item = (&'a str, Kind)>,
) -> Result<(), String> {
    for (name, kind) in present {
        let clash = lines(spec.name, spec.kind).find(|line| lines(name, kind).any(|l| l == *line));
        if let Some(line) = clash {
            let kind = kind.name();
            return Err(format!("`{line}` is also a line of the {kind} `{name}`; rename one"));
        }
    }
    Ok(())
}

/// The names of the lines of a metric.
fn lines(name: &str, kind: Kind) -> impl Iterator<Item = String> {
    let suffixes = match kind {
        Kind::Counter | Kind::Gauge => &[""][..],
        Kind::Histogram => &["", "_bucket", "_sum", "_count"],
        Kind::Summary => &["", "_sum", "_count"],
    };
    suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
}

fn is_name(name: &str, colons: bool) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colons && c == ':');
    name.chars().all(fits) && name.chars().next().is_some_and(|first| !first.is_ascii_digit())
}
