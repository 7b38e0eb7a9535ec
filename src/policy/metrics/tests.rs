use proptest::prelude::*;

use super::*;

fn config(higher_is: Direction) -> MetricConfig {
    MetricConfig {
        name: "macro_f1".into(),
        file: "summary.json".into(),
        pointer: "/macro_f1".into(),
        higher_is,
        min: None,
        max: None,
        max_drop: None,
        noise: None,
    }
}

fn observed(config: MetricConfig, value: f64, history: &[f64]) -> MetricObservation {
    MetricObservation {
        config,
        value: Ok(value),
        last_good: history.last().copied(),
        history: history.to_vec(),
    }
}

fn passes(observation: &MetricObservation) -> bool {
    judge(observation) == MetricVerdict::Pass
}

#[test]
fn fixed_bounds_include_their_ends() {
    let bounded = MetricConfig { min: Some(0.8), max: Some(0.9), ..config(Direction::Better) };
    for (value, expected) in [(0.8, true), (0.9, true), (0.799_999, false), (0.900_001, false)] {
        assert_eq!(passes(&observed(bounded.clone(), value, &[])), expected, "{value}");
    }
}

#[test]
fn a_drop_of_exactly_max_drop_passes_in_spite_of_rounding() {
    let bounded = MetricConfig { max_drop: Some(0.02), ..config(Direction::Better) };
    assert!(passes(&observed(bounded.clone(), 0.88, &[0.90])));
    assert!(!passes(&observed(bounded.clone(), 0.879, &[0.90])));
    let lower = MetricConfig { higher_is: Direction::Worse, ..bounded };
    assert!(passes(&observed(lower.clone(), 0.92, &[0.90])));
    assert!(!passes(&observed(lower.clone(), 0.93, &[0.90])));
    assert!(passes(&observed(lower, 0.10, &[0.90])));
}

#[test]
fn many_small_drops_do_not_pass_one_by_one() {
    let bounded = MetricConfig { max_drop: Some(0.02), ..config(Direction::Better) };
    let mut history = vec![0.900, 0.901, 0.899, 0.902, 0.898];
    let mut value = 0.898;
    for _ in 0..10 {
        value -= 0.015;
        let observation = observed(bounded.clone(), value, &history);
        match judge(&observation) {
            MetricVerdict::Pass => history.push(value),
            MetricVerdict::Fail { why } => {
                assert!(matches!(why.bound, Bound::Median { .. }), "{why}");
                return;
            }
            MetricVerdict::Missing { why } => panic!("{why}"),
        }
    }
    panic!("0.15 were lost in ten steps");
}

#[test]
fn four_releases_are_no_baseline() {
    assert!(passes(&observed(config(Direction::Better), 0.1, &[0.9; 4])));
    assert!(!passes(&observed(config(Direction::Better), 0.1, &[0.9; 5])));
}

#[test]
fn releases_that_agree_exactly_allow_rounding_only_and_say_so() {
    let history = [0.9; 6];
    let same: f64 = 0.3 * 3.0;
    assert!(same < 0.9);
    assert!(passes(&observed(config(Direction::Better), same, &history)));
    let MetricVerdict::Fail { why } = judge(&observed(config(Direction::Better), 0.899, &history))
    else {
        panic!("a drop below six equal releases passed");
    };
    assert!(why.to_string().contains("set `noise`"), "{why}");
    let noisy = MetricConfig { noise: Some(0.01), ..config(Direction::Better) };
    assert!(passes(&observed(noisy, 0.899, &history)));
}

#[test]
fn releases_that_agree_exactly_allow_what_max_drop_allows() {
    let bounded = MetricConfig { max_drop: Some(0.02), ..config(Direction::Better) };
    let judged = |value| {
        passes(&MetricObservation {
            last_good: Some(0.9),
            ..observed(bounded.clone(), value, &[0.9; 5])
        })
    };
    assert!(judged(0.8999));
    assert!(!judged(0.87));
    let strict = MetricConfig { noise: Some(0.0), ..bounded.clone() };
    assert!(!passes(&observed(strict, 0.8999, &[0.9; 5])));
}

#[test]
fn a_missing_value_is_never_a_failure() {
    let problem =
        MetricProblem::FileMissing { metric: "macro_f1".into(), file: "summary.json".into() };
    let mut observation = observed(config(Direction::Better), 0.0, &[0.9; 5]);
    observation.value = Err(problem.clone());
    assert_eq!(judge(&observation), MetricVerdict::Missing { why: problem });
    for value in [f64::NAN, f64::INFINITY] {
        observation.value = Ok(value);
        assert!(matches!(judge(&observation), MetricVerdict::Missing { .. }));
    }
}

