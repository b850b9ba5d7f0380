//! `guildhall call`: a method by its name and a body in JSON, to an app or through a gate.

use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use guildhall_core::{AppId, KeyField, MethodDesc, Status};
use guildhall_runtime::proto::method_info::Model;
use guildhall_runtime::raw::{self, RawBody, Target};
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, FieldDescriptor, Kind, Value};

use crate::catalog::{self, Method};
use crate::failure::describe;
use crate::gate_call::{self, GateCall};
use crate::out::{complain, print};
use crate::visit::{Cluster, Visit};

/// `guildhall call`.
#[derive(Debug, clap::Args)]
pub(crate) struct CallArgs {
    /// The method: `demo.role.Role/PowerUp`, or an unambiguous end of it.
    #[arg(value_name = "SERVICE/METHOD")]
    method: String,
    /// The request in proto3's JSON mapping.
    #[arg(value_name = "JSON", default_value = "{}")]
    body: String,
    /// Key of the call: is put into the request's key field, or routes a call of a method without one.
    #[arg(long, allow_negative_numbers = true)]
    key: Option<String>,
    /// Calls exactly this app: its id, as `guildhall ls` shows it.
    #[arg(long, value_name = "ID")]
    at: Option<AppId>,
    /// Longest duration of the call, in seconds. [default: the method's timeout_ms, or 5]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<f64>,
    /// Calls as a player's client through this gate: `ws://host:port`, or `wss://host:port` with `--ca`. Which apps to ask for the method's full name and the game's
    /// reasons is optional then: without it the name is `package.Service/Method`.
    #[arg(long, value_name = "URL", requires = "token", conflicts_with_all = ["key", "at"])]
    gate: Option<String>,
    /// File of PEM with the authorities that the certificate of a `wss://` gate has to stem from.
    #[arg(long, value_name = "FILE", requires = "gate")]
    ca: Option<String>,
    /// The player's token for the gate.
    #[arg(long, requires = "gate")]
    token: Option<String>,
    #[command(flatten)]
    cluster: Cluster,
}

/// Prints the response, or why there is none.
pub(crate) async fn run(args: CallArgs) -> Result<ExitCode> {
    if let (Some(gate), Some(token)) = (&args.gate, &args.token) {
        let method = match args.cluster.is_named() {
            true => Some(named(&args).await?),
            false => None,
        };
        let timeout_ms = args.timeout.map(timeout_ms).transpose()?;
        let ca = args.ca.as_deref();
        let call = GateCall { gate, ca, token, method: &args.method, body: &args.body, timeout_ms };
        return gate_call::run(call, method.as_ref()).await;
    }
    let visit = args.cluster.visit().await?;
    let done = call(&args, &visit).await;
    visit.end().await;
    done
}

/// The method, as the apps of the cluster know it.
async fn named(args: &CallArgs) -> Result<Method> {
    let visit = args.cluster.visit().await?;
    let found = async {
        let catalog = catalog::ask(&visit.cx(), &visit.some_nodes()?).await?;
        catalog::find(&catalog, &args.method).cloned()
    };
    let found = found.await;
    visit.end().await;
    found
}

async fn call(args: &CallArgs, visit: &Visit) -> Result<ExitCode> {
    let nodes = visit.some_nodes()?;
    if let Some(at) = &args.at
        && !nodes.iter().any(|node| node.id == *at)
    {
        let known: Vec<&str> = nodes.iter().map(|node| node.id.as_str()).collect();
        let missing = visit.missing.iter().map(|missing| format!("\n  {missing}"));
        let hint = guildhall_core::config::hint(at.as_str(), known.iter().copied());
        bail!("there is no link to the app {at}; {hint}{}", missing.collect::<String>());
    }
    let cx = visit.cx();
    let catalog = catalog::ask(&cx, &nodes).await?;
    let method = catalog::find(&catalog, &args.method)?;
    if method.info.model() == Model::Client {
        bail!("{} is a push: players' clients serve it, and no app", method.path());
    }
    let (request, key) = request(args, method)?;
    let target = match (&args.at, &args.key) {
        (Some(app), _) => Target::At(app.clone().into()),
        (None, Some(key)) if key_field(method)?.is_none() => Target::Hash(key.as_str().into()),
        (None, _) => Target::Default,
    };
    let mut desc = raw::describe(&method.info).map_err(|why| anyhow!(why))?;
    if let Some(seconds) = args.timeout {
        desc.timeout_ms = timeout_ms(seconds)?;
    }
    // The program ends with the call.
    let desc: &'static MethodDesc = Box::leak(Box::new(desc));
    let text = match key {
        Some(key) => raw::find_key(&request, key).map_err(|why| anyhow!(why.into_owned()))?,
        None => guildhall_core::KeyText::None,
    };
    let body = RawBody::new(&request);
    let answer = if desc.oneway {
        raw::cast_to(&cx, desc, &target, text, body).map(|()| None)
    } else {
        raw::call_to(&cx, desc, &target, text, body).await.map(Some)
    };
    show(method, answer)
}

