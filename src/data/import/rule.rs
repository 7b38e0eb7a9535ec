//! Rules in SQL: one expression each, which can be nothing else.

use super::spec::{Import, SqlRule};
use super::target::Misfit;
use crate::data::sql;

/// Returns the expression of a rule, to be put between brackets on lines of its own.
pub(super) fn expression<'a>(import: &Import, rule: &'a SqlRule) -> Result<&'a str, Misfit> {
    let wrong = |problem: String| Misfit::Rule {
        rule: rule.name.clone(),
        import: import.name.clone(),
        problem,
    };
    let expression = sql::one(&rule.sql).map_err(|problem| wrong(problem.to_string()))?;
    let dot = expression.lines().position(|line| line.starts_with('.'));
    match dot {
        Some(line) => Err(wrong(sql::SqlProblem::Dot(line + 1).to_string())),
        None => Ok(expression),
    }
}

/// Returns the query, over the stage alone, that fails where the engine cannot carry out a rule.
pub(super) fn alone(import: &Import, rule: &SqlRule) -> Result<String, Misfit> {
    let expression = expression(import, rule)?;
    Ok(format!("SELECT count(*) FROM tidegate_stage AS s WHERE (\n{expression}\n) IS NOT TRUE"))
}

/// Says that the engine cannot carry out a rule, in its words.
pub fn wrong_rule(import: &Import, rule: &SqlRule, words: &str) -> Misfit {
    Misfit::Rule {
        rule: rule.name.clone(),
        import: import.name.clone(),
        problem: words.trim().to_owned(),
    }
}

/// Checks all rules.
pub fn check_rules(import: &Import) -> Result<(), Misfit> {
    import.sql_rules.iter().try_for_each(|rule| expression(import, rule).map(|_| ()))
}

/// The most characters of a rule's expression that are shown.
const LONGEST: usize = 80;

/// Says what a rule expects.
pub(super) fn expected(rule: &SqlRule) -> String {
    let line = rule.sql.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(LONGEST).collect();
    let more = if short.len() < line.len() { "…" } else { "" };
    format!("expected {short}{more}")
}
