//! What the state branch holds, as values: records, holds, quarantines, verdicts.
