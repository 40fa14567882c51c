// SPDX-License-Identifier: Apache-2.0

use super::*;
use crate::policy::Policy;
use crate::rule::Rule;
use crate::spec::PolicySpec;

fn spec(text: &str, arity: u8) -> Result<ArgSpec, String> {
    ArgSpec::parse(text, arity)
}

fn policy(mode: Mode, rules: &[&str]) -> Result<Policy, Error> {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    Policy::from_spec(&PolicySpec::new(mode, rules))
}

/// The entries for a function, as text.
fn entries(policy: &Policy, function: &str) -> Vec<String> {
    let layer = &policy.layers()[0];
    layer
        .find_args(&function.parse().unwrap())
        .into_iter()
        .map(|entry| entry.text())
        .collect()
}

#[test]
fn every_kind_of_term_comes_back() {
    let all = "[{['$1','_',#{a => 1,b => \"x\"}],\
               [{'=:=','$1',{const,{-1,-70000,-5000000000,1.5,-1.0e300}}},\
               {is_atom,'$1'},[a|b],$x,<<\"text\">>,<<0,255>>,\
               9223372036854775807,'an atom','Ä',{},[],<<>>,#{}],[true]}]";
    let once = spec(all, 3).unwrap();
    let text = once.to_string();
    assert_eq!(spec(&text, 3).unwrap(), once);
    assert!(
        text.contains("'an atom'") && text.contains("[a|b]"),
        "{text}"
    );
    let external = once.to_external();
    assert_eq!(ArgSpec::from_external(&external, 3).unwrap(), once);
}

#[test]
fn the_same_term_has_one_form() {
    let one = spec("[ { [#{b => 2, a => 1}] , [] , [true] } ]", 1).unwrap();
    let other = spec("[{[#{a=>1,b=>2}],[],[true]}]", 1).unwrap();
    assert_eq!(one, other);
    let list = spec("[{[[97|[98]]],[],[true]}]", 1).unwrap();
    assert_eq!(list, spec("[{[\"ab\"],[],[true]}]", 1).unwrap());
    // Old tags of the external term format, as OTP 25 writes them.
    let old = [
        131, 108, 0, 0, 0, 1, 104, 3, 108, 0, 0, 0, 1, 100, 0, 1, b'_', 106,
        106, 108, 0, 0, 0, 1, 100, 0, 4, b't', b'r', b'u', b'e', 106, 106,
    ];
    let old = ArgSpec::from_external(&old, 1).unwrap();
    assert_eq!(old, spec("[{['_'],[],[true]}]", 1).unwrap());
}

#[test]
fn what_cannot_match_is_refused() {
    for (text, arity) in [
        ("[]", 1),
        ("[a]", 1),
        ("[{['_'],[]}]", 1),
        ("[{['_'],[],[true]}]", 2),
        ("[{[],[],[true]}]", 1),
        ("[{{'_'},[],[true]}]", 1),
        ("[{['_'|'_'],[],[true]}]", 2),
        ("[{a,[],[true]}]", 1),
        ("[{'$',[],[true]}]", 1),
        ("[{'_',[],[true]}|a]", 1),
        ("[{'_',[],[true]}] x", 1),
        ("[{'_',[],[18446744073709551616]}]", 1),
        ("[{'_',[],[-9223372036854775809]}]", 1),
        ("[{'_',[],[#{a => 1, a => 2}]}]", 1),
        ("[{'_',[],[self()]}]", 1),
        ("[{'_',[],", 1),
    ] {
        assert!(spec(text, arity).is_err(), "{text}");
    }
    for text in ["[{'_',[],[true]}]", "[{'$12',[],[true]}]"] {
        assert!(spec(text, 7).is_ok(), "{text}");
    }
    let deep = format!("[{{'_',[],[{}{}]}}]", "[".repeat(99), "]".repeat(99));
    assert!(spec(&deep, 1).is_err());
    let long = format!("[{{'_',[],[<<{}1>>]}}]", "1,".repeat(MAX_TEXT));
    assert!(spec(&long, 1).is_err());
}

#[test]
fn what_is_no_term_is_refused() {
    let good = spec("[{'_',[],[true]}]", 1).unwrap().to_external();
    for cut in 0..good.len() {
        assert!(ArgSpec::from_external(&good[..cut], 1).is_err(), "{cut}");
    }
    // A pid in the place of `true`.
    let pid = [131, 108, 0, 0, 0, 1, 88];
    assert!(ArgSpec::from_external(&pid, 1).is_err());
    let endless = [131, 108, 255, 255, 255, 255];
    assert!(ArgSpec::from_external(&endless, 1).is_err());
    let mut nested = vec![131];
    nested.extend([104, 1].repeat(100_000));
    assert!(ArgSpec::from_external(&nested, 1).is_err());
}

#[test]
fn a_rule_reads_back() {
    let text = "args 'Elixir.A b':'f /'/2 [{['$1','/1 '],[],[true]}]";
    let rule: Rule = text.parse().unwrap();
    assert_eq!(rule.to_string(), text);
    for text in [
        "args ets",
        "args ets:insert",
        "args ets:insert/2",
        "args ets:insert/_ [{'_',[],[true]}]",
        "args ets:insert/2[{'_',[],[true]}]",
        "args ets:insert/2 [{['_'],[],[true]}]",
    ] {
        assert!(text.parse::<Rule>().is_err(), "{text}");
    }
}

