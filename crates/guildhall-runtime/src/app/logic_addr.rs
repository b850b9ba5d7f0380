//! The numbers of an app: its logic address, as the configuration says.

use guildhall_core::{AppId, LogicAddr, StartError};

use crate::config::AppConfig;

/// The logic address of the app `id`, where it has one.
pub(crate) fn logic_addr(app: &AppConfig, id: &AppId) -> Result<Option<LogicAddr>, StartError> {
    let reserved = |addr: LogicAddr, setting: &str| match addr.kind() {
        LogicAddr::HARBOR => Err(StartError::setting(
            "app.logic_addr",
            format!(
                "{setting}: type 255 of logic addresses is reserved for relays between worlds; use 1 to 254"
            ),
        )),
        _ => Ok(Some(addr)),
    };
    if !app.logic_addr.is_empty() {
        let addr = app.logic_addr.parse();
        let addr = addr
            .map_err(|e| StartError::setting("app.logic_addr", format!("app.logic_addr: {e}")))?;
        return reserved(addr, &format!("app.logic_addr = \"{addr}\""));
    }
    let numbers = (app.worlds.get(id.world()), app.funcs.get(id.func()));
    let (Some(world), Some(func)) = numbers else { return Ok(None) };
    let inst = id.inst().parse().ok();
    let addr = inst.and_then(|inst| LogicAddr::new(*world, *func, inst));
    let addr = addr.ok_or_else(|| {
        StartError::setting("app.logic_addr", format!(
            "app.worlds.{} = {world}, app.funcs.{} = {func} and inst `{}` of app.id are no logic address: they must be 1..4095, 1..254 and 0..4095; or set app.logic_addr",
            id.world(), id.func(), id.inst()
        ))
    })?;
    reserved(addr, &format!("app.funcs.{} = {func}", id.func()))
}
