// SPDX-License-Identifier: Apache-2.0

//! Policies in files: both forms, includes, and what is refused, where.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::Path;

use proptest::prelude::*;
use seccomp_core::{includes, FileError, Policy, PolicyFile, PolicySpec};

fn stored(path: &str) -> Result<PolicyFile, FileError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    PolicyFile::read(path, &mut |path| {
        std::fs::read_to_string(root.join(path)).map_err(|e| e.to_string())
    })
}

fn read(files: &[(&str, &str)]) -> Result<PolicyFile, FileError> {
    let texts: HashMap<_, _> = files.iter().copied().collect();
    PolicyFile::read(files[0].0, &mut |path| match texts.get(path) {
        Some(text) => Ok((*text).to_owned()),
        None => Err("no such file".to_owned()),
    })
}

fn terms(text: &str) -> Result<PolicyFile, FileError> {
    read(&[("p.terms", text)])
}

#[test]
fn a_policy_of_three_files() {
    let file = stored("plugin.json").unwrap();
    let rules: Vec<_> = file.spec.rules.iter().map(|r| r.to_string()).collect();
    // Included ones come first, each once.
    assert_eq!(
        rules,
        [
            "math",
            "string",
            "lists:map/2",
            "io_lib:format",
            "'Elixir.String'",
            "binary:split/3",
            "@tighten",
            "kv:get/1"
        ]
    );
    let comments: Vec<_> = file.spec.comments.iter().collect();
    let of = |n: usize, text: &str| (n, text.to_owned());
    let expected = [
        of(0, "no state"),
        of(4, "Ünïcode"),
        of(7, "the host's store, reading only"),
    ];
    let expected: Vec<_> = expected.iter().map(|(n, t)| (n, t)).collect();
    assert_eq!(comments, expected);
    let places: Vec<_> =
        file.places.iter().map(|place| place.to_string()).collect();
    assert_eq!(places[0], "shared/./numbers.json:1:33".replace("./", ""));
    assert_eq!(places[1], "shared/text.terms:6:9");
    assert_eq!(places[7], "plugin.json:8:5");
    let policy = file.policy().unwrap();
    let why = policy.explain("kv", "get", 1).to_string();
    assert_eq!(
        why,
        "kv:get/1 is allowed by rule 8, kv:get/1: the host's store, reading \
         only."
    );
}

#[test]
fn both_forms_say_the_same() {
    let json = r#"{"mode":"blacklist","comment":"c","rules":["os",
        "'Elixir.File':read","_:halt/_","@file","file:_/1",
        {"rule":"net_kernel","comment":"why"}],"spawn":"deny",
        "inherit":false,"on_deny":"log","base":false,"unknown":"allow",
        "provenance":true,"send":["self","parent","children","replies",
        "group_leader","kv",{"name":"self"},{"name":"kv","node":"a@b"},
        {"name":"name","node":"a@b"},"Elixir.My Kv"]}"#;
    let term = r#"#{mode => blacklist, comment => "c", rules => [os,
        {'Elixir.File', read}, {'_', halt, '_'}, '@file', {file, '_', 1},
        #{rule => net_kernel, comment => <<"why">>}], spawn => deny,
        inherit => false, on_deny => log, base => false, unknown => allow,
        provenance => true, send => [self, parent, children, replies,
        group_leader, kv, {name, self}, {kv, 'a@b'}, {name, 'a@b'},
        'Elixir.My Kv']}."#;
    let spec = PolicySpec::from_json(json).unwrap();
    assert_eq!(terms(term).unwrap().spec, spec);
    assert_eq!(read(&[("p.json", json)]).unwrap().spec, spec);
    for (json, term) in [("\"any\"", "any"), ("\"none\"", "none"), ("[]", "[]")]
    {
        let json =
            format!(r#"{{"mode":"whitelist","rules":[],"send":{json}}}"#);
        let spec = PolicySpec::from_json(&json).unwrap();
        let term =
            format!("#{{mode => whitelist, rules => [], send => {term}}}.");
        assert_eq!(terms(&term).unwrap().spec, spec);
    }
}

