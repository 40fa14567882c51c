// SPDX-License-Identifier: Apache-2.0
//! NIFs on policies in files. The files are read by Erlang, so that it is
//! Erlang's functions that a policy allows or denies to the caller.

use std::collections::HashMap;

use rustler::{Encoder, Env, Term};
use seccomp_core::{includes, PolicyFile};

use crate::error::{bad_term, Error, Result};
use crate::nif_policy::tuple;
use crate::term;

mod atoms {
    rustler::atoms! { ok }
}

fn text<'a>(term: Term<'a>, what: &str) -> Result<&'a str> {
    term.decode()
        .map_err(|_| bad_term("bad_file", format!("{what} is no UTF-8")))
}

/// The files that a text includes, relative to where its own path is.
#[rustler::nif(schedule = "DirtyCpu")]
fn policy_includes<'a>(
    env: Env<'a>,
    path: Term<'a>,
    content: Term<'a>,
) -> Term<'a> {
    let found = || {
        let path = text(path, "the path")?;
        let names = includes(path, text(content, "the file")?)
            .map_err(Error::InFile)?;
        let names: Vec<Term> = names.iter().map(|n| n.encode(env)).collect();
        Ok(term::list(env, &names))
    };
    tuple(env, found())
}

/// The policy of the first file and the place of each rule. `files` is a list
/// of paths, each with the bytes or with the reason that there are none.
#[rustler::nif(schedule = "DirtyCpu")]
fn policy_from_files<'a>(
    env: Env<'a>,
    path: Term<'a>,
    files: Term<'a>,
) -> Term<'a> {
    match read(path, files).and_then(|file| {
        let spec = term::new_spec_term(env, &file.spec)?;
        let places = file
            .places
            .iter()
            .map(|place| (&*place.file, place.line, place.column).encode(env));
        let places: Vec<Term> = places.collect();
        Ok((atoms::ok(), spec, term::list(env, &places)).encode(env))
    }) {
        Ok(term) => term,
        Err(error) => error.to_term(env),
    }
}

fn read(path: Term, files: Term) -> Result<PolicyFile> {
    let path = text(path, "the path")?;
    let bad = || bad_term("bad_file", "not a list of files");
    let mut contents = HashMap::new();
    for file in term::proper_list(files).map_err(|_| bad())? {
        let (name, content): (&str, Term) = file.decode().map_err(|_| bad())?;
        contents.insert(name, content);
    }
    let mut source = |path: &str| match contents.get(path) {
        None => Err("it was not read".to_owned()),
        Some(content) => match content.decode::<(Term, &str)>() {
            Ok((_error, why)) => Err(why.to_owned()),
            Err(_) => match content.decode::<&str>() {
                Ok(text) => Ok(text.to_owned()),
                Err(_) => Err("it is not text in UTF-8".to_owned()),
            },
        },
    };
    PolicyFile::read(path, &mut source).map_err(Error::InFile)
}
