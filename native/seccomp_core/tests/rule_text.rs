// SPDX-License-Identifier: Apache-2.0

//! Rules survive being written and read.

use proptest::option;
use proptest::prelude::*;
use seccomp_core::{Pat, Pattern, Rule};

/// Names of every kind: plain ones, ones with what has to be quoted, and what
/// is special in the text of rules.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-zA-Z0-9_@]{0,8}",
        "[@_A-Z:/'\\\\ a\\n\\x00é]{0,6}",
        any::<String>().prop_filter("too long for an atom", |name| {
            name.chars().count() <= 255
        }),
        proptest::sample::select(vec!["_", "and", "@pure", "'", "\\", ""])
            .prop_map(str::to_owned),
    ]
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let place =
        || option::of(name()).prop_map(|name| name.map_or(Pat::Any, Pat::name));
    let arity = option::of(any::<u8>())
        .prop_map(|arity| arity.map_or(Pat::Any, Pat::Is));
    (place(), place(), arity).prop_map(|(module, function, arity)| Pattern {
        module,
        function,
        arity,
    })
}

proptest! {
    #[test]
    fn a_pattern_reads_back_as_it_was_written(pattern in pattern()) {
        let text = pattern.to_string();
        let read: Rule = text.parse().map_err(|error| {
            TestCaseError::fail(format!("{text}: {error}"))
        })?;
        prop_assert_eq!(read, Rule::Pattern(pattern), "{}", text);
    }

    #[test]
    fn a_group_reads_back_as_it_was_written(name in "@[a-z0-9_]{1,9}") {
        let rule = Rule::Group(name.clone());
        prop_assert_eq!(rule.to_string(), &name[..]);
        let read: Rule = name.parse().map_err(|error| {
            TestCaseError::fail(format!("{name}: {error}"))
        })?;
        prop_assert_eq!(read, rule);
    }

    #[test]
    fn any_text_is_read_or_refused_but_never_a_panic(text in any::<String>()) {
        let _ = text.parse::<Rule>();
    }

    #[test]
    fn what_is_read_has_one_shortest_form(
        text in "('[@a\\\\ ']{0,4}'|[a-z_]{1,2})(:[a-z_]{1,2}(/[0-9_]{1,3})?)?"
    ) {
        if let Ok(rule) = text.parse::<Rule>() {
            let short = rule.to_string();
            let again: Result<Rule, _> = short.parse();
            prop_assert_eq!(again, Ok(rule), "{} as {}", text, short);
        }
    }
}
