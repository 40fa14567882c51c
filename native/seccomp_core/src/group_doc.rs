// SPDX-License-Identifier: Apache-2.0

//! The groups as a page of documentation.

use std::fmt::Write;

use crate::group::{Group, Groups};

const HEAD: &str = "\
<!-- Generated from native/seccomp_core/groups*.json. Do not edit. -->

# Groups

A group stands for its members, in a whitelist and in a blacklist. Members
that a version of OTP or Elixir does not have are left out there.

";

impl Groups {
    /// All groups as Markdown: a list of links, then a table for each.
    pub fn doc_markdown(&self) -> String {
        let mut page = HEAD.to_owned();
        for group in self.iter() {
            let anchor = group.name.trim_start_matches('@');
            // Writing to a string cannot fail.
            let _ = writeln!(
                page,
                "* [`{}`](#{anchor}): {}",
                group.name, group.doc
            );
        }
        for group in self.iter() {
            write_group(&mut page, group);
        }
        page
    }
}

fn write_group(page: &mut String, group: &Group) {
    let _ = write!(
        page,
        "\n## {}\n\n{}\n\n| rule | why |\n| --- | --- |\n",
        group.name, group.doc
    );
    for member in &group.members {
        let rule = cell(&member.rule.to_string());
        let _ = writeln!(page, "| `{rule}` | {} |", cell(&member.reason));
    }
}

/// Text that does not end its table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_becomes_a_table() {
        let groups = Groups::parse(
            r#"{"groups":[{"name":"@a","doc":"All a.","members":[
                {"rule":"erlang:'||'/2","reason":"a | b"},
                {"rule":"@b","reason":"what a needs"}]},
                {"name":"@b","doc":"All b.","members":[]}]}"#,
        )
        .unwrap();
        let page = groups.doc_markdown();
        let body = page.strip_prefix(HEAD).unwrap();
        assert_eq!(
            body,
            "* [`@a`](#a): All a.\n\
             * [`@b`](#b): All b.\n\
             \n## @a\n\nAll a.\n\n| rule | why |\n| --- | --- |\n\
             | `erlang:'\\|\\|'/2` | a \\| b |\n\
             | `@b` | what a needs |\n\
             \n## @b\n\nAll b.\n\n| rule | why |\n| --- | --- |\n"
        );
    }
}