#[test]
fn a_bound_that_is_not_a_number_passes_nothing() {
    for bad in [
        MetricConfig { min: Some(f64::NAN), ..config(Direction::Better) },
        MetricConfig { max: Some(f64::INFINITY), ..config(Direction::Better) },
        MetricConfig { max_drop: Some(-0.1), ..config(Direction::Better) },
        MetricConfig { noise: Some(f64::NAN), ..config(Direction::Better) },
    ] {
        let verdict = judge(&observed(bad, 0.9, &[]));
        assert!(matches!(verdict, MetricVerdict::Missing { why: MetricProblem::BadBound { .. } }));
    }
}

#[test]
fn medians() {
    for (values, expected) in [
        (vec![3.0, 1.0, 2.0], 2.0),
        (vec![4.0, 1.0, 2.0, 3.0], 2.5),
        (vec![f64::MAX, f64::MAX], f64::MAX),
    ] {
        assert_eq!(median(values).to_bits(), f64::to_bits(expected));
    }
}

fn direction() -> impl Strategy<Value = Direction> {
    prop_oneof![Just(Direction::Better), Just(Direction::Worse)]
}

prop_compose! {
    fn any_config()(
        higher_is in direction(),
        min in proptest::option::of(-1e3..1e3),
        max in proptest::option::of(-1e3..1e3),
        max_drop in proptest::option::of(0.0..1e2),
        noise in proptest::option::of(0.0..1e2),
    ) -> MetricConfig {
        MetricConfig { min, max, max_drop, noise, ..config(higher_is) }
    }
}

proptest! {
    /// A better value never fails where a worse one passes, fixed bounds aside.
    #[test]
    fn better_never_fails_where_worse_passes(
        mut config in any_config(),
        value in -1e3..1e3,
        better_by in 0.0..1e3,
        history in proptest::collection::vec(-1e3..1e3, 0..12),
    ) {
        (config.min, config.max) = (None, None);
        let better = match config.higher_is {
            Direction::Better => value + better_by,
            Direction::Worse => value - better_by,
        };
        if passes(&observed(config.clone(), value, &history)) {
            prop_assert!(passes(&observed(config, better, &history)));
        }
    }

    /// Turning every figure around and the direction with it gives the same answer.
    #[test]
    fn the_two_directions_mirror_each_other(
        config in any_config(),
        value in -1e3..1e3,
        history in proptest::collection::vec(-1e3..1e3, 0..12),
    ) {
        let mirrored = MetricConfig {
            higher_is: match config.higher_is {
                Direction::Better => Direction::Worse,
                Direction::Worse => Direction::Better,
            },
            min: config.max.map(|max| -max),
            max: config.min.map(|min| -min),
            ..config.clone()
        };
        let negated: Vec<f64> = history.iter().map(|past| -past).collect();
        prop_assert_eq!(
            passes(&observed(config, value, &history)),
            passes(&observed(mirrored, -value, &negated))
        );
    }

    /// Without a baseline the fixed bounds alone decide.
    #[test]
    fn without_a_baseline_only_fixed_bounds_count(config in any_config(), value in -1e3..1e3) {
        let within = config.min.is_none_or(|min| value >= min)
            && config.max.is_none_or(|max| value <= max);
        prop_assert_eq!(passes(&observed(config, value, &[])), within);
    }

    /// The order of the releases changes nothing.
    #[test]
    fn the_order_of_the_history_does_not_count(
        config in any_config(),
        value in -1e3..1e3,
        mut history in proptest::collection::vec(-1e3..1e3, 5..12),
    ) {
        let mut observation = observed(config, value, &history);
        let before = judge(&observation);
        history.reverse();
        observation.history = history;
        prop_assert_eq!(before, judge(&observation));
    }

    /// Nothing makes the judgement panic, and what is not a number never fails a candidate.
    #[test]
    fn hostile_figures(
        value in proptest::num::f64::ANY,
        past in proptest::collection::vec(proptest::num::f64::ANY, 0..12),
        noise in proptest::option::of(proptest::num::f64::ANY),
    ) {
        let config = MetricConfig { noise, ..config(Direction::Better) };
        let verdict = judge(&observed(config, value, &past));
        if !value.is_finite() {
            let is_missing = matches!(verdict, MetricVerdict::Missing { .. });
            prop_assert!(is_missing);
        }
    }
}
