//! The server side of a service: its static table, the trait to implement, and the dispatch to it.

use std::fmt::Write as _;

use prost_reflect::Kind;

use super::docs::docs;
use crate::options::{KeyFrom, Model, Route};
use crate::program::{Method, Service};
use crate::protos::comment;
use crate::rust::{camel, shouty, snake, type_path};

/// The static table of a service and its methods.
pub(crate) fn describe(service: &Service) -> String {
    let (name, full_name) = (shouty(service.desc.name()), service.desc.full_name());
    let model = model(service.model);
    let mut methods = String::new();
    for (index, method) in service.methods.iter().enumerate() {
        methods += &describe_method(service, index, method);
    }
    format!(
        "/// `{full_name}` as its proto declares it.
        pub static {name}: ::guildhall::codegen::ServiceDesc = ::guildhall::codegen::ServiceDesc {{
            name: {full_name:?},
            model: {model},
            methods: &[{methods}],
            descriptors: GUILDHALL_DESCRIPTORS,
        }};\n"
    )
}

fn describe_method(service: &Service, index: usize, method: &Method) -> String {
    let options = &method.options;
    let key = match method.key() {
        Some(field) => {
            let kind = match field.kind() {
                Kind::String => "Text",
                Kind::Uint32 | Kind::Uint64 => "Uint",
                _ => "Int",
            };
            format!(
                "::core::option::Option::Some(::guildhall::codegen::KeyField {{
                    number: {},
                    kind: ::guildhall::codegen::KeyKind::{kind},
                    narrow: {},
                }})",
                field.number(),
                matches!(field.kind(), Kind::Uint32 | Kind::Int32),
            )
        }
        None => "::core::option::Option::None".to_owned(),
    };
    let route = match method.route() {
        Route::Random => "Random",
        Route::Hash => "Hash",
        Route::Single => "Single",
        Route::LeastLoad => "LeastLoad",
    };
    format!(
        "::guildhall::codegen::MethodDesc {{
            path: {path:?},
            id: {id:#010x},
            service: {service_name:?},
            index: {index},
            model: {model},
            key: {key},
            key_from_player: {key_from_player},
            route: ::guildhall::codegen::Route::{route},
            oneway: {oneway},
            trace: {trace},
            client: {client},
            durable: {durable},
            idempotent: {idempotent},
            create: {create},
            timeout_ms: {timeout_ms},
            keep_on_error: {keep_on_error},
        }},",
        path = method.path,
        id = method.id(),
        service_name = service.desc.full_name(),
        model = model(service.model),
        key_from_player =
            options.client && !options.key.is_empty() && options.key_from() != KeyFrom::Body,
        oneway = method.is_oneway(service.model),
        trace = options.trace,
        client = options.client,
        durable = options.durable,
        idempotent = options.idempotent,
        create = options.create,
        timeout_ms = options.timeout_ms,
        keep_on_error = options.keep_on_error,
    )
}

/// How a request's key is read: a closure.
pub(crate) fn key_of(method: &Method, types: &Types) -> String {
    let req = &types.req;
    let Some(field) = method.key() else {
        return format!("|_: &{req}| ::guildhall::codegen::KeyText::None");
    };
    let name = snake(field.name());
    let key = match field.kind() {
        Kind::String => format!("Text(&req.{name})"),
        Kind::Uint32 | Kind::Uint64 => format!("Uint(u64::from(req.{name}))"),
        _ => format!("Int(i64::from(req.{name}))"),
    };
    format!("|req: &{req}| ::guildhall::codegen::KeyText::{key}")
}

fn model(model: Model) -> String {
    format!("::guildhall::codegen::Model::{model:?}")
}

