//! Merges settings over the defaults of a section, and reports each that does not fit.

use std::collections::BTreeSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::ConfigError;
use super::layers::{Node, Origin, Tree, Value};
use super::nearest;

/// One value that was set, in the forms that it may be meant in, the likeliest first.
struct Given<'a> {
    path: Vec<String>,
    forms: Vec<Json>,
    origin: &'a Origin,
}

/// Reads the section at `path`. The defaults show which keys there are and what kinds of values they take: `null` and empty
/// maps take anything.
///
/// Tables in it that are sections of their own are left to whoever claimed them.
pub(super) fn read<T>(
    path: &[String],
    node: Option<&Node>,
    defaults: &T,
    claimed: &BTreeSet<String>,
) -> Result<T, ConfigError>
where
    T: Serialize + DeserializeOwned,
{
    let key = path.join(".");
    let wrong = |why: String| ConfigError { key: key.clone(), message: format!("`{key}`: {why}") };
    let shape = serde_json::to_value(defaults)
        .map_err(|e| wrong(format!("the defaults cannot be read as a table: {e}")))?;
    let mut section = Section { name: path, shape: &shape, given: Vec::new(), claimed };
    if let Some(node) = node {
        section.collect(node, &shape, path.to_vec())?;
    }
    let given = section.given;
    let at = |given: &Given<'_>| given.path[path.len()..].to_vec();

    let mut all = shape.clone();
    for one in &given {
        put(&mut all, &at(one), one.forms[0].clone());
    }
    let Err(whole) = serde_json::from_value::<T>(all.clone()) else {
        return serde_json::from_value(all).map_err(|e| wrong(e.to_string()));
    };
    // Something does not fit, or was meant as text: try each value alone over the defaults.
    for one in &given {
        let fits = |form: &&Json| {
            let mut alone = shape.clone();
            put(&mut alone, &at(one), (*form).clone());
            serde_json::from_value::<T>(alone).map_err(|e| e.to_string())
        };
        let form = one.forms.iter().find(|form| fits(form).is_ok());
        let form = form.ok_or_else(|| {
            let why = fits(&&one.forms[0]).err().unwrap_or_default();
            let why = if one.origin.shows_values() { format!(": {why}") } else { String::new() };
            refusal(&one.path, one.origin, &format!("does not fit{why}"))
        })?;
        put(&mut all, &at(one), form.clone());
    }
    serde_json::from_value(all).map_err(|_| wrong(whole.to_string()))
}

struct Section<'a> {
    name: &'a [String],
    shape: &'a Json,
    given: Vec<Given<'a>>,
    claimed: &'a BTreeSet<String>,
}

impl<'a> Section<'a> {
    fn collect(
        &mut self,
        node: &'a Node,
        shape: &Json,
        path: Vec<String>,
    ) -> Result<(), ConfigError> {
        match (node, shape) {
            (Node::Value(value), shape) => {
                let forms = forms(value, shape).map_err(|why| {
                    let shown: String = value.toml.to_string().chars().take(80).collect();
                    let not = if value.origin.shows_values() {
                        format!(", not {shown}")
                    } else {
                        String::new()
                    };
                    refusal(&path, &value.origin, &format!("must be {why}{not}"))
                })?;
                self.given.push(Given { path, forms, origin: &value.origin });
                Ok(())
            }
            (Node::Table(tree, _), Json::Object(known)) if !known.is_empty() => {
                self.known_keys(tree, known, &path)
            }
            (Node::Table(tree, origin), Json::Object(_) | Json::Null) => {
                let forms = vec![Json::Object(Map::new())];
                self.given.push(Given { path: path.clone(), forms, origin });
                tree.iter()
                    .try_for_each(|(key, node)| self.collect(node, &Json::Null, below(&path, key)))
            }
            (Node::Table(_, origin), shape) => {
                let why = format!("must be {}, not a table", kind(shape));
                Err(refusal(&path, origin, &why))
            }
        }
    }

