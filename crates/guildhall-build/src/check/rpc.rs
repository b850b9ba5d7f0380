//! Checks services and their methods.

use std::collections::HashMap;

use prost_reflect::{FieldDescriptor, Kind};

use super::report::Report;
use crate::options::{KeyFrom, Model, Route};
use crate::program::{Method, Service, in_oneof, is_optional};
use crate::rust::{has_words, nearest, shouty, snake};

/// Names of the methods that the type of a CLIENT service has besides its pushes.
const PUSH_NAMES: [&str; 4] = ["to", "list", "all", "others"];
/// Names of the generated clients' own methods.
const CLIENT_NAMES: [&str; 10] =
    ["new", "at", "random", "hash", "to", "list", "all", "group", "topic", "subscribe"];
/// Names of the methods of `Actor`, which actor services extend.
const ACTOR_NAMES: [&str; 6] = ["activate", "state", "tick", "deactivate", "move_out", "move_in"];

pub(super) fn service(service: &Service, report: &mut Report<'_>) {
    let mut names = HashMap::new();
    for method in &service.methods {
        let name = snake(method.desc.name());
        if !has_words(method.desc.name()) {
            let name = method.desc.name();
            report.at(
                &method.desc,
                format!("method `{name}` has no letter and no digit, so it has no name in Rust; rename it"),
            );
            continue;
        }
        if let Some(other) = names.insert(name.clone(), method.desc.name().to_owned()) {
            report.at(
                &method.desc,
                format!(
                    "`{other}` and `{}` are both `{name}` in Rust; rename one",
                    method.desc.name()
                ),
            );
        }
        check_name(service, method, &name, report);
        check_shape(service, method, report);
        check_key(service, method, report);
        check_options(service, method, report);
    }
}

/// Two methods with one id could not be told apart on the wire.
pub(super) fn ids(services: &[Service], report: &mut Report<'_>) {
    let mut seen: HashMap<u32, &Method> = HashMap::new();
    for method in services.iter().flat_map(|service| &service.methods) {
        let id = method.id();
        if let Some(other) = seen.insert(id, method) {
            report.at(
                &method.desc,
                format!(
                    "`{}` and `{}` have the same method id {id:#010x}; rename one",
                    other.path, method.path
                ),
            );
        }
    }
}

fn check_name(service: &Service, method: &Method, name: &str, report: &mut Report<'_>) {
    let owner = if service.model == Model::Client && PUSH_NAMES.contains(&name) {
        "the generated sender of pushes"
    } else if CLIENT_NAMES.contains(&name) {
        "the generated client"
    } else if service.model == Model::Actor && ACTOR_NAMES.contains(&name) {
        "the trait Actor"
    } else {
        return;
    };
    let label = method.label();
    report.at(
        &method.desc,
        format!("`{label}` would be `{name}` in Rust, which {owner} has already; rename it"),
    );
}

fn check_shape(service: &Service, method: &Method, report: &mut Report<'_>) {
    let (desc, label) = (&method.desc, method.label());
    if desc.is_client_streaming() || desc.is_server_streaming() {
        report.at(
            desc,
            format!("`{label}` is a stream; methods have one request and one response: use open_stream, or oneway methods"),
        );
    }
    let output = desc.output();
    if method.returns_empty() {
        return;
    }
    if service.model == Model::Client {
        report.at(
            desc,
            format!(
                "`{label}` is a push to clients, who do not answer, but returns {}; return google.protobuf.Empty",
                output.name()
            ),
        );
    } else if method.options.oneway {
        report.at(
            desc,
            format!(
                "`{label}` is oneway but returns {}; return google.protobuf.Empty, or drop oneway",
                output.name()
            ),
        );
    }
}

