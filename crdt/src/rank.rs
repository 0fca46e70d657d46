//! [`Rank`]: what makes keys quick to find.

/// A key with a number that its order mostly shows in already, so that few keys are looked at to find one.
///
/// A smaller key never has a greater rank; equal ranks say nothing. For keys of your own the default,
/// which gives all the same rank, is right and no slower than comparing them.
///
/// ```
/// use driftwood_crdt::Rank;
/// assert!("apple".rank() < "apricot".rank());
/// assert_eq!("a long name".rank(), "a long name, too".rank());
///
/// #[derive(PartialEq, Eq, PartialOrd, Ord)]
/// struct Point(i64, i64);
/// impl Rank for Point {}
/// ```
pub trait Rank: Ord {
    /// The rank; O(1).
    fn rank(&self) -> u64 {
        0
    }
}

impl Rank for [u8] {
    fn rank(&self) -> u64 {
        let mut first = [0; 8];
        let len = self.len().min(8);
        first[..len].copy_from_slice(&self[..len]);
        u64::from_be_bytes(first)
    }
}

impl Rank for str {
    fn rank(&self) -> u64 {
        self.as_bytes().rank()
    }
}

impl Rank for String {
    fn rank(&self) -> u64 {
        self.as_str().rank()
    }
}

impl Rank for Vec<u8> {
    fn rank(&self) -> u64 {
        self.as_slice().rank()
    }
}

impl<T: Rank + ?Sized> Rank for &T {
    fn rank(&self) -> u64 {
        (**self).rank()
    }
}

impl<A: Rank, B: Ord> Rank for (A, B) {
    fn rank(&self) -> u64 {
        self.0.rank()
    }
}

macro_rules! ranked {
    ($($number:ty),*) => {
        $(impl Rank for $number {
            fn rank(&self) -> u64 {
                u64::from(*self)
            }
        })*
    };
}

ranked!(bool, char, u8, u16, u32, u64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-9..9i64).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-c]{0,12}".prop_map(Value::from),
            Just(Value::Null),
        ]
    }

    proptest! {
        #[test]
        fn a_smaller_value_never_has_a_greater_rank(a in values(), b in values()) {
            prop_assert!(a > b || a.rank() <= b.rank());
        }

        #[test]
        fn a_smaller_key_never_has_a_greater_rank(a in "[a-c\u{0}é]{0,12}", b in "[a-c\u{0}é]{0,12}") {
            if a <= b {
                prop_assert!(a.rank() <= b.rank());
                prop_assert!((a.as_str(), 1).rank() <= (b.as_str(), 0).rank());
            }
        }
    }
}
