// SPDX-License-Identifier: Apache-2.0
//! NIFs for who looks on: totals, policies with their processes, and what the
//! page of the web server is asked for.

use rustler::{Encoder, Env, ResourceArc, Term};
use serde::Deserialize;

use crate::error::bad_term;
use crate::installed;
use crate::nif_policy::{tuple, Handle};
use crate::nif_process::action_name;
use crate::table;
use crate::term;
use crate::violations;

#[rustler::nif]
fn totals(env: Env) -> Term {
    let totals = violations::totals();
    let mut pairs = vec![
        ("processes", table::len().encode(env)),
        ("policies", installed::live().encode(env)),
        ("total", totals.total.encode(env)),
        ("dropped", totals.dropped.encode(env)),
    ];
    for (action, count) in totals.by_action {
        pairs.push((action_name(action), count.encode(env)));
    }
    term::map(env, &pairs)
}

/// Goes through all restricted processes.
#[rustler::nif(schedule = "DirtyCpu")]
fn policies(env: Env) -> Term {
    let found: Vec<Term> = table::policies()
        .into_iter()
        .map(|(policy, processes)| {
            (ResourceArc::new(Handle::from(policy)), processes).encode(env)
        })
        .collect();
    term::list(env, &found)
}

/// What the playground sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvalRequest {
    source: String,
}

/// `{ok, Source}`. Makes no atoms.
#[rustler::nif]
fn eval_request<'a>(env: Env<'a>, json: Term<'a>) -> Term<'a> {
    let source = json
        .decode::<&str>()
        .ok()
        .and_then(|json| serde_json::from_str::<EvalRequest>(json).ok())
        .map(|request| request.source.encode(env))
        .ok_or_else(|| {
            bad_term("bad_json", "not an object with one string, source")
        });
    tuple(env, source)
}