fn check_key(service: &Service, method: &Method, report: &mut Report<'_>) {
    let (desc, options, label) = (&method.desc, &method.options, method.label());
    if options.key.is_empty() {
        if service.model == Model::Actor && !options.oneway {
            report.at(
                desc,
                format!(
                    "`{label}` has no key, so its actor cannot be found; add option (guildhall.rpc) = {{ key: \"...\" }}"
                ),
            );
        }
        return;
    }
    if service.model == Model::Client {
        report.at(desc, format!("`{label}` has a key, but pushes go to players; drop it"));
        return;
    }
    match method.key() {
        Some(field) => {
            if let Some(problem) = unfit(&field) {
                let (key, input) = (&options.key, desc.input());
                report.at(desc, format!("key `{key}` of {} {problem}", input.name()));
            }
        }
        None => report.at(desc, misspelt(method)),
    }
}

/// Why a field cannot be a key, and what to do.
pub(super) fn unfit(field: &FieldDescriptor) -> Option<String> {
    if field.is_list() || field.is_map() {
        return Some("is repeated; a key is one value".to_owned());
    }
    if in_oneof(field) {
        return Some("is in a oneof; a key is always there: move it out".to_owned());
    }
    if is_optional(field) {
        return Some("is optional; a key is always there: drop `optional`".to_owned());
    }
    let kind = match field.kind() {
        Kind::String | Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 => return None,
        Kind::Message(message) => message.name().to_owned(),
        Kind::Enum(desc) => desc.name().to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    Some(format!("has type {kind}; a key is a string, int32, int64, uint32 or uint64"))
}

fn misspelt(method: &Method) -> String {
    let (key, input) = (&method.options.key, method.desc.input());
    let fields: Vec<_> = input.fields().map(|field| field.name().to_owned()).collect();
    let hint = match nearest(key, fields.iter().map(String::as_str)) {
        Some(name) => format!("did you mean `{name}`?"),
        None if fields.is_empty() => "it has none".to_owned(),
        None => format!("it has `{}`", fields.join("`, `")),
    };
    format!("key `{key}` is not a field of {}; {hint}", input.name())
}

fn check_route(service: &Service, method: &Method, report: &mut Report<'_>) {
    let (desc, options, label) = (&method.desc, &method.options, method.label());
    let keyed = !options.key.is_empty();
    let route = shouty(&format!("{:?}", options.route()));
    match options.route() {
        Route::Random => {}
        _ if service.model == Model::Client => {
            let why = format!("`{label}` has route: {route}, but pushes go to players; drop it");
            report.at(desc, why);
        }
        Route::Hash if keyed => {}
        Route::Hash => report.at(
            desc,
            format!(
                "`{label}` has route: HASH but no key to hash; say which field it is with key: \"...\", or drop it and call with `.hash(..)`"
            ),
        ),
        Route::Single | Route::LeastLoad if keyed => report.at(
            desc,
            format!("`{label}` has route: {route} and a key, which is a route already; drop one"),
        ),
        Route::Single | Route::LeastLoad => {}
    }
}

fn check_options(service: &Service, method: &Method, report: &mut Report<'_>) {
    let (desc, options, label) = (&method.desc, &method.options, method.label());
    let keyed = !options.key.is_empty();
    if service.model == Model::Client && options.client {
        report.at(
            desc,
            format!("`{label}` is a push to clients and has client: true, which is for calls by clients; drop it"),
        );
    }
    if options.key_from() != KeyFrom::Default {
        let from = shouty(&format!("{:?}", options.key_from()));
        if !options.client {
            report.at(
                desc,
                format!("`{label}` has key_from: {from}, which is for calls by clients; add client: true, or drop it"),
            );
        } else if !keyed {
            report.at(
                desc,
                format!(
                    "`{label}` has key_from: {from} but no key; say which field it is with key"
                ),
            );
        }
    }
    check_route(service, method, report);
    if service.model != Model::Actor {
        let actors_only = [
            (options.durable, "durable"),
            (options.create, "create"),
            (options.keep_on_error, "keep_on_error"),
        ];
        for (set, name) in actors_only {
            if set {
                report.at(
                    desc,
                    format!("`{label}` has {name}: true, which is for methods of ACTOR services; drop it"),
                );
            }
        }
    }
}
