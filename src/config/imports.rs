//! What `tidegate data import` brings into the database: where it comes from, what each column has to
//! be, and which rows are the same.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An import of rows from a CSV file or an API into a table. The imports `sales` and `users` are
/// there without an entry; an entry of that name, or with `preset`, changes what it names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ImportConfig {
    /// Where the keys that are not given are taken from; without the key, the preset with the
    /// import's name, else none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<ImportPreset>,
    /// The table; without the key, the import's name. It is made where it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The CSV file that is read where the command names none, from the root of the repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<String>,
    /// The API that is asked where the command names no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiConfig>,
    /// The columns, in the order of the table: 1 to 200.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnConfig>,
    /// The columns by which a row is known again; without the key, all of them: the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Vec<String>>,
    /// What becomes of a row whose key is in the table with other values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_conflict: Option<OnConflict>,
    /// What holds between the columns of a row: at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleConfig>,
    /// The column that holds passwords, and how they are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordConfig>,
    /// How many rows may be bad with `--accept-good-rows` before nothing is written: `1%`, or a
    /// number. `--max-bad` outranks it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bad: Option<String>,
}

/// An import that is there without an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportPreset {
    /// `date,user_id,product_name,quantity,unit_price,total_amount,region`.
    Sales,
    /// `username,email,role,initial_password`.
    Users,
}

/// What becomes of a row whose key is in the table with other values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// The table takes the new values.
    #[default]
    Update,
    /// The table keeps its values.
    Keep,
    /// The row is bad.
    Reject,
}

/// A column of an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnConfig {
    /// Its name in the table.
    pub name: String,
    /// Its name in the source; without the key, the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What its values are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// Whether it may be empty; without the key, it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nullable: Option<bool>,
    /// The smallest value that is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest value that is allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The value has to be greater than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// The values that are allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// The regular expression that the whole value matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The most characters; without the key, 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// Whether no two rows of the table may have the same value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<bool>,
    /// Whether a date or time after the import's own is allowed; without the key, it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub future: Option<bool>,
}

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Any text.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A number, with a point before its decimals.
    Number,
    /// An amount of money: at most 16 digits before the point and 2 after it.
    Amount,
    /// `true`, `false`, `1` or `0`.
    Boolean,
    /// `2026-02-07`.
    Date,
    /// `2026-02-07T19:53:58Z`, or with another offset; kept in UTC.
    Timestamp,
    /// An e-mail address; compared without regard to upper and lower case.
    Email,
}

/// What holds between the columns of a row. Either `product` with `equals`, or `sql`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleConfig {
    /// What people call it.
    pub name: String,
    /// The columns whose product is compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub product: Vec<String>,
    /// With `product`: the column that it equals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<String>,
    /// With `product`: how far the two may lie apart; without the key, `0.01`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<f64>,
    /// A condition over the columns, in the database's SQL; a row for which it is not true is bad.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<String>,
}

/// The column that holds passwords, and how they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordConfig {
    /// The column of the source. It is never written to the table.
    pub column: String,
    /// The column of the table that takes the hash; without the key, `password_hash`.
    #[serde(default = "password_hash")]
    pub into: String,
    /// How it is hashed.
    #[serde(default)]
    pub scheme: PasswordScheme,
}

fn password_hash() -> String {
    "password_hash".to_owned()
}

/// How a password is hashed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PasswordScheme {
    /// Argon2id in the PHC string format, with a salt of its own (RFC 9106).
    #[default]
    Argon2id,
    /// SHA-256 in hexadecimal, without a salt, for apps that still compare that. It can be guessed
    /// quickly: move the app to argon2id.
    Sha256,
}

/// An API that gives rows as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Its address; without the key, that in the variable `url_env`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The environment variable with its address; without the key, `<IMPORT>_API_URL`
    /// (`SALES_API_URL`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_env: Option<String>,
    /// The environment variable with its key; without the key, `<IMPORT>_API_KEY` (`SALES_API_KEY`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// The header that carries the key by itself; without the key, `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_header: Option<String>,
    /// Where the rows are in the answer, as a JSON pointer (RFC 6901): `/data/items`. Without the key,
    /// the answer is the array.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<String>,
    /// Parameters of every request. Not for secrets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The parameter that takes the first day; without the key, `start_date`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_parameter: Option<String>,
    /// The parameter that takes the last day; without the key, `end_date`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_parameter: Option<String>,
    /// The zone whose days those are, as an IANA name; without the key, `UTC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The column whose largest value is noted as the watermark: the next import begins there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watermark: Option<String>,
    /// How further pages are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<PagesConfig>,
    /// How long one request may take; without the key, `30s`. At most 10 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
}

/// How further pages of an API are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PagesConfig {
    /// In which way.
    pub by: PagesBy,
    /// The parameter of the page or the cursor; without the key, `page` or `cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// With `cursor`: where the next one is in the answer, as a JSON pointer; without the key,
    /// `/next_cursor`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// With `page`: the number of the first; without the key, 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<u32>,
    /// The parameter that takes the number of rows of a page, with `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_parameter: Option<String>,
    /// The number of rows of a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
}

/// In which way further pages are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PagesBy {
    /// By the address in the header `Link` with `rel="next"` (RFC 8288), on the same host only.
    Link,
    /// By a cursor in the answer.
    Cursor,
    /// By counting pages until one is empty.
    Page,
}