fn show(method: &Method, answer: Result<Option<bytes::Bytes>, Status>) -> Result<ExitCode> {
    match answer {
        Ok(None) => complain(&format!("sent; {} has no response", method.path())),
        Ok(Some(body)) => {
            let response = DynamicMessage::decode(method.types.output(), body)
                .with_context(|| format!("the response of {}", method.path()))?;
            print(&serde_json::to_string_pretty(&response)?);
        }
        Err(status) => {
            complain(&describe(method.path(), &status, Some(method.types.parent_pool())));
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn timeout_ms(seconds: f64) -> Result<u32> {
    let time = std::time::Duration::try_from_secs_f64(seconds).ok();
    let ms = time.and_then(|time| u32::try_from(time.as_millis()).ok()).filter(|ms| *ms > 0);
    ms.with_context(|| format!("--timeout {seconds} is no time; write seconds, as 2.5"))
}

/// The encoded request, and where its key is.
fn request(args: &CallArgs, method: &Method) -> Result<(Vec<u8>, Option<KeyField>)> {
    let input = method.types.input();
    let mut text = serde_json::Deserializer::from_str(&args.body);
    let options = DeserializeOptions::new().deny_unknown_fields(true);
    let message = DynamicMessage::deserialize_with_options(input.clone(), &mut text, &options);
    let message = message.and_then(|message| text.end().map(|()| message));
    let mut message = message.map_err(|error| {
        let fields: Vec<String> =
            input.fields().map(|f| format!("{}: {}", f.json_name(), kind_name(&f))).collect();
        anyhow!("the body is no {}: {error}; it has {{{}}}", input.full_name(), fields.join(", "))
    })?;
    let Some((field, place)) = key_field(method)? else {
        return Ok((message.encode_to_vec(), None));
    };
    if let Some(key) = &args.key {
        let value = key_value(&field, key)
            .with_context(|| format!("--key {key} is no {}", kind_name(&field)))?;
        if message.has_field(&field) && *message.get_field(&field) != value {
            bail!("the body says another {} than --key {key}; give one of them", field.name());
        }
        message.set_field(&field, value);
    } else if !message.has_field(&field) {
        bail!("{} has a key: give --key, or {} in the body", method.path(), field.json_name());
    }
    Ok((message.encode_to_vec(), Some(place)))
}

fn key_field(method: &Method) -> Result<Option<(FieldDescriptor, KeyField)>> {
    let desc = raw::describe(&method.info).map_err(|why| anyhow!(why))?;
    let Some(place) = desc.key else { return Ok(None) };
    let field = method.types.input().get_field(place.number);
    let field = field.with_context(|| format!("{} lacks its key field", method.path()))?;
    Ok(Some((field, place)))
}

fn key_value(field: &FieldDescriptor, key: &str) -> Option<Value> {
    Some(match field.kind() {
        Kind::String => Value::String(key.to_owned()),
        Kind::Uint32 => Value::U32(key.parse().ok()?),
        Kind::Uint64 => Value::U64(key.parse().ok()?),
        Kind::Int32 => Value::I32(key.parse().ok()?),
        Kind::Int64 => Value::I64(key.parse().ok()?),
        _ => return None,
    })
}

/// The type of a field as protos write it.
pub(crate) fn kind_name(field: &FieldDescriptor) -> String {
    let kind = match field.kind() {
        Kind::Message(message) => message.name().to_owned(),
        Kind::Enum(kind) => kind.name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    };
    if field.is_list() { format!("[{kind}]") } else { kind }
}