/// The trait and the server of a service whose handlers run in parallel.
pub(crate) fn concurrent(service: &Service) -> String {
    let (name, table) = (camel(service.desc.name()), shouty(service.desc.name()));
    let full_name = service.desc.full_name();
    let mut arms = String::new();
    for (index, method) in service.methods.iter().enumerate() {
        let (call, types) = (snake(method.desc.name()), Types::of(service, method));
        let _ = write!(
            arms,
            "{index} => ::guildhall::codegen::handle(
                call,
                {key},
                move |cx: ::guildhall::codegen::Cx, req: {req}| async move {{
                    {name}::{call}(&*service, &cx, req).await
                }},
            ),",
            req = types.req,
            key = key_of(method, &types),
        );
    }
    format!(
        "{handlers}
        /// Serves a [`{name}`]: `App::serve({name}Server::new(..))`.
        #[derive(Debug)]
        pub struct {name}Server<T_>(::std::sync::Arc<T_>);

        impl<T_: {name}> {name}Server<T_> {{
            /// Serves `service`.
            pub fn new(service: T_) -> Self {{
                Self(::std::sync::Arc::new(service))
            }}
        }}

        impl<T_: {name}> ::guildhall::codegen::Service for {name}Server<T_> {{
            fn desc(&self) -> &'static ::guildhall::codegen::ServiceDesc {{
                &{table}
            }}

            fn dispatch(
                &self,
                call: ::guildhall::codegen::Incoming<'_>,
            ) -> ::core::option::Option<::guildhall::codegen::HandlerFuture> {{
                let service = ::std::sync::Arc::clone(&self.0);
                match call.method.index {{
                    {arms}
                    _ => ::guildhall::codegen::no_such_method(call),
                }}
            }}
        }}\n",
        handlers = handlers(
            service,
            "::core::marker::Send + ::core::marker::Sync + 'static",
            "&self",
            "",
            &format!("implement `{full_name}` for it, or serve another type"),
        ),
    )
}

/// The trait and the server of a service whose calls go to the actor with their key.
pub(crate) fn actor(service: &Service) -> String {
    let (name, table) = (camel(service.desc.name()), shouty(service.desc.name()));
    let mut arms = String::new();
    for (index, method) in service.methods.iter().enumerate() {
        let (call, types) = (snake(method.desc.name()), Types::of(service, method));
        let _ = write!(
            arms,
            "{index} => {{
                let method = &{table}.methods[{index}];
                let req = ::guildhall::codegen::take::<{req}>(cx, method, {key}, &mut body)?;
                let result = {name}::{call}(actor, cx, req).await;
                ::guildhall::codegen::answer(cx, body, result)
            }}",
            req = types.req,
            key = key_of(method, &types),
        );
    }
    format!(
        "{handlers}
        /// Serves [`{name}`] by actors of type `A`: `.actor::<A>({name}Server)`.
        #[derive(Clone, Copy, Debug)]
        pub struct {name}Server;

        impl<A_: {name}> ::guildhall::codegen::ActorServices<A_> for {name}Server {{
            const COUNT: usize = 1;

            fn descs(to: &mut ::std::vec::Vec<&'static ::guildhall::codegen::ServiceDesc>) {{
                to.push(&{table});
            }}

            fn dispatch(
                actor: &mut A_,
                cx: &::guildhall::codegen::ActorCx,
                _service: usize,
                method: usize,
                mut body: ::guildhall::codegen::Request,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<
                    ::guildhall::codegen::Reply,
                    ::guildhall::codegen::Status,
                >,
            > + ::core::marker::Send {{
                async move {{
                    match method {{
                        {arms}
                        _ => ::core::result::Result::Err(
                            ::guildhall::codegen::unknown_method({table}.name, method),
                        ),
                    }}
                }}
            }}
        }}\n",
        handlers = handlers(
            service,
            "::guildhall::codegen::Actor",
            "&mut self",
            "",
            "implement the trait for the actor, or drop its server from `App::actor`",
        ),
    )
}

