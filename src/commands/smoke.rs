//! `smoke`: runs one probe against a URL or an image (`smoke/image.rs`), and says what it saw; without
//! options, those of the configuration. Only the last needs a repository.
//!
//! The same as the gate does with a probe of the configuration: options become the keys of the
//! configuration, are checked as these are, and [`probes::run_url`] or [`probes::run`] does the rest.

use std::path::Path;

use super::session::{SECRETS, block_on};
use crate::cli::{Global, ProbeKind, Smoke};
use crate::config::{SmokeConfig, SmokeKind};
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::exit::{Exit, Failed};
use crate::observe::probes::{self, Context};
use crate::output::{Output, bad, clean, dim, good, warn};
use crate::secret::{Redactor, Secret};

/// What the lines of a traceback are moved in by.
const INDENT: &str = "    ";

mod image;

pub(super) fn run(global: &Global, args: &Smoke, output: &mut Output) -> anyhow::Result<Exit> {
    let Some(kind) = args.kind else { return image::configured(global, args, output) };
    let smoke = keys(args, kind);
    match (&args.url, &args.image) {
        (_, Some(image)) => image::one(global, args, smoke, image, output),
        (url, None) => at_url(global, &SmokeConfig { url: url.clone(), ..smoke }, output),
    }
}

fn at_url(global: &Global, smoke: &SmokeConfig, output: &mut Output) -> anyhow::Result<Exit> {
    let probe = smoke.of_url().map_err(|(key, problem)| {
        let error = format!("--{}: {problem}", option_of(key));
        Failed::new(Exit::Usage, error).with_hint("`tidegate smoke --help` shows every option")
    })?;
    let redactor = redactor(global);
    let progress = output.progress(format!("probing {}", probe.target));
    let context = Context {
        root: Path::new("."),
        redactor: &redactor,
        hidden: &SECRETS,
        registries: None,
        platform: None,
        deadline: None,
        on_step: &|step| progress.say(step),
    };
    let evidence = block_on(async { Ok(probes::run_url(&probe, &context).await) })?;
    drop(progress);
    output.show("tidegate/smoke/1", &evidence, show)?;
    Ok(match evidence.found {
        ProbeFound::Passed { .. } => Exit::Done,
        ProbeFound::Failed(_) => Exit::ProbeFailed,
        ProbeFound::Unknown { .. } => Exit::Unreachable,
    })
}

/// Reads the options as the keys of a probe in the configuration.
fn keys(args: &Smoke, kind: ProbeKind) -> SmokeConfig {
    let kind = match kind {
        ProbeKind::Http => SmokeKind::Http,
        ProbeKind::Tcp => SmokeKind::Tcp,
        ProbeKind::Streamlit => SmokeKind::Streamlit,
        ProbeKind::Command => SmokeKind::Command,
        ProbeKind::ContainerHealth => SmokeKind::ContainerHealth,
    };
    let (http, streamlit) = (&args.http, &args.streamlit);
    // A container starts, and what stands at a URL is there.
    let at_once = args.url.is_some().then(|| "0s".to_owned());
    SmokeConfig {
        port: args.container.port,
        run: args.container.run.clone(),
        path: args.path.clone(),
        timeout: args.timeout.clone(),
        retries: Some(args.retries),
        interval: args.interval.clone(),
        start_period: args.start_period.clone().or(at_once),
        status: http.status.clone(),
        body: http.body.clone(),
        json: http.json_pointer.iter().map(|(at, value)| (at.clone(), json(value))).collect(),
        max_latency: http.max_latency.clone(),
        headers: http.header.iter().cloned().collect(),
        pages: streamlit.page.clone(),
        host: streamlit.host.clone(),
        press: streamlit.press.clone(),
        require_text: streamlit.require_text.clone(),
        require_element: streamlit.require_element.clone(),
        allow_shown_exceptions: streamlit.allow_shown_exceptions,
        allow_empty: streamlit.allow_empty,
        ..SmokeConfig::new(kind)
    }
}

/// The option that stands for a key of the configuration.
fn option_of(key: &str) -> String {
    match key {
        "json" => "json-pointer".to_owned(),
        "headers" => "header".to_owned(),
        "pages" => "page".to_owned(),
        other => other.replace('_', "-"),
    }
}

/// A value of `--json-pointer`: JSON where it is any, else plain text.
fn json(value: &str) -> serde_json::Value {
    serde_json::from_str(value).unwrap_or_else(|_| value.into())
}

/// What may not be shown of an answer: an app may echo what it was sent or was started with.
fn redactor(global: &Global) -> Redactor {
    let mut redactor = Redactor::new();
    if !global.isolated {
        for value in SECRETS.iter().filter_map(|name| std::env::var(name).ok()) {
            redactor.add(&Secret::new(value));
        }
    }
    redactor
}

fn show(output: &mut Output, evidence: &ProbeEvidence) -> std::io::Result<()> {
    let name = clean(&evidence.name);
    match &evidence.found {
        ProbeFound::Passed { seen } => {
            output.line(format_args!("{} {name} works: {}", good("✓"), clean(seen)))?;
        }
        ProbeFound::Failed(failure) => {
            output.line(format_args!("{} {name} fails: {}", bad("✗"), clean(&failure.what)))?;
            if let Some(detail) = &failure.detail {
                output.line("")?;
                for line in detail.lines() {
                    let line = clean(line);
                    output.line(if line.is_empty() {
                        String::new()
                    } else {
                        format!("{INDENT}{line}")
                    })?;
                }
                output.line("")?;
            }
        }
        ProbeFound::Unknown { why } => {
            output.line(format_args!("{} {name}: nobody can tell: {}", warn("?"), clean(why)))?;
        }
    }
    let attempts = match evidence.attempts {
        1 => "1 attempt".to_owned(),
        many => format!("{many} attempts"),
    };
    let seconds = std::time::Duration::from_millis(evidence.took_ms).as_secs_f64();
    output.line(format_args!("  {}", dim(format_args!("{attempts}, {seconds:.1} s"))))
}