#[test]
fn a_bad_target_has_a_place() {
    for (json, expected) in [
        ("null", "1:39: invalid type: unit value, expected any, none"),
        (
            r#""kv""#,
            "1:39: send is any, none or a list: write [\"kv\"]",
        ),
        ("[\"self\",\n \"any\"]", "2:2: any stands alone"),
        ("[\"self\",\n\n  \"self\"]", "3:3: self stands twice"),
        (
            "[\n{\"name\":\"kv\",\n\"host\":\"b\"}]",
            "3:1: unknown field",
        ),
        ("[\"kv\",\n{\"name\":\"kv\",\"node\":\"b\"}]", "2:"),
        ("[[\"kv\",\"a@b\"]]", "1:40: invalid type: sequence"),
    ] {
        let text =
            format!(r#"{{"mode":"whitelist","rules":[],"send":{json}}}"#);
        let error = read(&[("p.json", &text)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("p.json:{expected}")), "{error}");
    }
    for (term, expected) in [
        ("kv", "1:43: send is any, none or a list"),
        ("\"any\"", "1:43: invalid type: string \"any\""),
        ("{kv, 'a@b'}", "1:43: invalid type: a tuple"),
        ("[self,\n \"kv\"]", "2:2: invalid type: string \"kv\""),
        ("[self,\n {kv, b}]", "2:2: b is no node"),
        ("[{kv, 'a@b', c}]", "1:44: write a name, {name, Name}"),
        ("[{kv, \"a@b\"}]", "1:49: write a name, {name, Name}"),
        ("[#{name => kv}]", "1:44: invalid type: map"),
        ("[kv,\n kv]", "2:2: kv stands twice"),
        ("[<0.1.0>]", "1:44: found <"),
    ] {
        let text =
            format!("#{{mode => whitelist, rules => [], send => {term}}}.");
        let error = terms(&text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("p.terms:{expected}")), "{error}");
    }
    let names: Vec<_> = (0..257).map(|n| format!("k{n}")).collect();
    let text = format!(
        "#{{mode => whitelist, rules => [], send => [{}]}}.",
        names.join(",")
    );
    let error = terms(&text).unwrap_err().to_string();
    assert!(error.contains("at most 256 targets"), "{error}");
    let included = read(&[
        ("a.json", &including(&["b.json"])),
        ("b.json", r#"{"mode":"whitelist","rules":[],"send":"any"}"#),
    ]);
    let error = included.unwrap_err().to_string();
    assert!(
        error.starts_with("b.json:1:32: send cannot stand"),
        "{error}"
    );
}

#[test]
fn a_fault_has_a_place() {
    let of = |files: &[(&str, &str)]| read(files).unwrap_err().to_string();
    for (json, expected) in [
        (
            "{\"mode\": \"whitelist\",\n  \"rulez\": []}",
            "p.json:2:3: unknown field `rulez`",
        ),
        (
            "{\"mode\": \"whitelist\",\n \"rules\": [],\n\"mode\": 1}",
            "p.json:3:1: duplicate field `mode`",
        ),
        ("\n {\"rules\": []}", "p.json:2:2: missing field `mode`"),
        (
            "{\"mode\":\"blacklist\",\"rules\":[\n{\"rule\":\"os\",\"x\":1}]}",
            "p.json:2:14: unknown field `x`",
        ),
        (
            "{\"mode\":\"blacklist\",\n\"rules\":[],\"spawn\": true}",
            "p.json:2:21: invalid type: boolean `true`",
        ),
        (
            "{\"mode\":\"blacklist\",\"rules\":[\"os\",\n\"@fiel\"]}",
            "p.json:2:1: there is no group @fiel; did you mean @file?",
        ),
        (
            "{\"mode\":\"blacklist\",\"rules\":[\"os\",\n\"os:_/_\"]}",
            "p.json:2:1: rule 2 repeats rule 1, os",
        ),
        ("{\"mode\":", "p.json:1:8: EOF while parsing a value"),
        ("{\"mode\":\"\\ud800\",\"rules\":[]}", "p.json:1:9: "),
    ] {
        let error = match read(&[("p.json", json)]) {
            Err(error) => error.to_string(),
            Ok(file) => file.policy().unwrap_err().to_string(),
        };
        assert!(error.starts_with(expected), "{json}: {error}");
    }
    for (term, expected) in [
        (
            "#{mode => whitelist,\n  rulez => []}.",
            "2:3: unknown field",
        ),
        (
            "#{mode => whitelist,\n  rules => os}.",
            "2:12: invalid type",
        ),
        (
            "#{mode => whitelist, rules => []}",
            "1:34: the text ends here",
        ),
        (
            "#{mode => whitelist, rules => []}. x.",
            "1:36: a policy is one",
        ),
        (
            "#{mode => whitelist, rules => [{a}]}.",
            "1:32: write Module",
        ),
        (
            "#{mode => whitelist, rules => [{a,1}]}.",
            "1:35: a module or",
        ),
        (
            "#{mode => whitelist, rules => [{a,b,c}]}.",
            "1:37: an arity is",
        ),
        (
            "#{mode => whitelist, rules => [{a,b,256}]}.",
            "1:32: bad rule",
        ),
        ("#{mode => whitelist, rules => [X]}.", "1:32: found X"),
        ("#{mode => whitelist, rules => [a|b]}.", "1:33: found |"),
        (
            "#{mode => \"whitelist\", rules => []}.",
            "1:11: invalid type",
        ),
        ("#{\"mode\" => whitelist, rules => []}.", "1:3: a key is"),
        ("#{mode := whitelist, rules => []}.", "1:8: found :="),
        ("#{mode => list_to_atom(\"x\")}.", "1:23: found ("),
        (
            "#{mode => whitelist, rules => [#Ref<0.1>]}.",
            "1:33: found Ref",
        ),
        ("#{mode => whitelist, rules => [\"os]}.", "1:32: no closing"),
        ("#{comment => <<\"ä\">>}.", "1:16: write <<\"text\"/utf8>>"),
        ("#{comment => <<1,2>>}.", "1:16: found 1"),
        (
            "#{mode => whitelist, rules => [], comment => c}.",
            "1:46: inval",
        ),
        (
            "#{mode => whitelist, rules => [], base => maybe_}.",
            "1:43: inva",
        ),
        ("[{mode, whitelist}].", "1:1: invalid type: sequence"),
        ("{mode, whitelist}.", "1:1: invalid type: a tuple"),
        ("", "1:1: the text ends here"),
        ("%% nothing\n", "2:1: the text ends here"),
    ] {
        let error = terms(term).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("p.terms:{expected}")), "{text}");
        assert_eq!(error.error.name(), "bad_terms", "{text}");
    }
    assert!(of(&[("p.yaml", "")]).contains("ends in .json or in .terms"));
    assert!(of(&[(".json", "")]).contains("ends in .json or in .terms"));
}

