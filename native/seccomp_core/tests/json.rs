// SPDX-License-Identifier: Apache-2.0

//! Policies survive being written as JSON, and equal rules make equal hashes.

#![allow(clippy::unwrap_used)]

mod common;

use proptest::prelude::*;
use seccomp_core::{Policy, PolicySpec};

use common::{groups, spec};

proptest! {
    #[test]
    fn a_policy_reads_back_as_it_was_written(spec in spec()) {
        let text = spec.to_json().unwrap();
        prop_assert_eq!(PolicySpec::from_json(&text), Ok(spec), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused_but_never_a_panic(text in any::<String>()) {
        let _ = PolicySpec::from_json(&text);
    }

    #[test]
    fn the_order_of_rules_does_not_change_the_hash(
        (spec, shuffled) in spec().prop_flat_map(|spec| {
            let rules = Just(spec.rules.clone()).prop_shuffle();
            (Just(spec), rules)
        })
    ) {
        let groups = groups();
        let other = PolicySpec { rules: shuffled, ..spec.clone() };
        let one = Policy::from_spec_with(&spec, &groups).unwrap();
        let other = Policy::from_spec_with(&other, &groups).unwrap();
        prop_assert_eq!(one.hash(), other.hash());
    }
}
