//! How the database is looked after: what makes it healthy, where it is backed up, and what runs when.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::notify::HookConfig;
use crate::model::BackupUrl;

/// What `tidegate data health-check` expects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// The tables that have to be there; without the key, those of the imports that ever ran.
    pub tables: BTreeMap<String, TableHealthConfig>,
    /// How old the last import may be (`26h`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_import_age: Option<String>,
    /// How old the last backup may be; without the key, `26h` where there is a `backup`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_backup_age: Option<String>,
    /// The free space that the disk of the database needs; without the key, twice the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_free: Option<String>,
}

/// What is expected of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableHealthConfig {
    /// The least rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_rows: Option<u64>,
    /// The column with the date or time of a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// With `column`: how old the newest row may be (`60h`, `2d`). A date counts from its midnight in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<String>,
}

/// Where `tidegate data backup` keeps copies of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BackupConfig {
    /// A store with a folder or a container, such as `s3://bucket/sales/`, `azure://account/sales/` or
    /// `file:///backups`; without a folder it is `backups`. Without the key, the bucket of
    /// `AWS_S3_BACKUP_BUCKET`, else the folder `backups` beside the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<BackupUrl>,
    /// The store's address, where it is not the usual one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region of an S3 bucket; without the key, `AWS_REGION`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The days that a backup is kept.
    pub keep_days: u32,
    /// How many of the newest are kept, however old they are.
    pub keep_last: u32,
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self { to: None, endpoint: None, region: None, keep_days: 30, keep_last: 7 }
    }
}

/// What `tidegate schedule` runs, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleConfig {
    /// The zone of the cron fields, as an IANA name; without the key, `UTC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The tasks by name: at most 50. `sales` (02:00), `health` (each hour), `backup` (03:00) and `prune`
    /// (Sunday 04:00) are always there: an entry of that name changes what it names.
    pub tasks: BTreeMap<String, TaskConfig>,
    /// How long a running task may go on after the schedule was told to stop; without the key, `1m`. At
    /// most 1 hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<String>,
    /// What is run or called when a task fails, brings no data, or works again: at most ten.
    pub after_alert: Vec<HookConfig>,
}

/// A task of the schedule. One of `import`, `run` or `off`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TaskConfig {
    /// When: five fields of cron (`0 2 * * *`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The zone of `cron`; without the key, that of the schedule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The import that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub import: Option<String>,
    /// With `import`: the days that are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// What else runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<TaskKind>,
    /// How long it may take; without the key, `1h`. At most 6 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// `true`: a usual task that does not run.
    pub off: bool,
}

/// What a task runs besides imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// `data health-check`.
    HealthCheck,
    /// `data backup`.
    Backup,
    /// `data backup --prune`.
    Prune,
    /// `data.before` and `data.aggregates`.
    Aggregates,
    /// `sync`.
    Sync,
}
