//! The messages and enums themselves: prost's work, set up for code that names `::guildhall` only.

use std::collections::BTreeSet;

use prost_build::{Config, Module};

use crate::error::{Error, Result};
use crate::protos::Protos;

/// Prost's code of each package, by its name.
pub(crate) fn messages(protos: &Protos) -> Result<Vec<(String, String)>> {
    let mut config = Config::new();
    config
        .prost_path("::guildhall::prost")
        .prost_types_path("::guildhall::prost_types")
        .bytes(["."])
        .btree_map(["."]);
    let requests = protos.pool.file_descriptor_protos().map(|file| {
        let module = Module::from_protobuf_package_name(file.package());
        (module, file.clone())
    });
    let mut modules = config
        .generate(requests.collect())
        .map_err(|err| Error::new(format!("prost cannot generate the messages: {err}")))?;
    let packages: BTreeSet<_> = protos.files().map(|file| file.package_name().to_owned()).collect();
    let code = packages.into_iter().map(|package| {
        let module = Module::from_protobuf_package_name(&package);
        // A package of services alone has no code yet.
        let code = modules.remove(&module).unwrap_or_default();
        (package, code)
    });
    Ok(code.collect())
}
