//! The data of a release: where it is kept, what of it is synced and published, and what it has to
//! pass.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BackupConfig, Config, HealthConfig, ImportConfig};
use crate::data::DataPlace;
use crate::model::StoreUrl;

/// The data of a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Where it is kept: `azure://account/`, `s3://bucket/`, `gs://bucket/` or `file:///folder`.
    /// Without the key, nothing is synced or published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreUrl>,
    /// The store's address, where it is not the usual one (`https://minio.acme.example`); plain
    /// `http://` on this machine only. `AZURE_STORAGE_ENDPOINT` and `AWS_ENDPOINT_URL` outrank it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region of an S3 bucket; without the key, `AWS_REGION`, else `us-east-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// What is kept there: folders of files (`path`), and at most one published database (`file`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub layers: BTreeMap<String, LayerConfig>,
    /// The database that `tidegate data import`, `health-check` and `backup` work on, from the root of
    /// the repository; without the key, the layer with `file`. `DATABASE_PATH` outranks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// What is brought into it, by name: at most 50.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub imports: BTreeMap<String, ImportConfig>,
    /// What makes it healthy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthConfig>,
    /// Where copies of it are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupConfig>,
    /// Where the sync notes what it has sent.
    #[serde(default = "manifest")]
    pub manifest: String,
    /// Whether the gate publishes the database together with the code.
    #[serde(default)]
    pub publish: DataPublish,
    /// The job in the gate's `needs` that makes the data, checks it and uploads it unseen with
    /// `sync --candidate`; its output `data-version` names it. The gate then makes none itself, and
    /// where the job fails, nothing is promoted and nothing is reverted. Without the key, the gate
    /// takes the output of any job that has one, else it makes the data itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// Commands that make the data, such as `dbt run`: at most 20, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<DataStepConfig>,
    /// SQL that fills summary tables after `before`: at most 100, in order. Each has to give the same
    /// result when it runs twice. It runs on the layer with `file`, else on `database`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregates: Vec<AggregateConfig>,
    /// What the data has to show before it is published: at most 200.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<DataCheckConfig>,
    /// The oldest version of DuckDB that has to read the published file (`1.2.0`); without the key,
    /// the version that the app's requirements, project or lock file pins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader_version: Option<String>,
    /// How DuckDB is run.
    #[serde(default)]
    pub duckdb: DuckdbConfig,
    /// How files are sent.
    #[serde(default)]
    pub transfer: TransferConfig,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            store: None,
            endpoint: None,
            region: None,
            layers: BTreeMap::new(),
            database: None,
            imports: BTreeMap::new(),
            health: None,
            backup: None,
            manifest: manifest(),
            publish: DataPublish::default(),
            job: None,
            before: Vec::new(),
            aggregates: Vec::new(),
            checks: Vec::new(),
            reader_version: None,
            duckdb: DuckdbConfig::default(),
            transfer: TransferConfig::default(),
        }
    }
}

fn manifest() -> String {
    "data/metadata/sync_manifest.json".to_owned()
}

/// Whether the gate publishes the database together with the code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataPublish {
    /// With every release of code.
    #[default]
    WithRelease,
    /// By `tidegate sync` only; a release of code keeps the data that is live.
    Separately,
}

/// A layer: a folder of files (`path`), or the published database (`file`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LayerConfig {
    /// The folder, from the root of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// With `path`: which files, below it; without the key, `**/*.parquet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The database, from the root of the repository: `.duckdb`, or `.db` and `.sqlite` for SQLite.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The container in an Azure account, or the folder in a bucket; without the key, the layer's
    /// name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// With `file`: how long published versions and backups are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backups: Option<BackupsConfig>,
    /// With `file`: the signed URL that apps read it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_url: Option<SignedUrlConfig>,
    /// With `path`: how long files stay where they are quick to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<LifecycleConfig>,
}

/// How long published versions and backups are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackupsConfig {
    /// The days that each is kept.
    pub keep_days: u32,
    /// How many of the newest are kept, however old they are.
    pub keep_last: u32,
}

impl Default for BackupsConfig {
    fn default() -> Self {
        Self { keep_days: 30, keep_last: 7 }
    }
}

/// The signed URL that apps read the database by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignedUrlConfig {
    /// The days that it is valid: 1 to 3650. Where no account key signs it, at most 7.
    pub valid_days: u32,
    /// The file that it is written to, readable by its owner only. It must not be committed.
    pub write_to: String,
    /// The key of the line for `secrets.toml`.
    pub secret: String,
}

