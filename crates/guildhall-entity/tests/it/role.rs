//! An entity written by hand, in the shape that `guildhall-build` generates.

use std::collections::BTreeMap;
use std::ops::Deref;

use guildhall_entity::{
    Column, Entity, EntityMeta, Key, Kind, LoadError, Table, Value, growth, proto_size, scalar_size,
};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RoleState {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(uint64, tag = "2")]
    pub(crate) id: u64,
    #[prost(int32, tag = "3")]
    pub(crate) level: i32,
    #[prost(btree_map = "string, int64", tag = "4")]
    pub(crate) items: BTreeMap<String, i64>,
}

pub(crate) static ROLE: Table = Table {
    name: "role",
    key: column(2, "id", Kind::Uint),
    columns: &[
        column(1, "name", Kind::Text),
        column(3, "level", Kind::Int),
        column(4, "items", Kind::Proto),
    ],
};

const fn column(number: u32, name: &'static str, kind: Kind) -> Column {
    Column { number, name, kind, unique: false, index: false }
}

#[derive(Debug)]
pub(crate) struct Role {
    state: RoleState,
    meta: EntityMeta,
    before: Option<Box<RoleState>>,
}

impl Role {
    pub(crate) fn set_name(&mut self, value: impl Into<String>) {
        let before = std::mem::replace(&mut self.state.name, value.into());
        if self.meta.mark(0) {
            self.before.get_or_insert_default().name = before;
        }
    }

    pub(crate) fn set_level(&mut self, value: i32) {
        let before = std::mem::replace(&mut self.state.level, value);
        if self.meta.mark(1) {
            self.before.get_or_insert_default().level = before;
        }
    }

    pub(crate) fn items_mut(&mut self) -> &mut BTreeMap<String, i64> {
        if self.meta.mark(2) {
            self.before.get_or_insert_default().items = self.state.items.clone();
        }
        &mut self.state.items
    }

    pub(crate) fn exists(&self) -> bool {
        self.meta.exists()
    }

    pub(crate) fn create(&mut self) {
        self.meta.create();
    }

    pub(crate) fn delete(&mut self) {
        let missing = RoleState { id: self.state.id, ..Default::default() };
        let mut deleted = std::mem::replace(&mut self.state, missing);
        let first = self.meta.delete();
        if first != 0 {
            exchange(&mut deleted, self.before.get_or_insert_default(), first);
        }
    }
}

impl Deref for Role {
    type Target = RoleState;

    fn deref(&self) -> &RoleState {
        &self.state
    }
}

impl Entity for Role {
    const TABLE: &'static Table = &ROLE;

    fn load(key: &Key, columns: Vec<(u32, Value)>, meta: EntityMeta) -> Result<Self, LoadError> {
        let mut state =
            RoleState { id: guildhall_entity::key_field(Self::TABLE, key)?, ..Default::default() };
        for (number, value) in columns {
            match number {
                1 => state.name = guildhall_entity::load_scalar(Self::TABLE, key, 1, value)?,
                3 => state.level = guildhall_entity::load_scalar(Self::TABLE, key, 3, value)?,
                4 => guildhall_entity::load_proto(Self::TABLE, key, 4, value, &mut state)?,
                _ => {}
            }
        }
        Ok(Self { state, meta, before: None })
    }

    fn key(&self) -> (u32, Value) {
        (2, guildhall_entity::scalar_value(&self.state.id))
    }

    fn columns(&mut self, wanted: u128, to: &mut Vec<(u32, Value)>) {
        if wanted & 1 != 0 {
            to.push((1, guildhall_entity::scalar_value(&self.state.name)));
        }
        if wanted & (1 << 1) != 0 {
            to.push((3, guildhall_entity::scalar_value(&self.state.level)));
        }
        if wanted & (1 << 2) != 0 {
            let items = guildhall_entity::proto_value(&mut self.state, |a, b| {
                std::mem::swap(&mut a.items, &mut b.items);
            });
            to.push((4, items));
        }
    }

    fn meta(&self) -> &EntityMeta {
        &self.meta
    }

    fn meta_mut(&mut self) -> &mut EntityMeta {
        &mut self.meta
    }

    fn grown(&mut self, columns: u128) -> isize {
        let Some(before) = &mut self.before else { return 0 };
        let mut grown = 0;
        if columns & 1 != 0 {
            grown += growth(scalar_size(&self.state.name), scalar_size(&before.name));
        }
        if columns & (1 << 2) != 0 {
            let swap = |a: &mut RoleState, b: &mut RoleState| {
                std::mem::swap(&mut a.items, &mut b.items);
            };
            grown += growth(proto_size(&mut self.state, swap), proto_size(&mut **before, swap));
        }
        grown
    }

    fn too_deep(&mut self, _columns: u128) -> Option<u32> {
        None
    }

    fn has_new_unique(&self, columns: u128) -> bool {
        let differs = |before: &RoleState| before.name != self.state.name;
        columns & 1 != 0 && self.before.as_deref().is_some_and(differs)
    }

    fn take_back(&mut self, columns: u128) {
        if let Some(mut before) = self.before.take() {
            exchange(&mut self.state, &mut before, columns);
        }
    }

    fn forget_turn(&mut self) {
        self.before = None;
    }
}

fn exchange(a: &mut RoleState, b: &mut RoleState, columns: u128) {
    if columns & 1 != 0 {
        std::mem::swap(&mut a.name, &mut b.name);
    }
    if columns & (1 << 1) != 0 {
        std::mem::swap(&mut a.level, &mut b.level);
    }
    if columns & (1 << 2) != 0 {
        std::mem::swap(&mut a.items, &mut b.items);
    }
}