#[test]
fn a_rule_for_arguments_stands_alone() {
    let args = "args m:f/1 [{[1],[],[true]}]";
    for mode in [Mode::Whitelist, Mode::Blacklist] {
        assert!(policy(mode, &[args, "m", "m:f", "_:f/1"]).is_ok());
        for rules in [[args, "m:f/1"], ["m:f/1", args], [args, args]] {
            assert!(policy(mode, &rules).is_err(), "{mode} {rules:?}");
        }
        for function in ["_:f/1", "m:_/1", "erlang:load_nif/1"] {
            let rule = format!("args {function} [{{[1],[],[true]}}]");
            let refused = function.contains('_') && !function.contains("nif");
            assert_eq!(policy(mode, &[&rule]).is_err(), refused, "{rule}");
        }
        let nif = "args erlang:load_nif/2 [{'_',[],[true]}]";
        assert!(policy(mode, &[nif]).is_err());
    }
    assert!(policy(Mode::Whitelist, &[args, "gate m:f/1"]).is_err());
}

#[test]
fn sending_has_twins() {
    let rule = "args erlang:send/2 [{['_',{a,'_'}],[],[true]}]";
    let bang = "args erlang:'!'/2 [{['_',{a,'_'}],[],[true]}]";
    let wide = "args erlang:send/3 [{['_',{a,'_'},'_'],[],[true]}]";
    let white = policy(Mode::Whitelist, &[rule]).unwrap();
    assert_eq!(entries(&white, "erlang:send/2"), [rule]);
    assert_eq!(entries(&white, "erlang:'!'/2"), [bang]);
    assert_eq!(entries(&white, "erlang:send/3"), [wide]);
    let black = policy(Mode::Blacklist, &[rule]).unwrap();
    assert_eq!(entries(&black, "erlang:'!'/2"), [bang]);
    assert_eq!(entries(&black, "erlang:send/3"), [""; 0]);
    let own = "args erlang:send/3 [{'_',[],[true]}]";
    let both = policy(Mode::Whitelist, &[rule, own]).unwrap();
    assert_eq!(entries(&both, "erlang:send/3"), [own]);
    let plain = policy(Mode::Whitelist, &[rule, "erlang:send/3"]).unwrap();
    assert_eq!(entries(&plain, "erlang:send/3"), [""; 0]);
}

#[test]
fn an_explanation_says_that_it_depends() {
    let args = "args m:f/1 [{[1],[],[true]}]";
    let said = |policy: &Policy| policy.explain("m", "f", 1).to_string();
    let white = policy(Mode::Whitelist, &[args, "m"]).unwrap();
    assert_eq!(
        said(&white),
        "m:f/1 depends on its arguments: allowed only with those of rule 1, \
         args m:f/1 [{[1],[],[true]}]."
    );
    let black = policy(Mode::Blacklist, &[args]).unwrap();
    assert_eq!(
        said(&black),
        "m:f/1 depends on its arguments: denied with those of rule 1, \
         args m:f/1 [{[1],[],[true]}]."
    );
    let closed = policy(Mode::Blacklist, &[args, "m"]).unwrap();
    assert_eq!(said(&closed), "m:f/1 is denied by rule 2, m.");
    let both = white.meet(&black).unwrap();
    assert_eq!(
        said(&both),
        "m:f/1 depends on its arguments.\n  \
         layer 1: allowed only with those of rule 1, \
         args m:f/1 [{[1],[],[true]}].\n  \
         layer 2: denied with those of rule 1, args m:f/1 [{[1],[],[true]}]."
    );
    let none = policy(Mode::Whitelist, &["lists"]).unwrap();
    assert!(!none.meet(&black).unwrap().explain("m", "f", 1).depends());
}

#[test]
fn layers_that_differ_in_arguments_are_two() {
    let one = policy(Mode::Whitelist, &["args m:f/1 [{[1],[],[true]}]"]);
    let two = policy(Mode::Whitelist, &["args m:f/1 [{[2],[],[true]}]"]);
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.meet(&one).unwrap().layers().len(), 1);
    assert_eq!(one.meet(&two).unwrap().layers().len(), 2);
}

#[test]
fn files_have_both_forms() {
    let json = r#"{"mode": "whitelist", "rules": [
        {"rule": "args m:f/2 [{[1,'_'],[],[true]}]", "comment": "one"}]}"#;
    let read = PolicySpec::from_json(json).unwrap();
    let again = PolicySpec::from_json(&read.to_json().unwrap()).unwrap();
    assert_eq!(read, again);
    let terms = "#{mode => whitelist, rules => [
        #{rule => {m, f, 2, [{[1, '_'], [], [true]}]},
          comment => <<\"one\">>}]}.";
    let (document, _) = crate::form::Form::Terms.document(terms).unwrap();
    assert_eq!(document.into_spec().rules, read.rules);
    for bad in ["[{[1], [], [true]}]", "x", "[{[1, self()], [], [true]}]"] {
        let terms =
            format!("#{{mode => whitelist, rules => [{{m, f, 2, {bad}}}]}}.");
        assert!(crate::form::Form::Terms.document(&terms).is_err(), "{bad}");
    }
}
