//! The job that takes the place of all removed ones; it is that of docs/examples/release-gate.yml.

use std::fmt::Write as _;

use serde_yaml::Value;

use super::login::Login;
use crate::doctor::workflow::{Job, Workflow, scalar};
use crate::pin;

/// What the job is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GateJob {
    /// Its id.
    pub id: String,
    /// The jobs whose results it is given.
    pub needs: Vec<String>,
    /// The protected branch, where the workflow also runs for others.
    pub only_branch: Option<String>,
    /// Whether there are images.
    pub images: bool,
    /// Whether other jobs ask what it decided.
    pub tells: bool,
    /// What stands behind `uses:` for this project's action.
    pub action: String,
    /// What removed jobs had.
    pub had: Had,
    /// The login to the registry.
    pub login: Option<Login>,
    /// Whether there are other registries, too: then the login says which one it is for.
    pub names_host: bool,
}

/// What the gate takes over from the jobs that it replaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Had {
    /// The machine.
    pub runs_on: Option<Vec<String>>,
    /// The token for git.
    pub token: Option<String>,
    /// The id and the private key of a GitHub App.
    pub app: Option<(String, String)>,
}

/// What every token of a run is called.
const OWN_TOKENS: [&str; 2] = ["github.token", "secrets.GITHUB_TOKEN"];

/// Tells whether a value is the token of the run.
pub(super) fn is_own_token(text: &str) -> bool {
    OWN_TOKENS.iter().any(|token| text.to_ascii_lowercase().contains(&token.to_ascii_lowercase()))
}

impl Had {
    /// Looks at the jobs that go.
    pub fn of(workflow: &Workflow, gone: &[&str]) -> Self {
        let is_gone = |job: &Job<'_>| gone.contains(&job.id);
        let mut had = Self::default();
        for job in workflow.jobs().filter(is_gone) {
            had.runs_on = had.runs_on.or_else(|| machine(job.get("runs-on")?));
            for step in job.steps() {
                let action = step.uses().and_then(|uses| uses.split('@').next());
                // The token of another repository may do nothing in this one.
                let of_another = step.input("repository").is_some();
                if action == Some("actions/checkout") && had.token.is_none() && !of_another {
                    let fits = |token: &String| !is_own_token(token) && !is_local(token);
                    had.token = step.input("token").filter(fits);
                }
                if action == Some("actions/create-github-app-token") {
                    let inputs = step.input("app-id").zip(step.input("private-key"));
                    had.app =
                        inputs.filter(|(id, key)| !is_local(id) && !is_local(key)).or(had.app);
                }
            }
        }
        had
    }
}

/// Tells whether a value is known within its own job only.
pub(super) fn is_local(text: &str) -> bool {
    ["env.", "steps.", "matrix.", "needs.", "inputs."].iter().any(|name| text.contains(name))
}

fn machine(value: &Value) -> Option<Vec<String>> {
    let labels: Vec<String> = match value {
        Value::Sequence(list) => list.iter().map(scalar).collect::<Option<_>>()?,
        value => vec![scalar(value)?],
    };
    (!labels.iter().any(|label| is_local(label))).then_some(labels)
}

/// Writes a scalar so that YAML reads it as this text, on one line ("YAML 1.2", double-quoted
/// style, of which JSON's strings are a part).
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let expression = text.starts_with("${{ ")
        && text.ends_with(" }}")
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains(char::is_control);
    if (word && !reserved.contains(&text.to_ascii_lowercase().as_str())) || expression {
        return text.to_owned();
    }
    serde_json::Value::String(text.to_owned()).to_string()
}

impl GateJob {
    /// Writes it, without indentation.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "{}:", self.id)?;
        writeln!(out, "  name: Gate")?;
        writeln!(out, "  needs: [{}]", self.needs.join(", "))?;
        writeln!(
            out,
            "  # Without `!cancelled()` it would be skipped on red, when it is needed most."
        )?;
        match &self.only_branch {
            None => writeln!(out, "  if: ${{{{ !cancelled() }}}}")?,
            Some(branch) => writeln!(
                out,
                "  if: ${{{{ !cancelled() && github.ref == 'refs/heads/{}' }}}}",
                // In an expression a quote is written twice ("Expressions", literals).
                branch.replace('\'', "''")
            )?,
        }
        match self.had.runs_on.as_deref() {
            None => writeln!(out, "  runs-on: ubuntu-latest")?,
            Some([one]) => writeln!(out, "  runs-on: {}", quoted(one))?,
            Some(many) => {
                let many: Vec<String> = many.iter().map(|label| quoted(label)).collect();
                writeln!(out, "  runs-on: [{}]", many.join(", "))?;
            }
        }
        writeln!(out, "  timeout-minutes: 30")?;
        writeln!(out, "  # One gate at a time, in order of arrival, and none is dropped.")?;
        writeln!(out, "  concurrency:")?;
        writeln!(out, "    group: release-gate-${{{{ github.ref }}}}")?;
        writeln!(out, "    cancel-in-progress: false")?;
        writeln!(out, "    queue: max")?;
        writeln!(out, "  permissions:")?;
        writeln!(
            out,
            "    contents: write # the ledger, the branches `stable` and `tidegate`, a rollback commit"
        )?;
        if self.images {
            writeln!(out, "    packages: write # the tags `stable` and `latest`")?;
        }
        writeln!(
            out,
            "    issues: write # one issue about a rollback, closed by the next promotion"
        )?;
        writeln!(
            out,
            "    pull-requests: write # a rollback as a pull request, where main is protected"
        )?;
        writeln!(
            out,
            "    actions: write # runs of this workflow; `read` is enough without `rollback.retries`"
        )?;
        writeln!(out, "    checks: read # only for `require.checks`")?;
        if self.tells {
            writeln!(out, "  outputs:")?;
            writeln!(out, "    verdict: ${{{{ steps.gate.outputs.verdict }}}}")?;
        }
        writeln!(out, "  steps:")?;
        writeln!(out, "    - uses: {}", pin::CHECKOUT)?;
        writeln!(out, "      with:")?;
        writeln!(out, "        fetch-depth: 0")?;
        writeln!(out, "        persist-credentials: false")?;
        writeln!(out, "    - name: Promote, hold or roll back")?;
        if self.tells {
            writeln!(out, "      id: gate")?;
        }
        writeln!(out, "      uses: {}", self.action)?;
        writeln!(out, "      with:")?;
        let token = self.had.token.as_deref().unwrap_or("${{ github.token }}");
        writeln!(out, "        token: {}", quoted(token))?;
        if let Some((id, key)) = &self.had.app {
            writeln!(out, "        app-id: {}", quoted(id))?;
            writeln!(out, "        app-private-key: {}", quoted(key))?;
        }
        writeln!(
            out,
            "        # The results of the jobs, and with them the digest of the candidate."
        )?;
        writeln!(out, "        needs: ${{{{ toJSON(needs) }}}}")?;
        if let Some(Login { host, user, password }) = &self.login {
            writeln!(out, "        registry-user: {}", quoted(user))?;
            writeln!(out, "        registry-password: {}", quoted(password))?;
            if self.names_host {
                writeln!(out, "        registry-host: {}", quoted(host))?;
            }
        }
        Ok(())
    }
}
