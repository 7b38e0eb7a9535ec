//! GitHub's published OpenAPI description, and prism, which holds requests and answers against it.
//!
//! Both come from npm packages that `./dev setup` installs into the cache folder.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::environment::{cache_folder, isolated_command};
use super::fault_proxy::{Request, exchange};
use super::oci_registry::free_port;

/// How long prism may take to load a description on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A file of the installed packages; without it the test fails.
fn installed(path: &str) -> PathBuf {
    let file = cache_folder().join("npm/node_modules").join(path);
    assert!(file.exists(), "{} is missing: run `./dev setup`", file.display());
    file
}

/// GitHub's description, cut down to some operations.
pub struct Description(Value);

impl Description {
    /// Reads the published description and keeps these operations, `GET /repos/{owner}/{repo}`.
    pub fn of(operations: &[&str]) -> Self {
        let text = std::fs::read(installed("@octokit/openapi/generated/api.github.com.json"));
        let whole: Value = serde_json::from_slice(&text.expect("the description")).expect("JSON");
        let mut paths = Map::new();
        for operation in operations {
            let (method, path) = operation.split_once(' ').expect("a method and a path");
            let method = method.to_ascii_lowercase();
            let described = &whole["paths"][path][&method];
            assert!(described.is_object(), "GitHub describes no {operation}");
            let methods = paths.entry(path).or_insert_with(|| json!({}));
            methods[method] = described.clone();
        }
        let mut kept = json!({
            "openapi": whole["openapi"], "paths": paths,
            "info": {"title": "GitHub", "version": whole["info"]["version"]},
        });
        let mut found = BTreeSet::new();
        let mut open = references(&kept["paths"]);
        while let Some(reference) = open.pop() {
            if !found.insert(reference.clone()) {
                continue;
            }
            let pointer = reference.trim_start_matches('#');
            let target = whole.pointer(pointer).expect("what a reference names");
            open.extend(references(target));
            let mut parts = pointer.split('/').skip(2);
            let (kind, name) = (parts.next().expect("a kind"), parts.next().expect("a name"));
            kept["components"][kind][name] = target.clone();
        }
        close_holes(&mut kept, true);
        refuse_unknown_fields(&mut kept["paths"]);
        Self(kept)
    }

    /// The operation that a request is, and the names of its parameters in the query.
    pub fn operation(&self, method: &str, path: &str) -> Option<(String, BTreeSet<String>)> {
        let parts: Vec<&str> = path.split('/').collect();
        let fits = |template: &str| {
            let template: Vec<&str> = template.split('/').collect();
            template.len() == parts.len()
                && template.iter().zip(&parts).all(|(t, p)| t.starts_with('{') || t == p)
        };
        let method_key = method.to_ascii_lowercase();
        let paths = self.0["paths"].as_object().expect("paths");
        // `/actions/runs` is not some `/actions/{id}`: the template with the fewest gaps is meant.
        let mut fitting: Vec<_> = paths
            .iter()
            .filter(|(template, methods)| fits(template) && methods.get(&method_key).is_some())
            .collect();
        fitting.sort_by_key(|(template, _)| template.matches('{').count());
        let (template, methods) = fitting.first()?;
        let parameters = methods[&method_key]["parameters"].as_array().cloned().unwrap_or_default();
        let names = parameters.iter().map(|parameter| self.resolved(parameter));
        let names = names.filter(|parameter| parameter["in"] == "query");
        let names = names.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
        Some((format!("{method} {template}"), names.collect()))
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        let reference = value["$ref"].as_str().map(|text| text.trim_start_matches('#'));
        reference.map_or(value, |pointer| self.0.pointer(pointer).expect("a target"))
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value.as_str() {
                Some(target) if name == "$ref" => vec![target.to_owned()],
                _ => references(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

/// Takes away what keeps prism from checking, and what it only has to load: a `nullable` without
/// `type` switches the whole validation of a body off, silently. Where the schema has
/// alternatives, `null` becomes one of them.
fn close_holes(value: &mut Value, keywords: bool) {
    match value {
        Value::Object(fields) => {
            if keywords {
                for name in ["example", "examples", "x-github", "x-github-breaking-changes"] {
                    fields.remove(name);
                }
                if fields.contains_key("nullable") && !fields.contains_key("type") {
                    fields.remove("nullable");
                    for name in ["anyOf", "oneOf"] {
                        if let Some(Value::Array(alternatives)) = fields.get_mut(name) {
                            alternatives.push(
                                json!({"type": "object", "nullable": true, "maxProperties": 0}),
                            );
                        }
                    }
                }
            }
            for (name, value) in fields.iter_mut() {
                // Below `properties` and its like, names are not keywords.
                let names =
                    ["properties", "schemas", "parameters", "responses", "headers", "paths"];
                close_holes(value, !(keywords && names.contains(&name.as_str())));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| close_holes(item, true)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A field that is not described is an error of ours, even where GitHub passes over it.
fn refuse_unknown_fields(paths: &mut Value) {
    let operations = paths.as_object_mut().expect("paths").values_mut();
    for operation in operations.flat_map(|methods| methods.as_object_mut().unwrap().values_mut()) {
        let schema = operation.pointer_mut("/requestBody/content/application~1json/schema");
        if let Some(schema) = schema.filter(|schema| schema["properties"].is_object()) {
            schema["additionalProperties"] = json!(false);
        }
    }
}

/// prism as a proxy: what the description does not allow is refused, whether it is a request
/// (which then does not reach the server behind it) or an answer.
pub struct Prism {
    child: Child,
    host: String,
    folder: TempDir,
}

impl Prism {
    /// Starts in front of `upstream` (`host:port`).
    pub fn in_front_of(upstream: &str, description: &Description) -> Self {
        let program = installed(".bin/prism");
        let folder = TempDir::new().expect("a temporary folder");
        let file = folder.path().join("github.json");
        std::fs::write(&file, description.0.to_string()).expect("the description");
        let port = free_port();
        let host = format!("127.0.0.1:{port}");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let child = isolated_command("node", folder.path())
            .arg(program)
            .args(["proxy", "--errors", "-h", "127.0.0.1", "-p", &port.to_string()])
            .arg(&file)
            .arg(format!("http://{upstream}"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("node could not be started ({error}): run `./dev setup`")
            });
        let mut prism = Self { child, host, folder };
        let deadline = Instant::now() + PATIENCE;
        while exchange(&prism.host, &Request::new("GET", "/ready")).is_err() {
            let ended = prism.child.try_wait().expect("the state of prism").is_some();
            assert!(!ended && Instant::now() < deadline, "prism does not start:\n{}", prism.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        prism
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
