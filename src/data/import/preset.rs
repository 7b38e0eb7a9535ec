//! The imports that are there without an entry in the configuration.

use crate::config::{
    ColumnConfig, ColumnType, ImportConfig, ImportPreset, OnConflict, PasswordConfig,
    PasswordScheme, RuleConfig,
};

/// The imports that are there without configuration, by their names.
pub const PRESETS: [&str; 2] = ["sales", "users"];

fn column(name: &str, kind: ColumnType) -> ColumnConfig {
    ColumnConfig {
        name: name.to_owned(),
        from: None,
        kind,
        nullable: None,
        min: None,
        max: None,
        above: None,
        one_of: Vec::new(),
        pattern: None,
        max_length: None,
        unique: None,
        future: None,
    }
}

/// Returns what a preset says.
pub(super) fn of(preset: ImportPreset) -> ImportConfig {
    match preset {
        ImportPreset::Sales => sales(),
        ImportPreset::Users => users(),
    }
}

/// Returns the preset of an import's name.
pub(super) fn named(name: &str) -> Option<ImportPreset> {
    match name {
        "sales" => Some(ImportPreset::Sales),
        "users" => Some(ImportPreset::Users),
        _ => None,
    }
}

fn sales() -> ImportConfig {
    let amount = |name| ColumnConfig { min: Some(0.0), ..column(name, ColumnType::Amount) };
    ImportConfig {
        columns: vec![
            ColumnConfig { future: Some(false), ..column("date", ColumnType::Date) },
            column("user_id", ColumnType::Integer),
            ColumnConfig { max_length: Some(500), ..column("product_name", ColumnType::Text) },
            ColumnConfig { above: Some(0.0), ..column("quantity", ColumnType::Integer) },
            amount("unit_price"),
            amount("total_amount"),
            ColumnConfig { max_length: Some(200), ..column("region", ColumnType::Text) },
        ],
        rules: vec![RuleConfig {
            name: "total".to_owned(),
            product: vec!["quantity".to_owned(), "unit_price".to_owned()],
            equals: Some("total_amount".to_owned()),
            within: Some(0.01),
            sql: None,
        }],
        ..ImportConfig::default()
    }
}

fn users() -> ImportConfig {
    ImportConfig {
        columns: vec![
            ColumnConfig {
                max_length: Some(100),
                unique: Some(true),
                ..column("username", ColumnType::Text)
            },
            ColumnConfig { unique: Some(true), ..column("email", ColumnType::Email) },
            ColumnConfig {
                one_of: ["admin", "manager", "analyst", "viewer", "user"]
                    .map(str::to_owned)
                    .to_vec(),
                ..column("role", ColumnType::Text)
            },
        ],
        key: Some(vec!["username".to_owned()]),
        // A person who has changed the password keeps it when the file is imported again.
        on_conflict: Some(OnConflict::Update),
        password: Some(PasswordConfig {
            column: "initial_password".to_owned(),
            into: "password_hash".to_owned(),
            scheme: PasswordScheme::Argon2id,
        }),
        ..ImportConfig::default()
    }
}
