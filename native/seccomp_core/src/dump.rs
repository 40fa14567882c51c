// SPDX-License-Identifier: Apache-2.0

//! A policy as a page of text, the same for equal policies, to be read and
//! compared.

use std::fmt::Write;

use crate::flags::Flags;
use crate::layer::{Entry, Layer};
use crate::policy::Policy;

impl Policy {
    /// A line for each flag and pattern, patterns with where they came from.
    pub fn dump(&self) -> String {
        let mut page = String::new();
        let flags = Flags::of(self);
        let hash = self.hash();
        // Writing to a string cannot fail.
        let _ = writeln!(page, "policy {hash}");
        let _ = writeln!(page, "flags {flags} (0x{:02x})", flags.bits());
        let _ = writeln!(page, "spawn {}", self.spawn());
        let _ = writeln!(page, "inherit {}", self.inherit());
        let _ = writeln!(page, "provenance {}", self.provenance());
        let _ = writeln!(page, "on_deny {}", self.on_deny());
        let _ = writeln!(page, "send {}", self.send());
        for (index, layer) in self.layers().iter().enumerate() {
            dump_layer(&mut page, index + 1, layer);
        }
        page
    }
}

fn dump_layer(page: &mut String, number: usize, layer: &Layer) {
    let entries = layer.entries();
    let noun = if entries.len() == 1 {
        "pattern"
    } else {
        "patterns"
    };
    let _ = writeln!(
        page,
        "\nlayer {number}: {}, {} {noun}",
        layer.mode(),
        entries.len()
    );
    let texts: Vec<_> = entries.iter().map(Entry::text).collect();
    let width = texts.iter().map(|t| t.chars().count()).max().unwrap_or(0);
    for (text, Entry { origin, .. }) in texts.iter().zip(entries) {
        let _ = write!(page, "  {text:<width$}  {origin}");
        if let Some(reason) = origin.reason() {
            let _ = write!(page, ": {reason}");
        }
        page.push('\n');
    }
}
