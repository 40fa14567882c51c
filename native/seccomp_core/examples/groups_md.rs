// SPDX-License-Identifier: Apache-2.0

//! Prints the documentation of the groups, which `docs/groups.md` holds.

use seccomp_core::{Error, Groups};

fn main() -> Result<(), Error> {
    print!("{}", Groups::shipped()?.doc_markdown());
    Ok(())
}
