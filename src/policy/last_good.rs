//! Promise 6: which commit is the last good one.
//!
//! 1. A candidate that failed any check is out.
//! 2. Records and stored passed verdicts outrank the ledger: an entry counts only where neither
//!    of them names a commit.
//! 3. Of what is left, the one nearest to the head wins: fewest commits in `good..head`. The order
//!    of the file and dates decide nothing; a tie goes to the smaller id, so that two gates agree.

use crate::evidence::good::{GoodCandidate, GoodSearch};

/// Returns the last good commit, with its witness.
pub fn choose(search: &GoodSearch) -> Option<&GoodCandidate> {
    let surviving = || search.candidates.iter().filter(|c| c.rejections.is_empty());
    let nearest = |authority: bool| {
        surviving()
            .filter(|candidate| candidate.witness.is_authority() == authority)
            .filter_map(|candidate| Some((candidate.distance?, &candidate.commit, candidate)))
            .min_by(|one, other| (one.0, one.1).cmp(&(other.0, other.1)))
            .map(|(_, _, candidate)| candidate)
    };
    nearest(true).or_else(|| nearest(false))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::good::{Rejection, Witness};
    use crate::model::CommitSha;

    fn candidate(digit: char, witness: Witness, distance: usize) -> GoodCandidate {
        GoodCandidate { commit: sha(digit), witness, distance: Some(distance), rejections: vec![] }
    }

    fn sha(digit: char) -> CommitSha {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn chosen(candidates: Vec<GoodCandidate>) -> Option<CommitSha> {
        choose(&GoodSearch { candidates, warnings: vec![] }).map(|c| c.commit.clone())
    }

    const LEDGER: Witness = Witness::Ledger { line: None };

    #[test]
    fn the_nearest_wins_whatever_the_order_of_the_file() {
        let near = candidate('a', LEDGER, 1);
        let far = candidate('b', LEDGER, 9);
        assert_eq!(chosen(vec![near.clone(), far.clone()]), Some(sha('a')));
        assert_eq!(chosen(vec![far, near]), Some(sha('a')));
    }

    #[test]
    fn a_record_outranks_a_nearer_ledger_entry() {
        let record = candidate('a', Witness::Record { number: 1 }, 9);
        let entry = candidate('b', LEDGER, 1);
        assert_eq!(chosen(vec![entry, record]), Some(sha('a')));
    }

    #[test]
    fn what_was_rejected_never_wins() {
        let mut record = candidate('a', Witness::Record { number: 1 }, 1);
        record.rejections.push(Rejection::Unknown);
        assert_eq!(chosen(vec![record.clone()]), None);
        assert_eq!(chosen(vec![record, candidate('b', LEDGER, 5)]), Some(sha('b')));
    }
}
