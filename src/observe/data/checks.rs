//! The checks, on the snapshot: what is checked is what is published.

use super::{Preparation, shown};
use crate::adapters::database::{self, DatabaseError};
use crate::data::check::{self, Before};
use crate::data::{Prepared, Snapshot};

/// Runs all checks, also after one that did not pass.
pub(super) async fn run(
    preparation: &Preparation<'_>,
    snapshot: &Snapshot,
    prepared: &mut Prepared,
) -> anyhow::Result<()> {
    let Preparation { config, root, environment, .. } = *preparation;
    if config.checks.is_empty() {
        return Ok(());
    }
    let database = database::open(config, root, &snapshot.file, environment).await?;
    let dialect = database.dialect();
    let before = preparation.served.map(|served| Before {
        figures: &served.version.figures,
        columns: &served.version.columns,
    });
    for check in &config.checks {
        let question = check::question(check, dialect);
        let answer = database.query(&question.sql, &question.parameters, question.rows).await;
        let judged = match answer {
            Ok(rows) => check::judge(check, dialect, &rows.rows, before, preparation.now),
            Err(error @ (DatabaseError::NoEngine { .. } | DatabaseError::Io { .. })) => {
                return Err(error.into());
            }
            Err(DatabaseError::Sql { reason, .. } | DatabaseError::Open { reason, .. }) => {
                check::inconclusive(check, shown::long_line(&reason, preparation.redactor))
            }
            Err(
                error @ (DatabaseError::Text { .. }
                | DatabaseError::Table { .. }
                | DatabaseError::Ended { .. }
                | DatabaseError::InUse { .. }
                | DatabaseError::TimedOut { .. }),
            ) => check::inconclusive(
                check,
                shown::long_line(&error.to_string(), preparation.redactor),
            ),
        };
        prepared.warnings.extend(judged.note);
        if let Some(figure) = judged.figure {
            prepared.figures.insert(check.name.clone(), figure);
        }
        if let Some((table, columns)) = judged.columns {
            prepared.columns.insert(table, columns);
        }
        prepared.checks.push(judged.result);
    }
    Ok(())
}