const EMPTY: &str = r#"{"mode":"whitelist","rules":[]}"#;

fn including(names: &[&str]) -> String {
    format!(r#"{{"mode":"whitelist","include":{names:?},"rules":[]}}"#)
}

#[test]
fn an_include_has_bounds() {
    let of = |files: &[(&str, &str)]| read(files).unwrap_err().to_string();
    let (a, b) = (including(&["b.json"]), including(&["a.json"]));
    assert_eq!(
        of(&[("a.json", &a), ("b.json", &b)]),
        "b.json:1:32: a circle: a.json includes b.json includes a.json again"
    );
    assert_eq!(
        of(&[("a.json", &including(&["a.json"]))]),
        "a.json:1:32: a circle: a.json includes a.json again"
    );
    assert_eq!(
        of(&[("d/a.json", &including(&["../b.json"]))]),
        "d/a.json:1:32: cannot read d/../b.json: no such file"
    );
    assert!(of(&[("a.json", &including(&["/etc/b.json"]))])
        .contains("/etc/b.json is absolute"));
    assert!(of(&[("a.json", &including(&["b.txt"])), ("b.txt", "")])
        .starts_with("b.txt: the name of a policy's file"));
    assert!(of(&[
        ("a.json", &including(&["b.json", "b.json"])),
        ("b.json", EMPTY)
    ])
    .contains("b.json is named twice"));
    let black = EMPTY.replace("white", "black");
    assert_eq!(
        of(&[("a.json", &a), ("b.json", &black)]),
        "a.json:1:32: b.json is a blacklist, and this a whitelist"
    );
    let spawn = EMPTY.replace("[]", "[],\n\"spawn\":\"deny\"");
    assert!(of(&[("a.json", &a), ("b.json", &spawn)])
        .starts_with("b.json:2:1: spawn cannot stand in an included file"));
    // Whatever key comes to be, it is not taken from there.
    let other = EMPTY.replace("[]", "[], \"other\":1");
    assert!(of(&[("a.json", &a), ("b.json", &other)])
        .contains("other cannot stand in an included file"));
}

/// A circle through `..`, whose paths never repeat, ends.
#[test]
fn a_circle_of_ever_longer_paths_ends() {
    let text = including(&["../d/a.json"]);
    let error = PolicyFile::read("d/a.json", &mut |_| Ok(text.clone()));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("through more than 8 files"), "{error}");
}