impl Default for SignedUrlConfig {
    fn default() -> Self {
        Self {
            valid_days: 365,
            write_to: "azure_analytics_url.txt".to_owned(),
            secret: "AZURE_ANALYTICS_URL".to_owned(),
        }
    }
}

/// How long files stay where they are quick to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LifecycleConfig {
    /// The days after which a file moves to the cool tier.
    pub cool_days: u32,
    /// The days after which it moves to the archive.
    pub archive_days: u32,
}

impl Default for LifecycleConfig {
    fn default() -> Self {
        Self { cool_days: 30, archive_days: 90 }
    }
}

/// A command that makes the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataStepConfig {
    /// The command, for `sh -c`.
    pub run: String,
    /// The folder that it runs in, from the root of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<String>,
    /// How long it may take (`20m`); without the key, 30 minutes. At most 6 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Its environment, besides the gate's own without tidegate's secrets. Not for secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
}

/// SQL that fills a summary table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AggregateConfig {
    /// What people call it.
    pub name: String,
    /// The statements; all in one transaction.
    pub sql: String,
}

/// What the data has to show. With `sql`, the query gives one value: `true`, or a number within the
/// bounds. With `kind`, tidegate writes the query.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DataCheckConfig {
    /// What people call it.
    pub name: String,
    /// A query that gives one value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
    /// A usual question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<DataCheckKind>,
    /// With `kind`: the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// With `nulls`, `distinct` and `freshness`: the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The smallest number that passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest number that passes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How far the number may lie below that of the served version: `5%`, or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_drop: Option<String>,
    /// How far the number may lie above that of the served version: `50%`, or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rise: Option<String>,
    /// With `freshness`: how old the newest value may be (`36h`, `2d`). A date counts from its midnight in
    /// UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
    /// `false`: reported, and never in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
}

/// A usual question about a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataCheckKind {
    /// How many rows it has.
    Rows,
    /// How many rows have no value in the column.
    Nulls,
    /// How many different values the column has.
    Distinct,
    /// How old the newest value of the column is.
    Freshness,
    /// Whether the columns of the served version are all there, with their types.
    Schema,
}

/// How DuckDB is run: by the team's own `duckdb` command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DuckdbConfig {
    /// The command; without the key, `duckdb` on `PATH`. A path is taken from the root of the
    /// repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The most memory (`2GB`); without the key, DuckDB's own bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<String>,
    /// How long one operation may take (`10m`, the default). At most 6 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// How files are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TransferConfig {
    /// The most files at once; without the key, 64. At most 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u16>,
    /// The share of the store's files that `sync --delete` may delete at once: without the key, `10%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_delete: Option<String>,
}

impl DataConfig {
    /// Returns where the database is served: the place that stands in records.
    pub fn place(&self) -> Option<DataPlace> {
        let (name, layer, file) = self.database()?;
        Some(DataPlace {
            store: self.store.clone()?,
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            container: layer.container(name).to_owned(),
            file: file.rsplit('/').next().unwrap_or(file).to_owned(),
        })
    }

    /// Returns the published database: its layer's name and configuration, and its file.
    pub fn database(&self) -> Option<(&str, &LayerConfig, &str)> {
        self.layers
            .iter()
            .find_map(|(name, layer)| Some((name.as_str(), layer, layer.file.as_deref()?)))
    }

    /// Returns the names of the variables that hold signed URLs of the data, for whoever reads it.
    pub fn url_variables(&self) -> impl Iterator<Item = &str> {
        self.layers.values().filter_map(|layer| Some(layer.signed_url.as_ref()?.secret.as_str()))
    }

    /// Returns the folders of files: name, configuration, folder.
    pub fn trees(&self) -> impl Iterator<Item = (&str, &LayerConfig, &str)> {
        self.layers
            .iter()
            .filter_map(|(name, layer)| Some((name.as_str(), layer, layer.path.as_deref()?)))
    }
}

impl LayerConfig {
    /// Returns the container of the layer that is called `name`.
    pub fn container<'a>(&'a self, name: &'a str) -> &'a str {
        self.container.as_deref().unwrap_or(name)
    }

    /// Returns the pattern of a folder of files.
    pub fn pattern(&self) -> &str {
        self.pattern.as_deref().unwrap_or("**/*.parquet")
    }
}

impl Config {
    /// Tells whether a release of code publishes a database with it.
    pub fn publishes_data(&self) -> bool {
        self.data.as_ref().is_some_and(|data| {
            data.publish == DataPublish::WithRelease && data.database().is_some()
        })
    }
}
