//! An import as it is declared: configuration and preset put together, every part checked.

use regex::Regex;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use super::column::Column;
use super::preset;
use super::state::OWN;
use crate::config::{
    ApiConfig, ColumnConfig, ImportConfig, OnConflict, PasswordConfig, PasswordScheme, RuleConfig,
};
use crate::data::sql;

/// The most columns.
const MOST_COLUMNS: usize = 200;

/// The most rules.
const MOST_RULES: usize = 50;

/// The most decimals of a percentage.
const MOST_DECIMALS: u32 = 6;

/// An import, ready to check rows.
#[derive(Debug, Clone)]
pub struct Import {
    /// What people call it.
    pub name: String,
    /// The table.
    pub table: String,
    /// The columns that are written, in order; a password's hash is not among them.
    pub columns: Vec<Column>,
    /// The columns by which a row is known again, as places in `columns`; `None`: all of them.
    pub key: Option<Vec<usize>>,
    /// What becomes of a row whose key is in the table with other values.
    pub on_conflict: OnConflict,
    /// What holds between numbers of a row.
    pub products: Vec<Product>,
    /// What the database checks.
    pub sql_rules: Vec<SqlRule>,
    /// The column with passwords.
    pub password: Option<PasswordConfig>,
    /// How many rows may be bad where the good ones are taken.
    pub max_bad: Option<MaxBad>,
    /// The file that is read where none is named.
    pub csv: Option<String>,
    /// The API.
    pub api: ApiConfig,
}

/// A product of columns that equals another.
#[derive(Debug, Clone)]
pub struct Product {
    /// What people call it.
    pub name: String,
    /// The columns that are multiplied.
    pub of: Vec<usize>,
    /// The column that equals it.
    pub equals: usize,
    /// How far the two may lie apart.
    pub within: Decimal,
}

/// A condition that the database checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlRule {
    /// What people call it.
    pub name: String,
    /// An expression over the columns.
    pub sql: String,
}

/// How many rows may be bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxBad {
    /// So many.
    Rows(u64),
    /// So many of a hundred: 0 to 100.
    Percent(Decimal),
}

impl MaxBad {
    /// Reads `1%` or `20`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent = Decimal::from_str_exact(percent.trim()).ok()?.normalize();
                let is_share = (Decimal::ZERO..=Decimal::ONE_HUNDRED).contains(&percent);
                // Few enough digits that no product with a number of rows is rounded.
                (is_share && percent.scale() <= MOST_DECIMALS).then_some(Self::Percent(percent))
            }
            None => text.trim().parse().ok().map(Self::Rows),
        }
    }

    /// Returns the most rows of so many that may be bad.
    pub fn most(self, rows: u64) -> u64 {
        match self {
            Self::Rows(most) => most,
            Self::Percent(percent) => {
                let most = percent * Decimal::from(rows) / Decimal::ONE_HUNDRED;
                most.floor().to_u64().unwrap_or(rows)
            }
        }
    }

    /// Tells whether so many bad rows of so many are too many.
    pub fn is_exceeded(self, bad: u64, rows: u64) -> bool {
        bad > self.most(rows)
    }
}

/// As a person writes it: `1%`, `20`.
impl std::fmt::Display for MaxBad {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(most) => write!(formatter, "{most}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

/// What is wrong with the declaration of an import.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// There is none of that name.
    #[error("there is no import {name:?}; the imports are {}", known.join(", "))]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// A key of it is wrong.
    #[error("data.imports.{name}.{key}: {problem}")]
    Wrong {
        /// The import.
        name: String,
        /// The key.
        key: String,
        /// What is wrong.
        problem: String,
    },
}

/// Tells whether a text can be the name of a table or column: it is always quoted in SQL.
fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '-' | '.'))
}

/// Tells whether a name is one of those that tidegate gives itself, in any case: databases do not tell
/// upper from lower case.
fn is_own(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with(OWN)
}

/// A key of an import, and what is wrong with it.
type Wrong = (String, String);

