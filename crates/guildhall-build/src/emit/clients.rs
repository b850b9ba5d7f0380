//! Clients: typed calls made from a `Cx`, so that the caller's deadline bounds them.

use std::fmt::Write as _;

use super::casts;
use super::docs::docs;
use super::services::{Types, key_of};
use crate::options::Model;
use crate::program::{Method, Service};
use crate::protos::comment;
use crate::rust::{camel, shouty, snake};

/// The client of a service.
pub(crate) fn client(service: &Service) -> String {
    let (name, full_name) = (camel(service.desc.name()), service.desc.full_name());
    let (mut consts, mut calls) = (String::new(), String::new());
    for (index, method) in service.methods.iter().enumerate() {
        consts += &constant(service, index, method);
        calls += &call(service, method);
    }
    let (to_many, casts) = match service.has_casts() {
        true => (casts::entries(service), casts::casts(service)),
        false => Default::default(),
    };
    let targets = if service.model == Model::Actor { "" } else { TARGETS };
    format!(
        "/// A client of `{full_name}`. Its calls end by the deadline of its `Cx`.
        #[derive(Clone, Debug)]
        #[must_use = \"a client calls nothing before one of its methods\"]
        pub struct {name}Client<'a> {{
            cx: &'a ::guildhall::codegen::Cx,
            target: ::guildhall::codegen::Target,
        }}

        impl<'a> {name}Client<'a> {{
            {consts}
            /// Makes a client whose calls are routed by the service's options.
            pub fn new(cx: &'a ::guildhall::codegen::Cx) -> Self {{
                Self {{ cx, target: ::guildhall::codegen::Target::Default }}
            }}
            {targets}
            {to_many}
            {calls}
        }}
{casts}"
    )
}

/// How a client of a service without keys is aimed.
const TARGETS: &str = "
    /// Routes calls to one app: an `AppId` or a `LogicAddr`.
    #[must_use]
    pub fn at(self, app: impl ::core::convert::Into<::guildhall::codegen::Address>) -> Self {
        let target = ::guildhall::codegen::Target::At(::core::convert::Into::into(app));
        Self { cx: self.cx, target }
    }

    /// Routes each call to a random app that serves the service.
    #[must_use]
    pub fn random(self) -> Self {
        Self { cx: self.cx, target: ::guildhall::codegen::Target::Random }
    }

    /// Routes calls by `key`: calls with one key go to one app.
    #[must_use]
    pub fn hash(self, key: impl ::core::fmt::Display) -> Self {
        let key = ::guildhall::codegen::Key::from(::std::string::ToString::to_string(&key));
        Self { cx: self.cx, target: ::guildhall::codegen::Target::Hash(key) }
    }
";

/// The method as a constant, for callers that name it.
pub(crate) fn constant(service: &Service, index: usize, method: &Method) -> String {
    let types = Types::of(service, method);
    format!(
        "/// `{path}`.
        pub const {name}: ::guildhall::codegen::Method<{req}, {rsp}> =
            ::guildhall::codegen::Method::new(&{table}.methods[{index}]);\n",
        path = method.path,
        name = shouty(method.desc.name()),
        table = shouty(service.desc.name()),
        req = types.req,
        rsp = types.rsp,
    )
}

fn call(service: &Service, method: &Method) -> String {
    let (desc, types) = (&method.desc, Types::of(service, method));
    let (verb, rsp) = match method.options.oneway {
        true => ("cast", "()"),
        false => ("call", types.rsp.as_str()),
    };
    let mut code =
        docs(&comment(&desc.parent_file(), desc.path()), &format!("Calls `{}`.", method.path));
    let _ = write!(
        code,
        "pub fn {call}(&self, req: {req}) -> impl ::core::future::Future<
            Output = ::core::result::Result<{rsp}, ::guildhall::codegen::Status>,
        > + ::core::marker::Send + use<'a> {{
            ::guildhall::codegen::{verb}(
                self.cx,
                Self::{constant},
                ::core::clone::Clone::clone(&self.target),
                {key},
                req,
            )
        }}\n",
        call = snake(desc.name()),
        req = types.req,
        key = key_of(method, &types),
        constant = shouty(desc.name()),
    );
    code
}
