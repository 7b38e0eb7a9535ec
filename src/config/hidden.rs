//! The environment variables whose values nobody may see.

use std::collections::BTreeSet;

use super::{Config, DataConfig};
use crate::data::import::PRESETS;
use crate::data::import::api::key_variable;

impl Config {
    /// The variables that hold secrets of the project: what containers and commands are given, signed URLs,
    /// and the keys of the APIs of imports. Those of channels and hooks are not among them: of their
    /// values, only parts are secret.
    pub fn hidden_variables(&self) -> BTreeSet<String> {
        let none = DataConfig::default();
        let data = self.data.as_ref().unwrap_or(&none);
        let own = self.secret_variables().into_iter().chain(data.url_variables());
        own.map(str::to_owned).chain(data.key_variables()).collect()
    }
}

impl DataConfig {
    /// The variables with the keys of the APIs of imports, also of those that are there without an entry.
    fn key_variables(&self) -> impl Iterator<Item = String> {
        let declared = self
            .imports
            .iter()
            .map(|(name, import)| key_variable(name, &import.api.clone().unwrap_or_default()));
        let usual =
            PRESETS.into_iter().map(|name| key_variable(name, &super::ApiConfig::default()));
        declared.chain(usual)
    }
}