    fn known_keys(
        &mut self,
        tree: &'a Tree,
        known: &Map<String, Json>,
        path: &[String],
    ) -> Result<(), ConfigError> {
        for (key, node) in tree {
            let path = below(path, key);
            let Some(shape) = known.get(key) else {
                let key = path.join(".");
                if self.claimed.contains(&key) {
                    continue;
                }
                let within = format!("{key}.");
                if let Node::Table(tree, _) = node
                    && self.claimed.iter().any(|name| name.starts_with(&within))
                {
                    super::unclaimed(tree, &within, self.claimed).map_or(Ok(()), Err)?;
                    continue;
                }
                let mut all = Vec::new();
                let name = self.name.join(".");
                list(self.shape, &name, &mut all);
                let within = format!("{name}.");
                all.extend(self.claimed.iter().filter(|c| c.starts_with(&within)).cloned());
                let hint = nearest::hint(&key, all.iter().map(String::as_str));
                let message = format!("unknown key `{key}` {}; {hint}", node.origin());
                return Err(ConfigError { key, message });
            };
            self.collect(node, shape, path)?;
        }
        Ok(())
    }
}

/// What `value` may mean where a value like `shape` is wanted, or what is wanted.
fn forms(value: &Value, shape: &Json) -> Result<Vec<Json>, &'static str> {
    use toml::Value as Toml;
    let parsed = json(&value.toml);
    let text = value.text.clone().map(Json::String);
    match (shape, &value.toml) {
        (Json::Null, Toml::String(_)) => Ok(vec![parsed]),
        (Json::Null, _) => Ok([Some(parsed), text].into_iter().flatten().collect()),
        (Json::String(_), Toml::String(_) | Toml::Datetime(_))
        | (Json::Bool(_), Toml::Boolean(_))
        | (Json::Array(_), Toml::Array(_)) => Ok(vec![parsed]),
        (Json::Number(n), Toml::Integer(_)) if !n.is_f64() => Ok(vec![parsed]),
        (Json::Number(n), Toml::Integer(_) | Toml::Float(_)) if n.is_f64() => Ok(vec![parsed]),
        (Json::String(_), _) => text.map(|text| vec![text]).ok_or("a string"),
        (shape, _) => Err(kind(shape)),
    }
}

fn kind(shape: &Json) -> &'static str {
    match shape {
        Json::Null => "a value",
        Json::Bool(_) => "true or false",
        Json::Number(n) if n.is_f64() => "a number",
        Json::Number(_) => "an integer",
        Json::String(_) => "a string",
        Json::Array(_) => "an array",
        Json::Object(_) => "a table",
    }
}

fn json(toml: &toml::Value) -> Json {
    match toml {
        toml::Value::String(text) => Json::String(text.clone()),
        toml::Value::Integer(n) => Json::from(*n),
        toml::Value::Float(n) => Json::from(*n),
        toml::Value::Boolean(b) => Json::Bool(*b),
        toml::Value::Datetime(time) => Json::String(time.to_string()),
        toml::Value::Array(items) => items.iter().map(json).collect(),
        toml::Value::Table(table) => table.iter().map(|(k, v)| (k.clone(), json(v))).collect(),
    }
}

fn put(json: &mut Json, path: &[String], value: Json) {
    let Some((key, rest)) = path.split_first() else {
        *json = value;
        return;
    };
    if !json.is_object() {
        *json = Json::Object(Map::new());
    }
    if let Some(table) = json.as_object_mut() {
        put(table.entry(key.clone()).or_insert(Json::Null), rest, value);
    }
}

fn list(shape: &Json, prefix: &str, into: &mut Vec<String>) {
    match shape {
        Json::Object(known) if !known.is_empty() => {
            for (key, shape) in known {
                list(shape, &format!("{prefix}.{key}"), into);
            }
        }
        _ => into.push(prefix.to_owned()),
    }
}

fn below(path: &[String], key: &str) -> Vec<String> {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

fn refusal(path: &[String], origin: &Origin, why: &str) -> ConfigError {
    let key = path.join(".");
    ConfigError { message: format!("`{key}` {origin} {why}"), key }
}
