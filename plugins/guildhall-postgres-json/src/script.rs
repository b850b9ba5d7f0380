//! The script: a schema, the functions that decode, and a view per entity.

use std::fmt::Write as _;

use crate::text::{body, fill, literal, quoted};
use crate::types::{Entities, NAME_MAX, types_json};

/// What the name of the views' schema has after that of the store's.
const SUFFIX: &str = "_json";

impl Entities {
    /// The SQL that makes the views of the store in `schema`, in a schema of their own: `guildhall_json` for `guildhall`. It is one
    /// transaction and may run again at any time.
    ///
    /// # Errors
    /// A name of a schema that is empty or too long for a second one beside it; no entity.
    pub fn sql(&self, schema: &str) -> Result<String, String> {
        let most = NAME_MAX - SUFFIX.len();
        if schema.is_empty() || schema.len() > most || schema.contains('\0') {
            let cut: String = schema.chars().take(NAME_MAX).collect();
            return Err(format!("the schema {cut:?} must have 1 to {most} bytes and no NUL"));
        }
        if self.is_empty() {
            return Err("there is no entity: no message with option (guildhall.entity)".to_owned());
        }
        let views = format!("{schema}{SUFFIX}");
        let names = [
            ("@views@", quoted(&views)),
            ("@views_text@", literal(&views)),
            ("@store_text@", literal(schema)),
            ("@messages@", literal(&types_json(&self.messages))),
            ("@enums@", literal(&types_json(&self.enums))),
            ("@tables@", self.rows()),
        ];
        let names = names.each_ref().map(|(place, value)| (*place, value.as_str()));
        let [strict, lenient, make] = [
            include_str!("script/strict.sql"),
            include_str!("script/lenient.sql"),
            include_str!("script/make.sql"),
        ]
        .map(|template| body(&fill(template, &names)));
        let bodies = [("@strict@", strict.as_str()), ("@lenient@", &lenient), ("@make@", &make)];
        Ok(fill(include_str!("script/script.sql"), &[&names[..], &bodies].concat()))
    }

    /// A row per entity: its table, its message, its columns with protobuf bytes.
    fn rows(&self) -> String {
        let mut rows = String::new();
        for (table, entity) in &self.tables {
            let columns: Vec<_> = entity.columns.values().map(|name| literal(name)).collect();
            let _ = write!(
                rows,
                "{}    ({}, {}, ARRAY[{}]::text[])",
                if rows.is_empty() { "" } else { ",\n" },
                literal(table),
                literal(&entity.message),
                columns.join(", ")
            );
        }
        rows
    }
}

#[cfg(test)]
mod tests;
