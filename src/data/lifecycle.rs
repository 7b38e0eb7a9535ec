//! Policies that let a store move old files to cheaper tiers by itself.
//!
//! Azure: "Lifecycle management policy definition" of Azure Blob Storage. S3: `PutBucketLifecycle
//! Configuration` of the Amazon S3 API.

use serde_json::{Value, json};

/// A folder of files, and how long its files stay where they are quick to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ageing {
    /// The layer.
    pub layer: String,
    /// Where its files begin: the container of Azure, the folder in a bucket; `/` at its end.
    pub prefix: String,
    /// The days after which a file moves to the cool tier.
    pub cool_days: u32,
    /// The days after which it moves to the archive.
    pub archive_days: u32,
}

/// Returns the policy for an Azure storage account.
pub fn azure_policy(layers: &[Ageing]) -> Value {
    let rules: Vec<Value> = layers
        .iter()
        .map(|layer| {
            json!({
                "enabled": true,
                "name": rule_name(&layer.layer),
                "type": "Lifecycle",
                "definition": {
                    "filters": { "blobTypes": ["blockBlob"], "prefixMatch": [layer.prefix] },
                    "actions": {
                        "baseBlob": {
                            "tierToCool": { "daysAfterModificationGreaterThan": layer.cool_days },
                            "tierToArchive": {
                                "daysAfterModificationGreaterThan": layer.archive_days
                            }
                        }
                    }
                }
            })
        })
        .collect();
    json!({ "rules": rules })
}

/// Returns the configuration for a bucket of S3. `databases` are the layers whose files stay where they
/// are, and the folders of the bucket, with `/` at their ends.
pub fn s3_policy(layers: &[Ageing], databases: &[(&str, String)]) -> Value {
    // What a killed upload or copy has left is paid for, and seen by nobody.
    let abort = json!({ "DaysAfterInitiation": 7 });
    let mut rules: Vec<Value> = layers
        .iter()
        .map(|layer| {
            json!({
                "ID": rule_name(&layer.layer),
                "Status": "Enabled",
                "Filter": { "Prefix": layer.prefix },
                "AbortIncompleteMultipartUpload": abort,
                "Transitions": [
                    { "Days": layer.cool_days, "StorageClass": "STANDARD_IA" },
                    { "Days": layer.archive_days, "StorageClass": "GLACIER" }
                ]
            })
        })
        .collect();
    rules.extend(databases.iter().map(|(layer, prefix)| {
        json!({
            "ID": rule_name(layer),
            "Status": "Enabled",
            "Filter": { "Prefix": prefix },
            "AbortIncompleteMultipartUpload": abort,
        })
    }));
    json!({ "Rules": rules })
}

/// Letters, digits and `-` are allowed in the names of rules everywhere.
fn rule_name(layer: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("tidegate-{}", layer.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_has_a_rule() {
        let bronze = Ageing {
            layer: "bronze raw".to_owned(),
            prefix: "lake/bronze/".to_owned(),
            cool_days: 30,
            archive_days: 90,
        };
        let azure = azure_policy(std::slice::from_ref(&bronze));
        let rule = &azure["rules"][0];
        assert_eq!(rule["name"], "tidegate-bronze-raw");
        assert_eq!(rule["definition"]["filters"]["prefixMatch"][0], "lake/bronze/");
        let actions = &rule["definition"]["actions"]["baseBlob"];
        assert_eq!(actions["tierToArchive"]["daysAfterModificationGreaterThan"], 90);
        let s3 = s3_policy(&[bronze], &[("analytics", "lake/analytics/".to_owned())]);
        let aborted = &s3["Rules"][0]["AbortIncompleteMultipartUpload"];
        assert_eq!(aborted["DaysAfterInitiation"], 7);
        assert_eq!(s3["Rules"][0]["Transitions"][0]["Days"], 30);
        assert_eq!(s3["Rules"][0]["Filter"]["Prefix"], "lake/bronze/");
        // Versions of a database are deleted by nobody but `data prune`, and never archived.
        let database = &s3["Rules"][1];
        assert_eq!(database["Filter"]["Prefix"], "lake/analytics/");
        assert_eq!(database["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"], 7);
        assert_eq!(database.get("Transitions"), None);
    }
}
