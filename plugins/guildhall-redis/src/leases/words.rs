//! Holdings, changes and answers of leases, as scripts write them.

use guildhall_core::leases::{Acquired, Holding, LeaseChange, Origin};
use guildhall_core::store::LeaseId;

use crate::reply::{Items, Wrong, uint};
use crate::script::holder_of;

/// Reads what scripts publish.
pub(super) fn read_change(text: &[u8]) -> Result<(LeaseId, LeaseChange), Wrong> {
    let text = std::str::from_utf8(text).map_err(|_| "a change that is no UTF-8")?;
    let (what, rest) = text.split_once('\n').ok_or("a change that is none")?;
    match what {
        "free" => Ok((rest.into(), LeaseChange::Free(rest.into()))),
        "held" => {
            // The last line: an id may have any character.
            let (id, text) = rest.rsplit_once('\n').ok_or("a change that is none")?;
            Ok((id.into(), LeaseChange::Held(id.into(), holding(text)?)))
        }
        _ => Err("a change of another version".to_owned()),
    }
}

/// Reads `epoch app incarnation` and perhaps the epoch and offer that it comes from.
pub(super) fn holding(text: &str) -> Result<Holding, Wrong> {
    let (epoch, rest) = text.split_once(' ').ok_or("a holding that is none")?;
    let mut parts = rest.splitn(3, ' ');
    let holder = format!("{} {}", parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let from = origin(parts.next().unwrap_or_default())?;
    Ok(Holding { holder: holder_of(&holder)?, epoch: uint(epoch)?, from })
}

fn origin(text: &str) -> Result<Option<Origin>, Wrong> {
    let Some((epoch, offer)) = text.trim_start().split_once(' ') else { return Ok(None) };
    Ok(Some(Origin { epoch: uint(epoch)?, offer: uint(offer)? }))
}

pub(super) fn acquired(mut items: Items) -> Result<Acquired, Wrong> {
    let came_to = items.text()?;
    let epoch = items.uint()?;
    let text = items.text()?;
    match came_to.as_str() {
        "held" => Ok(Acquired::Held { epoch, from: origin(&text)? }),
        "taken" => Ok(Acquired::Taken { holder: holder_of(&text)?, epoch }),
        _ => Err("an answer of another version".to_owned()),
    }
}
