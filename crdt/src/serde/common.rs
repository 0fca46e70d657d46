//! What two sequences have in common.

/// How many pairs of elements are compared at most, between the common start and the common end.
const COMPARISONS_MAX: usize = 1 << 14;

/// The places, in order, of elements that an old and a new sequence share: their common start and
/// end, and between them a longest common subsequence, or nothing where too much is between.
pub(crate) fn common(
    (old, new): (usize, usize),
    same: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let shorter = old.min(new);
    let start = (0..shorter).take_while(|&at| same(at, at)).count();
    let ends = 1..=shorter - start;
    let end = ends.take_while(|at| same(old - at, new - at)).count();
    let (rows, columns) = (old - start - end, new - start - end);
    let between = if rows.saturating_mul(columns) <= COMPARISONS_MAX {
        longest((rows, columns), |row, column| {
            same(start + row, start + column)
        })
    } else {
        Vec::new()
    };
    let between = between.into_iter();
    let starts = (0..start).map(|at| (at, at));
    let ends = (0..end).map(|at| (old - end + at, new - end + at));
    starts
        .chain(between.map(|(row, column)| (start + row, start + column)))
        .chain(ends)
        .collect()
}

/// A longest common subsequence, by the table of how long it is from each pair on (Wagner and
/// Fischer 1974).
fn longest(
    (rows, columns): (usize, usize),
    same: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let mut table = vec![vec![0usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            table[row][column] = if same(row, column) {
                table[row + 1][column + 1] + 1
            } else {
                table[row + 1][column].max(table[row][column + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut pairs = Vec::with_capacity(table[0][0]);
    while row < rows && column < columns {
        if same(row, column) {
            pairs.push((row, column));
            (row, column) = (row + 1, column + 1);
        } else if table[row + 1][column] >= table[row][column + 1] {
            row += 1;
        } else {
            column += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How long the longest common subsequence is, by trying everything.
    fn model(old: &[u8], new: &[u8]) -> usize {
        match (old, new) {
            ([a, old_rest @ ..], [b, new_rest @ ..]) => {
                let skipped = model(old_rest, new).max(model(old, new_rest));
                if a == b {
                    skipped.max(1 + model(old_rest, new_rest))
                } else {
                    skipped
                }
            }
            _ => 0,
        }
    }

    proptest! {
        #[test]
        fn is_as_long_as_can_be(
            old in prop::collection::vec(0..4u8, 0..8),
            new in prop::collection::vec(0..4u8, 0..8),
        ) {
            let pairs = common((old.len(), new.len()), |a, b| old[a] == new[b]);
            prop_assert!(pairs.iter().all(|&(a, b)| old[a] == new[b]));
            prop_assert!(pairs.windows(2).all(|w| w[0].0 < w[1].0 && w[0].1 < w[1].1));
            prop_assert_eq!(pairs.len(), model(&old, &new));
        }
    }

    #[test]
    fn of_what_is_too_long_only_the_ends_are_kept() {
        let (old, new) = (10 + 200 + 10, 10 + 300 + 10);
        // Both are alike at the ends, and at one place between.
        let same = |a: usize, b: usize| {
            (a < 10 && a == b) || (a >= 210 && a + 100 == b) || (a, b) == (50, 60)
        };
        let pairs = common((old, new), same);
        assert_eq!(pairs.len(), 20);
        assert!(!pairs.contains(&(50, 60)));
        assert!(common((100, 100), |a, b| (a, b) == (50, 60)).contains(&(50, 60)));
    }
}
