//! `plan`: the same up to the plan, which is printed or written to a file.

use anyhow::Context as _;
use serde::Serialize;

use super::session::{Session, block_on};
use super::situation::{self, Work};
use crate::cli::{self, Global};
use crate::exit::Exit;
use crate::output::{Output, clean, clean_lines};
use crate::plan::Plan;

#[derive(Serialize)]
struct Planned<'a> {
    binding: bool,
    plan: &'a Plan,
    warnings: &'a [String],
}

pub(super) fn run(global: &Global, args: &cli::Plan, output: &mut Output) -> anyhow::Result<Exit> {
    let (mut session, problem) = Session::open_anyway(global, &args.inputs.place)?;
    if let Some(problem) = problem {
        tracing::info!("{problem:#}; the defaults count until the tested commit is known");
    }
    session.log_in(output)?;
    let occasion = situation::begin(&mut session, &args.inputs, &args.assume)?;
    let progress = output.progress("observing");
    let found = block_on(async {
        let clients = session.clients()?;
        let say = |step: &str| progress.say(step);
        let mut work = Work::looking(&say);
        let (inputs, assume) = (&args.inputs, &args.assume);
        situation::assess(&mut session, &clients, inputs, assume, occasion, &mut work).await
    })?;
    drop(progress);
    let mut warnings = found.decision.warnings;
    if let Some(version) = &found.data_alone {
        let commit = found.decision.commit.short();
        warnings.push(format!("{commit} is live already, so `tidegate gate` releases data {} alone, and this plan does not", version.short()));
    }
    if let Some(path) = &args.out {
        let mut bytes = serde_json::to_vec_pretty(&found.plan)?;
        bytes.push(b'\n');
        std::fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let planned =
        Planned { binding: found.decision.binding, plan: &found.plan, warnings: &warnings };
    output.show("tidegate/plan/1", &planned, |output, planned| {
        output.line(clean_lines(planned.plan.to_string().trim_end_matches('\n')))?;
        for warning in planned.warnings {
            output.warning(warning)?;
        }
        match &args.out {
            Some(path) => {
                let path = path.display().to_string();
                output.line(format!(
                    "written to {}; perform it with `tidegate apply {0}`",
                    clean(&path)
                ))
            }
            None if !args.assume.is_empty() => {
                output.note("nothing was changed; this is what would follow from the assumption")
            }
            None if planned.plan.is_empty() => Ok(()),
            None => output.note("nothing was changed; `tidegate gate` performs it"),
        }
    })?;
    Ok(Exit::Done)
}
