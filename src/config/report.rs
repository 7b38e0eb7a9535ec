//! An entry of `require.reports`: a pattern, or a pattern with the job that writes the reports.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Reports of one kind, and who writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportConfig {
    /// The pattern of their paths, from the root of the work tree.
    pub path: String,
    /// The id of the job that writes them, as in the workflow's `needs`.
    pub job: Option<String>,
}

impl From<&str> for ReportConfig {
    fn from(path: &str) -> Self {
        Self { path: path.to_owned(), job: None }
    }
}

/// Which job writes the reports.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReportKeys {
    /// The pattern, from the root of the work tree; it must match a file.
    path: String,
    /// The job that writes them, by its id in `needs`: when its failed jobs were run again, a report
    /// that is older than the latest attempt of this job holds. Without the key, and for a pattern
    /// alone: older than the earliest of the latest attempts of the required jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<String>,
}

impl Serialize for ReportConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.job.is_none() {
            return self.path.serialize(serializer);
        }
        ReportKeys { path: self.path.clone(), job: self.job.clone() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ReportConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ReportConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pattern, or keys such as { path: \"reports/*.xml\", job: tests }")
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<ReportConfig, E> {
                Ok(path.into())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ReportConfig, A::Error> {
                let keys = ReportKeys::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ReportConfig { path: keys.path, job: keys.job })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for ReportConfig {
    fn schema_name() -> Cow<'static, str> {
        "ReportConfig".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let keys = generator.subschema_for::<ReportKeys>();
        json_schema!({ "anyOf": [{ "type": "string" }, keys] })
    }
}
