//! Which tickets a person means by some words: a part of an id, a title, or a part of a title.

/// Where tickets are looked for, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shelf {
    Live,
    Archived,
}

/// What of a ticket the words are compared with, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Id,
    Title,
}

/// The tickets that are meant: those that fit in the first of these ways in which any ticket of the workspace fits.
///
/// The whole id, a part of the id, the whole title, a part of the title; first among live tickets, then among archived ones.
/// Titles are compared without regard to case. `load` answers an attribute of all tickets of a shelf; what is not needed is
/// not asked for, because titles cost more than ids.
///
/// # Errors
/// Those of `load`.
pub(crate) fn meant<T, E>(
    words: &str,
    mut load: impl FnMut(Shelf, Attribute) -> Result<Vec<(String, T)>, E>,
) -> Result<Vec<T>, E> {
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let folded = words.to_lowercase();
    for shelf in [Shelf::Live, Shelf::Archived] {
        let fitting = fitting(load(shelf, Attribute::Id)?, words);
        if !fitting.is_empty() {
            return Ok(fitting);
        }
        let titles = load(shelf, Attribute::Title)?.into_iter().map(|(title, ticket)| (title.to_lowercase(), ticket)).collect();
        let fitting = self::fitting(titles, &folded);
        if !fitting.is_empty() {
            return Ok(fitting);
        }
    }
    Ok(Vec::new())
}

/// Those whose text is the wanted one, or else those whose text contains it.
fn fitting<T>(all: Vec<(String, T)>, wanted: &str) -> Vec<T> {
    let has_whole = all.iter().any(|(text, _)| text == wanted);
    let fits = |text: &str| if has_whole { text == wanted } else { text.contains(wanted) };
    all.into_iter().filter(|(text, _)| fits(text)).map(|(_, ticket)| ticket).collect()
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    type Tickets = Vec<(String, String, Shelf)>;

    /// Tickets with few letters, so that parts of one are often parts of another.
    fn tickets() -> impl Strategy<Value = Tickets> {
        let shelf = prop_oneof![Just(Shelf::Live), Just(Shelf::Archived)];
        prop::collection::vec(("T-[ab]{1,4}", "[aAbB]{1,4}", shelf), 0..6)
    }

    fn find(all: &Tickets, words: &str) -> Vec<usize> {
        let load = |shelf, attribute| {
            let of_shelf = all.iter().enumerate().filter(|(_, ticket)| ticket.2 == shelf);
            let text = |ticket: &(String, String, Shelf)| match attribute {
                Attribute::Id => ticket.0.clone(),
                Attribute::Title => ticket.1.clone(),
            };
            Ok::<_, Infallible>(of_shelf.map(|(at, ticket)| (text(ticket), at)).collect())
        };
        meant(words, load).unwrap_or_else(|never| match never {})
    }

    /// How well a ticket fits, best first, as the manual says it.
    fn rank(ticket: &(String, String, Shelf), words: &str) -> Option<usize> {
        let (id, title, shelf) = ticket;
        let (title, folded) = (title.to_lowercase(), words.to_lowercase());
        let ways = [id == words, id.contains(words), title == folded, title.contains(&folded)];
        ways.iter().position(|fits| *fits).map(|way| way + if *shelf == Shelf::Live { 0 } else { ways.len() })
    }

    proptest! {
        #[test]
        fn what_fits_best_is_meant_and_all_that_fits_as_well(all in tickets(), words in "(T-)?[aAbB]{1,3}") {
            let best = all.iter().filter_map(|ticket| rank(ticket, &words)).min();
            let expected: Vec<_> =
                (0..all.len()).filter(|at| best.is_some() && rank(&all[*at], &words) == best).collect();
            prop_assert_eq!(find(&all, &words), expected);
        }

        #[test]
        fn who_is_meant_does_not_depend_on_the_order_of_the_repositories(all in tickets(), words in "(T-)?[aAbB]{1,3}") {
            let turned: Tickets = all.iter().rev().cloned().collect();
            let mut found: Vec<_> = find(&turned, &words).into_iter().map(|at| all.len() - 1 - at).collect();
            found.sort_unstable();
            prop_assert_eq!(find(&all, &words), found);
        }

        #[test]
        fn any_words_find_only_what_contains_them(all in tickets(), words in any::<String>()) {
            for at in find(&all, &words) {
                prop_assert!(rank(&all[at], &words).is_some());
            }
        }
    }

    #[test]
    fn no_words_mean_no_ticket() {
        assert_eq!(find(&vec![("T-a".to_owned(), "a".to_owned(), Shelf::Live)], ""), Vec::<usize>::new());
    }

    #[test]
    fn titles_are_not_read_where_an_id_fits() {
        let found = meant("a", |shelf, attribute| match (shelf, attribute) {
            (Shelf::Live, Attribute::Id) => Ok(vec![("T-a".to_owned(), 1)]),
            other => Err(other),
        });
        assert_eq!(found, Ok(vec![1]));
    }
}
