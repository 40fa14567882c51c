// SPDX-License-Identifier: Apache-2.0

//! What the fuzz targets check, on the stored corpus, on changed files of it
//! and on random bytes. A finding of `make fuzz` is put into the corpus, and
//! fails here until it is repaired.

#![allow(clippy::unwrap_used)]

#[path = "../fuzz/invariants/mod.rs"]
mod invariants;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// The files of a target, in the order of their names.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no corpus in {}", folder.display());
    files
        .into_iter()
        .map(|file| (file.display().to_string(), fs::read(&file).unwrap()))
        .collect()
}

fn replay(target: &str, invariant: fn(&[u8])) {
    for (name, bytes) in corpus(target) {
        // Shown when the invariant fails.
        println!("{name}");
        invariant(&bytes);
    }
}

/// A file of the corpus with some bytes replaced, put in or left out.
fn changed(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let files: Vec<_> = corpus(target).into_iter().map(|file| file.1).collect();
    let change = (0..3u8, any::<Index>(), any::<u8>());
    (proptest::sample::select(files), vec(change, 0..6)).prop_map(
        |(mut bytes, changes)| {
            for (what, place, byte) in changes {
                let place = place.index(bytes.len() + 1);
                match what {
                    0 if place < bytes.len() => bytes[place] = byte,
                    1 if place < bytes.len() => {
                        bytes.remove(place);
                    }
                    _ => bytes.insert(place, byte),
                }
            }
            bytes
        },
    )
}

macro_rules! target {
    ($name:ident) => {
        mod $name {
            use super::*;

            #[test]
            fn the_corpus_holds() {
                replay(stringify!($name), invariants::$name);
            }

            proptest! {
                #[test]
                fn changed_files_hold(bytes in changed(stringify!($name))) {
                    invariants::$name(&bytes);
                }

                #[test]
                fn random_bytes_hold(bytes in vec(any::<u8>(), 0..400)) {
                    invariants::$name(&bytes);
                }
            }
        }
    };
}

target!(json);
target!(rule_text);
target!(compile);
target!(meet);
