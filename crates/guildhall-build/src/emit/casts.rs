//! Casts to all ready apps, or to all subscribers of a topic.

use std::fmt::Write as _;

use super::docs::docs;
use super::services::Types;
use crate::program::Service;
use crate::protos::comment;
use crate::rust::{camel, shouty, snake};

/// What a client has for casts to many.
pub(crate) fn entries(service: &Service) -> String {
    let (name, table) = (camel(service.desc.name()), shouty(service.desc.name()));
    format!(
        "/// Casts to every ready app that serves the service, this app included.
        pub fn all(cx: &'a ::guildhall::codegen::Cx) -> {name}Casts<'a> {{
            {name}Casts {{ cx, to: ::guildhall::codegen::Many::All }}
        }}

        /// Casts through the broker to the apps of this world that have subscribed to `topic`; each calls its own service.
        pub fn topic(cx: &'a ::guildhall::codegen::Cx, topic: &str) -> {name}Casts<'a> {{
            let topic = ::std::borrow::ToOwned::to_owned(topic);
            {name}Casts {{ cx, to: ::guildhall::codegen::Many::Topic(topic) }}
        }}

        /// Subscribes this app: casts to `topic` call its own service, until the returned value is dropped.
        pub async fn subscribe(
            cx: &::guildhall::codegen::Cx,
            topic: &str,
        ) -> ::core::result::Result<::guildhall::codegen::Subscribed, ::guildhall::codegen::Status> {{
            ::guildhall::codegen::subscribe(cx, &{table}, topic).await
        }}\n"
    )
}

/// The type with the methods that can be cast to many.
pub(crate) fn casts(service: &Service) -> String {
    let name = camel(service.desc.name());
    let mut casts = String::new();
    for method in service.methods.iter().filter(|method| service.is_cast(method)) {
        let docs = docs(
            &comment(&method.desc.parent_file(), method.desc.path()),
            &format!("Casts `{}`.", method.path),
        );
        let _ = write!(
            casts,
            "{docs}pub fn {call}(&self, req: {req}) -> impl ::core::future::Future<
                Output = ::core::result::Result<(), ::guildhall::codegen::Status>,
            > + ::core::marker::Send + use<'a> {{
                let to = ::core::clone::Clone::clone(&self.to);
                ::guildhall::codegen::cast_many(self.cx, {name}Client::{constant}, to, req)
            }}\n",
            call = snake(method.desc.name()),
            req = Types::of(service, method).req,
            constant = shouty(method.desc.name()),
        );
    }
    format!(
        "/// Casts to many apps that serve `{full_name}`: [`{name}Client::all`], [`{name}Client::topic`].
        #[derive(Clone, Debug)]
        #[must_use = \"a client casts nothing before one of its methods\"]
        pub struct {name}Casts<'a> {{
            cx: &'a ::guildhall::codegen::Cx,
            to: ::guildhall::codegen::Many,
        }}

        impl<'a> {name}Casts<'a> {{
            {casts}
        }}\n",
        full_name = service.desc.full_name(),
    )
}
