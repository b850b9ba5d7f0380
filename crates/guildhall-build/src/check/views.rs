//! Checks views: each contains a field, and nested messages declare their own views.

use std::collections::HashMap;

use super::report::Report;
use crate::program::{Program, Viewed};
use crate::rust::camel;

pub(super) fn message(viewed: &Viewed, program: &Program, report: &mut Report<'_>) {
    names(viewed, report);
    let name = viewed.desc.name();
    for field in &viewed.fields {
        let label = format!("{name}.{}", field.desc.name());
        for view in &field.options.views {
            // Who sees nothing of a part must not see all of it.
            if let Some(part) = field.nested(program)
                && !part.views().contains(&view.as_str())
            {
                report.at(
                    &field.desc,
                    format!(
                        "`{label}` is in view `{view}`, but no field of {part} is; add views: \"{view}\" to what may be seen of it, or drop it here",
                        part = part.desc.name()
                    ),
                );
            }
            let holds = |other: &&Viewed| {
                let mut fields = other.fields.iter().filter(|field| field.is_in(view));
                fields.any(|field| field.nested(program).is_some_and(|it| it.desc == viewed.desc))
            };
            let is_entity = program.entities.iter().any(|entity| entity.desc == viewed.desc);
            let mut others = program.viewed.iter().filter(|other| other.desc != viewed.desc);
            if !is_entity && !others.any(|other| holds(&other)) {
                report.at(
                    &field.desc,
                    format!("view `{view}` of `{label}` shows nothing: no field that holds {name} is in view `{view}`"),
                );
            }
        }
    }
}

fn names(viewed: &Viewed, report: &mut Report<'_>) {
    let (desc, name) = (&viewed.desc, viewed.desc.name());
    let mut variants = HashMap::new();
    for view in viewed.views() {
        let plain = view.starts_with(|c: char| c.is_ascii_lowercase())
            && view.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !plain {
            let why = format!("view `{view}` of {name} is not a name like `brief` or `own_team`");
            report.at(desc, why);
        } else if let Some(other) = variants.insert(camel(view), view) {
            let why =
                format!("views `{other}` and `{view}` of {name} are one name in Rust; rename one");
            report.at(desc, why);
        }
    }
}
