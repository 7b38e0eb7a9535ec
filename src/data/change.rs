//! How far a number may move: a share or an amount.

use std::str::FromStr;

use crate::model::InvalidValue;

/// How far a number may move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// A share of the number before: `0.05` for `5%`.
    Share(f64),
    /// An amount.
    Amount(f64),
}

impl Change {
    /// Returns how far it is from `before`, in the same unit as that.
    pub fn of(self, before: f64) -> f64 {
        match self {
            Self::Share(share) => before.abs() * share,
            Self::Amount(amount) => amount,
        }
    }
}

impl FromStr for Change {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let value: Option<f64> = number.trim().parse().ok();
        match value.filter(|value| value.is_finite() && *value >= 0.0) {
            Some(value) if text.ends_with('%') => Ok(Self::Share(value / 100.0)),
            Some(value) => Ok(Self::Amount(value)),
            None => Err(InvalidValue::new(text, "a share such as 10% or a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::Change;

    #[test]
    fn shares_and_amounts_are_told_apart() {
        let tenth: Change = "10%".parse().unwrap();
        assert!((tenth.of(-200.0) - 20.0).abs() < 1e-9);
        let five: Change = "5".parse().unwrap();
        assert!((five.of(200.0) - 5.0).abs() < 1e-9);
        for text in ["", "%", "-1", "NaN%", "inf", "ten"] {
            assert!(text.parse::<Change>().is_err(), "{text}");
        }
    }
}