/// The trait and the server of a service whose calls wait for each other: SERIAL and INTERLEAVED.
pub(crate) fn lane(service: &Service) -> String {
    let (name, table) = (camel(service.desc.name()), shouty(service.desc.name()));
    let serial = service.model == Model::Serial;
    let mut arms = String::new();
    for (index, method) in service.methods.iter().enumerate() {
        let (call, types) = (snake(method.desc.name()), Types::of(service, method));
        let _ = write!(
            arms,
            "{index} => {{
                let method = &{table}.methods[{index}];
                let req = ::guildhall::codegen::take::<{req}>(&cx, method, {key}, &mut body)?;
                let result = {name}::{call}(service, &cx, {state}req).await;
                ::guildhall::codegen::reply(&cx, &body, result)
            }}",
            req = types.req,
            key = key_of(method, &types),
            state = if serial { "" } else { "state, " },
        );
    }
    let (what, params, shared, lent) = match serial {
        true => (
            "one call at a time",
            "service: T_",
            "::guildhall::codegen::SerialState::new(service)",
            "let service = &mut *shared.lock().await;",
        ),
        false => (
            "by one task that lends `state` to the calls",
            "service: T_, state: T_::State",
            "(service, ::guildhall::codegen::Interleaved::new(state))",
            "let (service, state) = &*shared;",
        ),
    };
    format!(
        "{handlers}
        /// Serves a [`{name}`]: `App::serve({name}Server::new(..))`.
        #[derive(Debug)]
        pub struct {name}Server(::guildhall::codegen::Lane);

        impl {name}Server {{
            /// Serves `service`, {what}.
            ///
            /// A turn that panics, or takes longer than `turn_limit_ms`, fails its own call; its changes stay.
            pub fn new<T_: {name}>({params}) -> Self {{
                let shared = ::std::sync::Arc::new({shared});
                Self(::guildhall::codegen::Lane::new(&{table}, move |cx, method, mut body| {{
                    let shared = ::std::sync::Arc::clone(&shared);
                    ::std::boxed::Box::pin(async move {{
                        {lent}
                        match method {{
                            {arms}
                            _ => ::core::result::Result::Err(
                                ::guildhall::codegen::unknown_method({table}.name, method),
                            ),
                        }}
                    }})
                }}))
            }}
        }}

        impl ::guildhall::codegen::Service for {name}Server {{
            fn desc(&self) -> &'static ::guildhall::codegen::ServiceDesc {{
                &{table}
            }}

            fn lane(&self) -> ::core::option::Option<&dyn ::guildhall::codegen::ServiceQueue> {{
                ::core::option::Option::Some(&self.0)
            }}

            fn dispatch(
                &self,
                call: ::guildhall::codegen::Incoming<'_>,
            ) -> ::core::option::Option<::guildhall::codegen::HandlerFuture> {{
                self.0.dispatch(call);
                ::core::option::Option::None
            }}
        }}\n",
        handlers = lane_handlers(service, serial),
    )
}

fn lane_handlers(service: &Service, serial: bool) -> String {
    let note = format!("implement `{}` for it, or serve another type", service.desc.full_name());
    match serial {
        true => handlers(service, "::core::marker::Send + 'static", "&mut self", "", &note),
        false => {
            let bounds = "::core::marker::Send + ::core::marker::Sync + 'static";
            handlers(service, bounds, "&self", INTERLEAVED_STATE, &note)
        }
    }
}

/// The associated type of an INTERLEAVED trait.
const INTERLEAVED_STATE: &str = "
    /// The state that all calls share. A call borrows it between its awaits.
    type State: ::core::marker::Send + 'static;
";

/// The trait that a game implements; `state` declares the type that its calls share, if they share one.
fn handlers(service: &Service, bounds: &str, receiver: &str, state: &str, note: &str) -> String {
    let (name, full_name) = (camel(service.desc.name()), service.desc.full_name());
    let mut methods = String::new();
    let cx = if service.model == Model::Actor { "ActorCx" } else { "Cx" };
    let lent = match state.is_empty() {
        true => "",
        false => "state: &::guildhall::codegen::Interleaved<Self::State>,",
    };
    for method in &service.methods {
        let (desc, types) = (&method.desc, Types::of(service, method));
        let docs = docs(
            &comment(&desc.parent_file(), desc.path()),
            &format!("Handles `{}`.", method.path),
        );
        let _ = write!(
            methods,
            "{docs}fn {call}(
                {receiver},
                cx: &::guildhall::codegen::{cx},
                {lent}
                req: {req},
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<{rsp}, ::guildhall::codegen::Status>,
            > + ::core::marker::Send;\n",
            call = snake(desc.name()),
            req = types.req,
            rsp = types.rsp,
        );
    }
    let docs = docs(
        &comment(&service.desc.parent_file(), service.desc.path()),
        &format!("The handlers of `{full_name}`."),
    );
    format!(
        "{docs}#[diagnostic::on_unimplemented(
            message = \"`{{Self}}` does not implement the service {full_name}\",
            note = {note:?}
        )]
        pub trait {name}: {bounds} {{ {state} {methods} }}\n"
    )
}

/// Request and response of a method as Rust types.
pub(crate) struct Types {
    pub(crate) req: String,
    pub(crate) rsp: String,
}

impl Types {
    pub(crate) fn of(service: &Service, method: &Method) -> Self {
        let package = service.desc.package_name();
        Self {
            req: type_path(package, method.desc.input().full_name()),
            rsp: type_path(package, method.desc.output().full_name()),
        }
    }
}
