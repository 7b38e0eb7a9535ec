//! The variables that log in to stores, by the names that the tools of the field use.

/// The key of an Azure account.
pub const AZURE_KEYS: [&str; 4] = [
    "AZURE_ACCOUNT_KEY",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
];

/// A connection string of an Azure account, with its key or a signature.
pub const AZURE_CONNECTION: &str = "AZURE_STORAGE_CONNECTION_STRING";

/// A shared access signature of Azure.
pub const AZURE_SIGNATURES: [&str; 2] = ["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"];

/// The variables of stores that hold a secret: what no log, answer or message may show.
pub const SECRET_VARIABLES: [&str; 17] = [
    "AZURE_ACCOUNT_KEY",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_FEDERATED_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
];
