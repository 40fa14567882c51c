// SPDX-License-Identifier: Apache-2.0

//! "Did you mean": the most similar of the names that exist.

use strsim::damerau_levenshtein;

/// The candidate most similar to `name`, if any is similar enough to be what
/// the user meant. Of equally similar ones the first wins.
pub fn suggest<'a, I>(name: &str, candidates: I) -> Option<&'a str>
where
    I: IntoIterator<Item = &'a str>,
{
    let length = name.chars().count();
    // One slip in three letters; more would suggest unrelated short names.
    let tolerated = (length / 3).max(1);
    candidates
        .into_iter()
        // The distance is at least the difference in length, which is cheap:
        // candidates may be all functions of a large system.
        .filter(|c| c.chars().count().abs_diff(length) <= tolerated)
        .map(|c| (damerau_levenshtein(name, c), c))
        .filter(|&(distance, _)| distance <= tolerated)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn a_slip_is_recognised() {
        let names = ["@base", "@pure", "@process_control"];
        assert_eq!(suggest("@prue", names), Some("@pure"));
        assert_eq!(suggest("@proces_control", names), Some(names[2]));
    }

    #[test]
    fn an_unrelated_name_suggests_nothing() {
        assert_eq!(suggest("@xyz", ["@base", "@pure"]), None);
        assert_eq!(suggest("ets", ["maps", "os"]), None);
        assert_eq!(suggest("", ["maps"]), None);
    }

    #[test]
    fn the_first_of_equals_wins() {
        assert_eq!(suggest("mapx", ["maps", "mapy"]), Some("maps"));
    }
}
