//! Pushes: the sender of a CLIENT service.

use std::fmt::Write as _;

use super::docs::docs;
use super::services::Types;
use crate::program::Service;
use crate::protos::comment;
use crate::rust::{camel, shouty, snake};

/// The pushes of a service that players' clients implement.
pub(crate) fn pushes(service: &Service) -> String {
    let name = camel(service.desc.name());
    let (mut consts, mut pushes) = (String::new(), String::new());
    for (index, method) in service.methods.iter().enumerate() {
        consts += &super::clients::constant(service, index, method);
        let docs = docs(
            &comment(&method.desc.parent_file(), method.desc.path()),
            &format!("Pushes `{}`.", method.path),
        );
        let _ = write!(
            pushes,
            "{docs}pub fn {call}(&self, msg: {msg}) -> impl ::core::future::Future<
                Output = ::core::result::Result<(), ::guildhall::codegen::Status>,
            > + ::core::marker::Send + use<'a> {{
                ::guildhall::codegen::push(
                    self.cx,
                    Self::{constant},
                    ::core::clone::Clone::clone(&self.to),
                    msg,
                )
            }}\n",
            call = snake(method.desc.name()),
            msg = Types::of(service, method).req,
            constant = shouty(method.desc.name()),
        );
    }
    let docs = docs(
        &comment(&service.desc.parent_file(), service.desc.path()),
        &format!("Pushes of `{}` to players.", service.desc.full_name()),
    );
    format!(
        "{docs}#[derive(Clone, Debug)]
        #[must_use = \"nothing is pushed before one of its methods\"]
        pub struct {name}<'a> {{
            cx: &'a ::guildhall::codegen::Cx,
            to: ::guildhall::codegen::Players,
        }}

        impl<'a> {name}<'a> {{
            {consts}
            /// Pushes to one player.
            pub fn to(
                cx: &'a ::guildhall::codegen::Cx,
                player: impl ::core::convert::Into<::std::string::String>,
            ) -> Self {{
                Self {{ cx, to: ::guildhall::codegen::Players::One(player.into()) }}
            }}

            /// Pushes to each of these players.
            pub fn list<P: ::core::convert::Into<::std::string::String>>(
                cx: &'a ::guildhall::codegen::Cx,
                players: impl ::core::iter::IntoIterator<Item = P>,
            ) -> Self {{
                let players = players.into_iter().map(::core::convert::Into::into).collect();
                Self {{ cx, to: ::guildhall::codegen::Players::List(players) }}
            }}

            /// Pushes to every player with a session.
            pub fn all(cx: &'a ::guildhall::codegen::Cx) -> Self {{
                Self {{ cx, to: ::guildhall::codegen::Players::All }}
            }}

            /// Pushes to every player with a session but one.
            pub fn others(
                cx: &'a ::guildhall::codegen::Cx,
                except: impl ::core::convert::Into<::std::string::String>,
            ) -> Self {{
                Self {{ cx, to: ::guildhall::codegen::Players::Others(except.into()) }}
            }}
            {pushes}
        }}\n"
    )
}
