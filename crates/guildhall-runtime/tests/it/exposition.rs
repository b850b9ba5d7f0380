//! A strict reader of Prometheus' text format, so that what it takes is taken anywhere.

use std::collections::BTreeMap;

/// One metric.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) help: String,
    pub(crate) kind: String,
    /// By name and labels.
    pub(crate) lines: BTreeMap<(String, Vec<(String, String)>), f64>,
}

/// All metrics of a text, by name. Panics at what the format does not allow.
pub(crate) fn read(text: &str) -> BTreeMap<String, Read> {
    let mut all: BTreeMap<String, Read> = BTreeMap::new();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line has no end");
    let mut present = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(head) = line.strip_prefix("# HELP ") {
            let (name, help) = head.split_once(' ').unwrap();
            let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{kind}");
            let (help, kind) = (unescape(help, false), kind.to_owned());
            let before = all.insert(name.to_owned(), Read { help, kind, ..Read::default() });
            assert!(before.is_none(), "{name} is there twice");
            present = name.to_owned();
            continue;
        }
        let metric = all.get_mut(&present).unwrap();
        let (name, labels, value) = sample(line);
        let suffix = name.strip_prefix(&*present).unwrap();
        let suffixes: &[&str] = match &*metric.kind {
            "histogram" => &["_bucket", "_sum", "_count"],
            "summary" => &["", "_sum", "_count"],
            _ => &[""],
        };
        assert!(suffixes.contains(&suffix), "{line}");
        let again = metric.lines.insert((name.to_owned(), labels), value);
        assert!(again.is_none(), "there twice: {line}");
    }
    all.iter().filter(|(_, metric)| metric.kind == "histogram").for_each(check_buckets);
    all
}

/// Buckets ascend, and the last one is all.
fn check_buckets((name, metric): (&String, &Read)) {
    let (bucket, count) = (format!("{name}_bucket"), format!("{name}_count"));
    let mut by_labels: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    for ((line, labels), value) in metric.lines.iter().filter(|((line, _), _)| *line == bucket) {
        let ((le, bound), labels) = labels.split_last().unwrap();
        assert_eq!(le, "le", "{line}");
        by_labels.entry(labels.to_vec()).or_default().push((number(bound), *value));
    }
    for (labels, mut buckets) in by_labels {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        assert!(buckets.is_sorted_by_key(|(_, count)| *count), "{name}: {buckets:?}");
        let all = buckets.last().copied();
        assert_eq!(all, Some((f64::INFINITY, metric.lines[&(count.clone(), labels)])), "{name}");
    }
}

fn sample(line: &str) -> (&str, Vec<(String, String)>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    assert!(is_name(&name.replace(':', "_")), "{line}");
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (label, value) = rest.split_once("=\"").unwrap();
            assert!(is_name(label), "{line}");
            let mut escaped = false;
            let end = value.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            let (value, after) = value.split_at(end.unwrap());
            labels.push((label.to_owned(), unescape(value, true)));
            match after.strip_prefix("\",") {
                Some(next) => rest = next,
                None => break rest = after.strip_prefix("\"}").unwrap(),
            }
        }
    }
    (name, labels, number(rest.strip_prefix(' ').unwrap()))
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| !c.is_ascii_digit())
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        text => {
            assert!(text.chars().all(|c| c.is_ascii_digit() || "+-.e".contains(c)), "{text}");
            text.parse().unwrap()
        }
    }
}

fn unescape(text: &str, quoted: bool) -> String {
    let mut chars = text.chars();
    let mut plain = String::new();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '\\' => match chars.next().unwrap() {
                'n' => '\n',
                '\\' => '\\',
                '"' if quoted => '"',
                other => panic!("\\{other} is no escape in {text}"),
            },
            c => c,
        });
    }
    plain
}
