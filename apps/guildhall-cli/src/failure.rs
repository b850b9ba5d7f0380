//! The text of a failed call: code, reason, message, and whether it ran.

use guildhall_core::{Effect, Status, status::reason};
use prost_reflect::{DescriptorPool, DynamicMessage, Value};

/// Some lines. `types` gives names to a game's own reasons and details.
pub(crate) fn describe(path: &str, status: &Status, types: Option<&DescriptorPool>) -> String {
    let mut lines = vec![format!("error: {path}: {}: {}", status.code().name(), status.message())];
    let (reason, number) = (status.reason(), status.reason().number());
    if reason != reason::NONE {
        let name = reason.name().map(str::to_owned).or_else(|| game_name(number, types?));
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        lines.push(format!("  reason  {number}{name}"));
    }
    let effect = match status.effect() {
        Effect::NotRun => "NotRun: nothing happened, it may be called again",
        Effect::MayHaveRun => "MayHaveRun: nobody can say; look before you call it again",
        Effect::Ran => "Ran: this is what the handler answered",
    };
    lines.push(format!("  effect  {effect}"));
    for detail in status.details() {
        let shown = types.and_then(|types| types.get_message_by_name(&detail.kind));
        let shown = shown.and_then(|desc| DynamicMessage::decode(desc, detail.value.clone()).ok());
        let shown = shown.and_then(|message| serde_json::to_string(&message).ok());
        let shown = shown.unwrap_or_else(|| format!("{} bytes", detail.value.len()));
        lines.push(format!("  detail  {} {shown}", detail.kind));
    }
    lines.join("\n")
}

/// The value of an error enum (`option (guildhall.errors) = { base: 1200 }`) that has this number.
fn game_name(number: u32, types: &DescriptorPool) -> Option<String> {
    let errors = types.get_extension_by_name("guildhall.errors")?;
    types.all_enums().find_map(|kind| {
        let options = kind.options();
        let errors = options.has_extension(&errors).then(|| options.get_extension(&errors))?;
        let base =
            errors.as_message()?.get_field_by_name("base").as_deref().and_then(Value::as_u32)?;
        let value = kind.get_value(i32::try_from(number.checked_sub(base)?).ok()?)?;
        Some(value.name().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use guildhall_core::Reason;

    #[test]
    fn every_reason_of_the_framework_has_its_name() {
        let docs = include_str!("../../../docs/semantics.md");
        let rows = docs.lines().filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            Some((cells.next()?.parse().ok()?, cells.next()?))
        });
        let rows: Vec<(u32, &str)> = rows.collect();
        assert!(rows.len() > 25, "the table of reasons: {rows:?}");
        for (number, name) in rows {
            assert_eq!(Reason::new(number).name(), Some(name), "reason {number}");
        }
    }
}
