//! Entities: persistent state with change tracking.
//!
//! `guildhall-build` generates one [`Entity`] per message with `option (guildhall.entity)`: a struct that is read through `Deref` and
//! written through `set_x` and `x_mut`, which mark the field as changed. The runtime accesses the entities of an actor through [`ActorState`].
//!
//! | module | contents |
//! |---|---|
//! | `meta` | Dirty bits, and the version that the store has |
//! | `turn`, `turned` | The changes of one turn, for its rollback |
//! | `save` | The write of one entity |
//! | `state` | `()`, an entity or a tuple of entities as the state of an actor |
//! | `column` | Conversion of fields to columns and back |
//! | `index` | Columns that queries may search by |
//! | `unknown` | Fields of newer releases in message columns |

mod error;
mod index;
mod unknown;
mod turn;
mod meta;
mod column;
mod entity;
mod turned;
mod save;
mod state;

pub use column::{
    Scalar, growth, key_field, load_message, load_proto, load_scalar, message_value, proto_size,
    proto_value, reads_again, scalar_size, scalar_value,
};
pub use entity::{Delta, Entity};
pub use error::LoadError;
pub use guildhall_core::Key;
pub use guildhall_core::store::{Column, Kind, Row, RowId, Table, Value, Write};
pub use index::Index;
pub use meta::EntityMeta;
pub use save::RowChange;
pub use state::ActorState;
pub use turned::Turned;
pub use unknown::{Known, Tags};
