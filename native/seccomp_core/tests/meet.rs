// SPDX-License-Identifier: Apache-2.0

//! The laws of the meet, up to the hash, which is what equality means.

#![allow(clippy::unwrap_used)]

mod common;

use proptest::prelude::*;
use seccomp_core::{Permission, Policy, Verdict};

use common::{calls, policy, verdicts};

fn meet(one: &Policy, other: &Policy) -> Policy {
    one.meet(other).unwrap()
}

proptest! {
    #[test]
    fn the_order_does_not_matter(a in policy(), b in policy()) {
        prop_assert_eq!(meet(&a, &b).hash(), meet(&b, &a).hash());
    }

    #[test]
    fn the_grouping_does_not_matter(
        a in policy(), b in policy(), c in policy()
    ) {
        let left = meet(&meet(&a, &b), &c);
        let right = meet(&a, &meet(&b, &c));
        prop_assert_eq!(left.hash(), right.hash());
    }

    #[test]
    fn a_policy_met_with_itself_is_itself(a in policy()) {
        prop_assert_eq!(meet(&a, &a).hash(), a.hash());
    }

    #[test]
    fn meeting_again_changes_nothing(a in policy(), b in policy()) {
        let both = meet(&a, &b);
        prop_assert_eq!(meet(&both, &a).hash(), both.hash());
        prop_assert_eq!(meet(&b, &both).hash(), both.hash());
    }

    #[test]
    fn it_allows_exactly_what_both_allow(a in policy(), b in policy()) {
        let calls = calls();
        let both = verdicts(&meet(&a, &b), &calls);
        let one = verdicts(&a, &calls);
        let other = verdicts(&b, &calls);
        for (i, call) in calls.iter().enumerate() {
            let expected =
                one[i] == Verdict::Allow && other[i] == Verdict::Allow;
            prop_assert_eq!(both[i] == Verdict::Allow, expected, "{:?}", call);
        }
    }

    #[test]
    fn it_is_never_weaker_in_its_flags(a in policy(), b in policy()) {
        let both = meet(&a, &b);
        for part in [&a, &b] {
            prop_assert!(both.on_deny() >= part.on_deny());
            prop_assert!(both.spawn() >= part.spawn());
            prop_assert!(both.inherit() >= part.inherit());
            prop_assert!(both.provenance() >= part.provenance());
        }
        let denies = |p: &Policy| p.spawn() == Permission::Deny;
        prop_assert_eq!(denies(&both), denies(&a) || denies(&b));
        prop_assert_eq!(both.inherit(), a.inherit() || b.inherit());
        let carries = a.provenance() || b.provenance();
        prop_assert_eq!(both.provenance(), carries);
        prop_assert_eq!(both.on_deny(), a.on_deny().max(b.on_deny()));
    }
}
