//! An import as it is declared: configuration and preset put together, every part checked.

use regex::Regex;
use rust_decimal::Decimal;

use super::column::Column;
use super::preset;
use crate::config::{
    ApiConfig, ImportConfig, OnConflict, PasswordConfig, PasswordScheme, RuleConfig,
};

/// The most columns.
const MOST_COLUMNS: usize = 200;

/// The most rules.
const MOST_RULES: usize = 50;

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
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum MaxBad {
    /// So many.
    Rows(u64),
    /// A share of all: 0 to 1.
    Share(f64),
}

impl MaxBad {
    /// Reads `1%` or `20`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent: f64 = percent.trim().parse().ok()?;
                (0.0..=100.0).contains(&percent).then_some(Self::Share(percent / 100.0))
            }
            None => text.trim().parse().ok().map(Self::Rows),
        }
    }

    /// Returns the most rows of so many that may be bad.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of at most 1 of a number of rows is a number of rows"
    )]
    pub fn most(self, rows: u64) -> u64 {
        match self {
            Self::Rows(most) => most,
            Self::Share(share) => (share * rows as f64).floor() as u64,
        }
    }

    /// Tells whether so many bad rows of so many are too many.
    pub fn is_exceeded(self, bad: u64, rows: u64) -> bool {
        bad > self.most(rows)
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
        let wrong = |key: &str, problem: String| ImportError::Wrong {
            name: name.to_owned(),
            key: key.to_owned(),
            problem,
        };
        let table = config.table.unwrap_or_else(|| name.to_owned());
        if !is_name(&table) || table.starts_with("tidegate_") {
            let problem = "expected a name of at most 63 letters, digits, _ and -, not of tidegate's own tables";
            return Err(wrong("table", problem.to_owned()));
        }
        if config.columns.is_empty() || config.columns.len() > MOST_COLUMNS {
            let problem =
                format!("expected 1 to {MOST_COLUMNS} columns, found {}", config.columns.len());
            return Err(wrong("columns", problem));
        }
        let mut columns: Vec<Column> = Vec::new();
        for config in &config.columns {
            if !is_name(&config.name) || config.name.starts_with("tidegate_") {
                let problem = format!(
                    "expected a name of at most 63 letters, digits, _ and -, found {:?}",
                    config.name
                );
                return Err(wrong("columns", problem));
            }
            let column = Column::of(config).map_err(|problem| wrong("columns", problem))?;
            if columns.iter().any(|other| other.name.eq_ignore_ascii_case(&column.name)) {
                return Err(wrong("columns", format!("{:?} stands there twice", column.name)));
            }
            columns.push(column);
        }
        let place = |key: &str, wanted: &str| {
            columns
                .iter()
                .position(|column| column.name == wanted)
                .ok_or_else(|| wrong(key, format!("there is no column {wanted:?}")))
        };
        let key = match &config.key {
            None => None,
            Some(names) if names.is_empty() => {
                let problem = "expected at least one column; leave the key out for all of them";
                return Err(wrong("key", problem.to_owned()));
            }
            Some(names) => {
                Some(names.iter().map(|name| place("key", name)).collect::<Result<Vec<_>, _>>()?)
            }
        };
        if let Some(nullable) = key.iter().flatten().find(|place| columns[**place].nullable) {
            let problem =
                format!("{:?} may be empty, so no row is known by it", columns[*nullable].name);
            return Err(wrong("key", problem));
        }
        if config.rules.len() > MOST_RULES {
            return Err(wrong(
                "rules",
                format!("expected at most {MOST_RULES}, found {}", config.rules.len()),
            ));
        }
        let (mut products, mut sql_rules) = (Vec::new(), Vec::new());
        for rule in config.rules {
            let at = |problem: &str| wrong("rules", format!("{:?}: {problem}", rule.name));
            let either = "expected either `product` with `equals`, or `sql`";
            let RuleConfig { name, product, equals, within, sql } = &rule;
            match (product.is_empty(), equals, sql) {
                (true, None, Some(sql)) => {
                    sql_rules.push(SqlRule { name: name.clone(), sql: sql.clone() });
                }
                (false, Some(equals), None) => {
                    let of = product.iter().map(|name| place("rules", name));
                    let of = of.collect::<Result<Vec<_>, _>>()?;
                    let equals = place("rules", equals)?;
                    if let Some(text) =
                        of.iter().chain([&equals]).find(|place| !columns[**place].is_number())
                    {
                        return Err(at(&format!("{:?} is no number", columns[*text].name)));
                    }
                    let within = Decimal::try_from(within.unwrap_or(0.01))
                        .ok()
                        .filter(|within| !within.is_sign_negative())
                        .ok_or_else(|| at("expected `within` as a number from 0"))?;
                    products.push(Product { name: name.clone(), of, equals, within });
                }
                (true | false, _, _) => return Err(at(either)),
            }
        }
        let max_bad = match &config.max_bad {
            None => None,
            Some(text) => Some(MaxBad::parse(text).ok_or_else(|| {
                wrong(
                    "max_bad",
                    format!("expected a share or a number such as 1% or 20, found {text:?}"),
                )
            })?),
        };
        if let Some(password) = &config.password {
            if columns
                .iter()
                .any(|column| column.from == password.column || column.name == password.into)
            {
                let problem = "expected a column that is no other column of the import";
                return Err(wrong("password", problem.to_owned()));
            }
            if !is_name(&password.into) || !is_name(&password.column) {
                return Err(wrong("password", "expected names of columns".to_owned()));
            }
        }
        let api = config.api.unwrap_or_default();
        super::api::check(&api, &columns)
            .map_err(|(key, problem)| wrong(&format!("api.{key}"), problem))?;
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
    let bounded = regex::RegexBuilder::new(&format!("^(?:{pattern})$")).size_limit(1 << 20).build();
    bounded.map_err(|_| format!("{pattern:?} is no regular expression"))
}
