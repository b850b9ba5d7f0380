//! Reloads of an app: resources, configuration sections, hooks.

use std::fmt::Display;

use guildhall_core::config::Config;

use super::App;
use crate::call::Cx;
use crate::serve::reload::{Commit, Reloaded};
use crate::serve::resources::{Loader, Loading, ResourceError};

impl App {
    /// Adds a resource, which `load` makes from the files below `resources.dir`, at the start and at each reload. A reload replaces
    /// all resources or none: if one loader fails, the loaded version stays.
    pub fn resource<T: Send + Sync + 'static>(
        mut self,
        load: impl Fn(&Loading<'_>) -> Result<T, ResourceError> + Send + Sync + 'static,
    ) -> Self {
        self.reloads.add_loader(Loader::new(load));
        self
    }

    /// Calls `hook` after each reload.
    pub fn on_reload(mut self, hook: impl Fn(&Cx, &Reloaded) + Send + Sync + 'static) -> Self {
        self.reloads.add_hook(Box::new(hook));
        self
    }

    /// Makes the section `section` of the configuration reloadable. At the start, and when one of its keys has changed, `prepare`
    /// reads and validates it. The function that it returns applies the change, after everything else was validated too.
    pub fn reload_section<C, E>(
        mut self,
        section: &str,
        prepare: impl Fn(&Config) -> Result<C, E> + Send + Sync + 'static,
    ) -> Self
    where
        C: FnOnce() + Send + 'static,
        E: Display,
    {
        let prepare = move |config: &Config| match prepare(config) {
            Ok(commit) => Ok(Box::new(commit) as Commit),
            Err(error) => Err(error.to_string()),
        };
        self.reloads.add_section(section, Box::new(prepare));
        self
    }
}
