//! Cures findings, one after the other, in the text of the workflows.

use super::{Checkup, Diagnosis, Finding, examine};

/// So many findings are cured at once; whoever has more calls again.
const MOST: usize = 50;

/// Where there are more findings, a person has to look first; each try judges all of them anew.
const MOST_FINDINGS: usize = 100;

/// What was cured, and the files that it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mended {
    /// The findings that are gone, as they were.
    pub findings: Vec<Finding>,
    /// The workflows that change.
    pub files: Vec<MendedFile>,
}

/// A workflow that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MendedFile {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its text, without a byte order mark.
    pub old: String,
    /// Its text afterwards.
    pub new: String,
}

/// Cures what can be cured without guessing. Each change is kept only if the finding is gone with
/// it and no other has come.
pub fn mend(checkup: &Checkup) -> Mended {
    let mut now = checkup.clone();
    let mut diagnosis = examine(&now);
    let mut mended = Mended::default();
    if diagnosis.findings.len() > MOST_FINDINGS {
        return mended;
    }
    let mut failed: Vec<Finding> = Vec::new();
    while mended.findings.len() < MOST {
        let next = diagnosis.findings.iter().find(|finding| {
            finding.cure.is_some() && !failed.iter().any(|own| own.is_like(finding))
        });
        let Some(finding) = next.cloned() else { break };
        match cured(&now, &diagnosis, &finding) {
            Some((cured, better)) => {
                mended.findings.push(finding);
                (now, diagnosis) = (cured, better);
            }
            None => failed.push(finding),
        }
    }
    for (old, new) in checkup.workflows.iter().zip(&now.workflows) {
        if let (Ok(before), Ok(after)) = (&old.workflow, &new.workflow)
            && before.text() != after.text()
        {
            let path = old.path.clone();
            let (old, new) = (before.text().to_owned(), after.text().to_owned());
            mended.files.push(MendedFile { path, old, new });
        }
    }
    mended
}

fn cured(
    checkup: &Checkup,
    diagnosis: &Diagnosis,
    finding: &Finding,
) -> Option<(Checkup, Diagnosis)> {
    let cure = finding.cure.as_ref()?;
    let at = checkup.workflows.iter().position(|seen| seen.path == cure.file())?;
    let changed = cure.applied(checkup.workflows[at].workflow.as_ref().ok()?)?;
    let mut next = checkup.clone();
    next.workflows[at].workflow = Ok(changed);
    let better = examine(&next);
    let count = |of: &Diagnosis, wanted: &Finding| {
        of.findings.iter().filter(|own| own.is_like(wanted)).count()
    };
    let gone = count(&better, finding) < count(diagnosis, finding);
    let none_new = better.findings.iter().all(|own| count(&better, own) <= count(diagnosis, own));
    (gone && none_new).then_some((next, better))
}
