//! From bytes to a [`Config`].

use super::{Config, ConfigError, Place, Problem};

impl Config {
    /// Reads a configuration from the bytes of a file, which is called `name` in errors.
    ///
    /// # Errors
    /// [`ConfigError`] with the place in the file.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self, ConfigError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ConfigError::new(name, None, Problem::NotUtf8(error.valid_up_to())))?;
        serde_yaml::from_str(text).map_err(|error| {
            let place = error.location().map(|l| Place { line: l.line(), column: l.column() });
            ConfigError::new(name, place, Problem::Syntax(error.to_string()))
        })
    }
}