fn columns(configs: &[ColumnConfig]) -> Result<Vec<Column>, Wrong> {
    let wrong = |problem: String| ("columns".to_owned(), problem);
    if configs.is_empty() || configs.len() > MOST_COLUMNS {
        let found = configs.len();
        return Err(wrong(format!("expected 1 to {MOST_COLUMNS} columns, found {found}")));
    }
    let mut columns: Vec<Column> = Vec::new();
    for config in configs {
        let name = &config.name;
        if !is_name(name) || is_own(name) {
            let expected = "expected a name of at most 63 letters, digits, _ and -, not of tidegate's own columns";
            return Err(wrong(format!("{expected}, found {name:?}")));
        }
        let column = Column::of(config).map_err(wrong)?;
        if columns.iter().any(|other| other.name.eq_ignore_ascii_case(name)) {
            return Err(wrong(format!("{name:?} stands there twice")));
        }
        if column.from.is_empty() {
            return Err(wrong(format!("{name:?}: `from` is empty")));
        }
        let from = column.from.to_lowercase();
        if let Some(other) = columns.iter().find(|other| other.from.to_lowercase() == from) {
            let other = &other.name;
            let problem = format!("{other:?} and {name:?} come from the same column of the source");
            return Err(wrong(problem));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// Returns the place of a column that a key names.
fn place(key: &str, name: &str, columns: &[Column]) -> Result<usize, Wrong> {
    let found = columns.iter().position(|column| column.name == name);
    found.ok_or_else(|| (key.to_owned(), format!("there is no column {name:?}")))
}

fn key(names: &[String], columns: &[Column]) -> Result<Vec<usize>, Wrong> {
    let wrong = |problem: String| ("key".to_owned(), problem);
    if names.is_empty() {
        let problem = "expected at least one column; leave the key out for all of them";
        return Err(wrong(problem.to_owned()));
    }
    let places = names.iter().map(|name| place("key", name, columns));
    let places = places.collect::<Result<Vec<_>, _>>()?;
    match places.iter().find(|place| columns[**place].nullable) {
        Some(nullable) => {
            let name = &columns[*nullable].name;
            Err(wrong(format!("{name:?} may be empty, so no row is known by it")))
        }
        None => Ok(places),
    }
}

fn rules(
    configs: Vec<RuleConfig>,
    columns: &[Column],
) -> Result<(Vec<Product>, Vec<SqlRule>), Wrong> {
    let wrong = |problem: String| ("rules".to_owned(), problem);
    if configs.len() > MOST_RULES {
        let found = configs.len();
        return Err(wrong(format!("expected at most {MOST_RULES}, found {found}")));
    }
    let (mut products, mut sql_rules) = (Vec::new(), Vec::new());
    for RuleConfig { name, product, equals, within, sql } in configs {
        let at = |problem: &str| wrong(format!("{name:?}: {problem}"));
        if name.is_empty() {
            return Err(wrong("expected a `name`, by which bad rows are told".to_owned()));
        }
        match (product.is_empty(), equals, sql) {
            (true, None, Some(sql)) => sql_rules.push(SqlRule { name, sql }),
            (false, Some(equals), None) => {
                let of = product.iter().map(|name| place("rules", name, columns));
                let of = of.collect::<Result<Vec<_>, _>>()?;
                let equals = place("rules", &equals, columns)?;
                let text = of.iter().chain([&equals]).find(|place| !columns[**place].is_number());
                if let Some(text) = text {
                    return Err(at(&format!("{:?} is no number", columns[*text].name)));
                }
                let within = Decimal::try_from(within.unwrap_or(0.01)).ok();
                let within = within.filter(|within| !within.is_sign_negative());
                let within = within.ok_or_else(|| at("expected `within` as a number from 0"))?;
                products.push(Product { name, of, equals, within });
            }
            (true | false, _, _) => {
                return Err(at("expected either `product` with `equals`, or `sql`"));
            }
        }
    }
    Ok((products, sql_rules))
}

fn max_bad(text: &str) -> Result<MaxBad, Wrong> {
    let expected = "expected a share or a number such as 1% or 20";
    MaxBad::parse(text).ok_or_else(|| ("max_bad".to_owned(), format!("{expected}, found {text:?}")))
}

fn password(password: &PasswordConfig, columns: &[Column]) -> Result<(), Wrong> {
    let wrong = |problem: &str| Err(("password".to_owned(), problem.to_owned()));
    let is_taken = |column: &Column| column.from == password.column || column.name == password.into;
    if columns.iter().any(is_taken) {
        return wrong("expected a column that is no other column of the import");
    }
    if !is_name(&password.into) || !is_name(&password.column) || is_own(&password.into) {
        return wrong("expected names of columns");
    }
    Ok(())
}

impl Import {
    /// Puts together an import: its entry, if there is one, over its preset, if there is one.
    pub fn of(name: &str, entry: Option<&ImportConfig>) -> Result<Option<Self>, ImportError> {
        let preset = entry.and_then(|entry| entry.preset).or_else(|| preset::named(name));
        let base = preset.map(preset::of);
        let merged = match (entry.cloned(), base) {
            (None, None) => return Ok(None),
            (Some(own), None) | (None, Some(own)) => own,
            (Some(own), Some(base)) => over(own, base),
        };
        Self::checked(name, merged).map(Some)
    }

    fn checked(name: &str, config: ImportConfig) -> Result<Self, ImportError> {
        let wrong =
            |(key, problem): Wrong| ImportError::Wrong { name: name.to_owned(), key, problem };
        let table = config.table.unwrap_or_else(|| name.to_owned());
        if !is_name(&table) || sql::parts(&table).iter().any(|part| is_own(part)) {
            let problem = "expected a name of at most 63 letters, digits, _ and -, not of tidegate's own tables";
            return Err(wrong(("table".to_owned(), problem.to_owned())));
        }
        let columns = columns(&config.columns).map_err(wrong)?;
        let key = config.key.as_deref().map(|names| self::key(names, &columns));
        let key = key.transpose().map_err(wrong)?;
        let (products, sql_rules) = rules(config.rules, &columns).map_err(wrong)?;
        let max_bad = config.max_bad.as_deref().map(max_bad).transpose().map_err(wrong)?;
        config.password.as_ref().map_or(Ok(()), |own| password(own, &columns)).map_err(wrong)?;
        let api = config.api.unwrap_or_default();
        super::api::check(&api, &columns)
            .map_err(|(key, problem)| wrong((format!("api.{key}"), problem)))?;
        Ok(Self {
            name: name.to_owned(),
            table,
            columns,
            key,
            on_conflict: config.on_conflict.unwrap_or_default(),
            products,
            sql_rules,
            password: config.password,
            max_bad,
            csv: config.csv,
            api,
        })
    }

    /// Returns the names of the columns in the source, in the order of the cells of [`Import::check`];
    /// the password is the last.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        let password = self.password.iter().map(|password| password.column.as_str());
        self.columns.iter().map(|column| column.from.as_str()).chain(password)
    }

    /// Returns the places of the columns by which a row is known again.
    pub fn key_places(&self) -> Vec<usize> {
        self.key.clone().unwrap_or_else(|| (0..self.columns.len()).collect())
    }

    /// Tells whether passwords are kept in a way that is easy to guess.
    pub fn is_weakly_hashed(&self) -> bool {
        self.password.as_ref().is_some_and(|password| match password.scheme {
            PasswordScheme::Argon2id => false,
            PasswordScheme::Sha256 => true,
        })
    }
}

/// What an entry says, and where it says nothing, its preset.
fn over(own: ImportConfig, base: ImportConfig) -> ImportConfig {
    let list = |own: Vec<_>, base| if own.is_empty() { base } else { own };
    ImportConfig {
        preset: own.preset,
        table: own.table.or(base.table),
        csv: own.csv.or(base.csv),
        api: own.api.or(base.api),
        columns: list(own.columns, base.columns),
        key: own.key.or(base.key),
        on_conflict: own.on_conflict.or(base.on_conflict),
        rules: if own.rules.is_empty() { base.rules } else { own.rules },
        password: own.password.or(base.password),
        max_bad: own.max_bad.or(base.max_bad),
    }
}

/// Compiles the pattern of a column, which the whole value has to match.
pub(super) fn whole(pattern: &str) -> Result<Regex, String> {
    let bounded = |text: &str| regex::RegexBuilder::new(text).size_limit(1 << 20).build();
    // By itself first: a bracket that it closes too often would close the one around it.
    let compiled = bounded(pattern).and_then(|_| bounded(&format!("^(?:{pattern})$")));
    compiled.map_err(|_| format!("{pattern:?} is no regular expression"))
}
