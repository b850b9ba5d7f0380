//! Misuse of entities and their fields.

use crate::{accept, check};

/// An entity with a key `id`, and `field` on line 3 from column 3.
fn with(field: &str) -> String {
    format!("message State {{ option (guildhall.entity) = {{ table: \"s\" }}; {KEY}\n  {field}\n}}")
}

const KEY: &str = "string id = 1 [(guildhall.field) = { key: true }];";

#[test]
fn an_entity_has_exactly_one_key() {
    check(
        "message State { option (guildhall.entity) = { table: \"s\" }; string id = 1; }",
        "2:1: error: entity `State` has no key; mark one field with [(guildhall.field) = { key: true }]",
    );
    check(
        &with("string other = 2 [(guildhall.field) = { key: true }];"),
        "3:3: error: entity `State` has 2 key fields; an entity has exactly one",
    );
}

#[test]
fn the_key_of_an_entity_is_of_a_key_type() {
    for kind in ["string", "int32", "int64", "uint32", "uint64"] {
        accept(&format!(
            "message State {{ option (guildhall.entity) = {{ table: \"s\" }};
               {kind} id = 1 [(guildhall.field) = {{ key: true }}]; }}"
        ));
    }
    for (field, problem) in [
        ("double id", "has type double; a key is a string, int32, int64, uint32 or uint64"),
        ("repeated string id", "is repeated; a key is one value"),
        ("optional string id", "is optional; a key is always there: drop `optional`"),
    ] {
        check(
            &format!(
                "message State {{ option (guildhall.entity) = {{ table: \"s\" }};\n  \
                 {field} = 1 [(guildhall.field) = {{ key: true }}]; }}"
            ),
            &format!("3:3: error: key `id` of State {problem}"),
        );
    }
}

#[test]
fn an_entity_has_a_table_of_its_own() {
    check(
        &format!("message State {{ option (guildhall.entity) = {{ }}; {KEY} }}"),
        "2:1: error: entity `State` names no table; add table: \"...\"",
    );
    let entity = |name| {
        format!("message {name} {{ option (guildhall.entity) = {{ table: \"role\" }}; {KEY} }}\n")
    };
    check(
        &(entity("A") + &entity("B")),
        "3:1: error: entities `t.A` and `t.B` share table `role`; rename one",
    );
}

#[test]
fn an_entity_is_not_inside_another_message() {
    check(
        &format!(
            "message Outer {{\n  message State {{ option (guildhall.entity) = {{ table: \"s\" }}; {KEY} }} }}"
        ),
        "3:3: error: entity `State` is inside another message; move it out",
    );
}

#[test]
fn the_column_of_wakes_is_nobodys_field() {
    check(
        &format!(
            "message State {{ option (guildhall.entity) = {{ table: \"s\" wakes: true }};\n  {KEY}\n  uint64 guildhall_wake = 2; }}"
        ),
        "4:3: error: `State.guildhall_wake` is the column that wakes: true adds; rename the field",
    );
}

#[test]
fn field_options_are_for_entities() {
    check(
        "message Plain {\n  string a = 1 [(guildhall.field) = { index: true }]; }",
        "3:3: error: `Plain.a` has guildhall.field options other than views, but Plain is no entity; \
         add option (guildhall.entity), or drop them",
    );
}

#[test]
fn fields_that_are_no_columns_are_errors() {
    check(
        &with("oneof o {\n  string a = 2; }"),
        "4:3: error: `State.a` is in a oneof, which is no column; put the oneof into a message of its own",
    );
    check(
        &with("State parent = 2;"),
        "3:3: error: `State.parent` contains State again; make it repeated",
    );
    check(
        &(with("Node node = 2;") + "message Node { State state = 1; }"),
        "3:3: error: `State.node` contains State again; make it repeated",
    );
    accept(&with("repeated State children = 2;"));
}

#[test]
fn unique_and_index_are_for_scalars() {
    for field in ["repeated string a", "map<string, string> a", "optional string a", "Rsp a"] {
        for option in ["unique", "index"] {
            check(
                &with(&format!("{field} = 2 [(guildhall.field) = {{ {option}: true }}];")),
                &format!(
                    "3:3: error: `State.a` is {option}, which is for scalars that are neither \
                     optional nor repeated"
                ),
            );
        }
    }
}

#[test]
fn an_entity_has_at_most_128_fields_beside_its_key() {
    let fields = |count: usize| {
        let fields = (0..count).map(|n| format!("int32 f{n} = {};", n + 2));
        with(&fields.collect::<String>())
    };
    accept(&fields(128));
    check(
        &fields(129),
        "2:1: error: entity `State` has 129 fields beside its key, the limit is 128; \
         put some into a message",
    );
}

#[test]
fn views_are_declared_by_use_and_named_like_fields() {
    accept(&with("string a = 2 [(guildhall.field) = { views: \"brief\" views: \"own_team\" }];"));
    check(
        &with("string a = 2 [(guildhall.field) = { views: \"Own Team\" }];"),
        "2:1: error: view `Own Team` of State is not a name like `brief` or `own_team`",
    );
    check(
        &with("string a = 2 [(guildhall.field) = { views: \"a_b\" views: \"a__b\" }];"),
        "2:1: error: views `a_b` and `a__b` of State are one name in Rust; rename one",
    );
}

#[test]
fn a_part_of_an_entity_has_views_of_its_own() {
    let badge = |field: &str, views: &str| {
        format!(
            "message State {{ option (guildhall.entity) = {{ table: \"s\" }}; {KEY}\n  \
             {field} = 2 [(guildhall.field) = {{ views: \"brief\" }}]; }}\n\
             message Badge {{\n  string name = 1 [(guildhall.field) = {{ {views} }}]; }}"
        )
    };
    for field in ["Badge badge", "repeated Badge badges", "map<string, Badge> badges"] {
        accept(&badge(field, "views: \"brief\""));
    }
    check(
        &badge("Badge badge", "views: \"breif\" views: \"brief\""),
        "5:3: error: view `breif` of `Badge.name` shows nothing: no field that holds Badge is in view `breif`",
    );
}

#[test]
fn a_view_without_a_field_is_an_error() {
    check(
        &("message State { option (guildhall.entity) = { table: \"s\" };".to_owned()
            + KEY
            + "\n  Badge badge = 2 [(guildhall.field) = { views: \"brief\" views: \"full\" }]; }\n"
            + "message Badge { string name = 1 [(guildhall.field) = { views: \"full\" }]; }"),
        "3:3: error: `State.badge` is in view `brief`, but no field of Badge is; \
         add views: \"brief\" to what may be seen of it, or drop it here",
    );
}