#[test]
fn files_are_counted_and_weighed() {
    // Two of each level would be 2^8 readings.
    let mut reads = 0;
    let error = PolicyFile::read("0/x.json", &mut |path| {
        reads += 1;
        Ok(including(&[
            &format!("{}/a.json", path.len()),
            &format!("{}/b.json", path.len()),
        ]))
    });
    let error = error.unwrap_err().to_string();
    assert!(reads <= 64, "{reads}");
    assert!(error.contains("more than"), "{error}");
    let names: Vec<_> = (0..70).map(|n| format!("{n}.json")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let error = PolicyFile::read("x.json", &mut |path| {
        Ok(if path == "x.json" {
            including(&names)
        } else {
            EMPTY.to_owned()
        })
    });
    let error = error.unwrap_err().to_string();
    assert!(error.ends_with("63.json would be one file more than 64"));
    let huge = format!("{}{EMPTY}", " ".repeat(16 << 20));
    let error = read(&[("a.json", &huge)]).unwrap_err().to_string();
    assert_eq!(error, "a.json: more than 16 MiB of policy");
}

#[test]
fn nesting_has_a_bound() {
    let deep = "[".repeat(1_000_000);
    let error = terms(&deep).unwrap_err().to_string();
    assert!(error.contains("nested deeper than 16 levels"), "{error}");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = read(&[("a.json", &deep)]).unwrap_err().to_string();
    assert!(error.contains("nested deeper than 16 levels"), "{error}");
}

#[test]
fn a_text_alone_includes_nothing() {
    let error = PolicySpec::from_json(&including(&["b.json"])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bad JSON at line 1, column 32: only a file can include others"
    );
    let found = includes("d/a.json", &including(&["./b.json", "../c.terms"]));
    assert_eq!(found.unwrap(), ["d/b.json", "d/../c.terms"]);
}

#[test]
fn one_million_rules_in_a_line() {
    let rules: Vec<_> = (0..700_000).map(|n| format!("\"m:f{n}\"")).collect();
    let json =
        format!(r#"{{"mode":"blacklist","rules":[{}]}}"#, rules.join(","));
    let file = read(&[("a.json", &json)]).unwrap();
    assert_eq!(file.spec.rules.len(), 700_000);
    assert_eq!(file.places[1].column, file.places[0].column + 7);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_in_its_bounds(
        text in "[#{}\\[\\]<>=\"'a-c@_%.,0-9/: \n\\\\A-Zä]{0,60}"
    ) {
        if let Err(error) = terms(&text) {
            if let Some((line, column)) = error.place {
                let lines: Vec<_> = text.split('\n').collect();
                prop_assert!(column <= lines[line - 1].len() + 1);
            }
        }
    }

    #[test]
    fn any_rule_reads_back_from_its_term(
        module in "\\PC{1,9}", function in "\\PC{1,9}", arity in 0..=255u8
    ) {
        let quote = |name: &str| {
            name.replace('\\', "\\\\").replace('\'', "\\'")
        };
        let (m, f) = (quote(&module), quote(&function));
        let text = format!(
            "#{{mode => whitelist, rules => [{{'{m}', '{f}', {arity}}}]}}."
        );
        let spec = terms(&text).unwrap().spec;
        let policy = Policy::from_spec(&spec).unwrap();
        let why = policy.explain(&module, &function, u32::from(arity));
        prop_assert!(why.to_string().contains("is allowed by rule 1"));
    }
}
