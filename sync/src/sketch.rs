//! What two sets do not have in common, from bytes in proportion to that: a rateless invertible Bloom
//! lookup table (Yang, Gilad, Alizadeh, "Practical Rateless Set Reconciliation", SIGCOMM 2024).
//!
//! An item is a keyed hash of 64 bits. It is added to a sequence of *symbols*, to symbol i with a
//! probability of about 1 / (1 + i / 2). Adding is an exclusive or, so adding again removes, two sketches under
//! one key are subtracted by adding them, and the first symbols of a long sketch are a short one. Of two
//! sets that differ in d items about 1.4 d symbols are needed (measured: 1.8 where d is 8, 1.4 from 100
//! on). We depart from the paper in that a symbol has no count: whose an item is, everybody knows of their
//! own.

use driftwood_crdt::ordered::BTreeSet;

use crate::DocumentName;

/// Under what items are hashed. Who knows it can choose names such that nothing is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) [u64; 2]);

impl Secret {
    /// The item that a document with that digest of its version is.
    pub(crate) fn item(self, document: &DocumentName, digest: u64) -> u64 {
        siphash(self.0, digest, document.as_str().as_bytes())
    }
}

/// A symbol: the exclusive or of its items, and of their checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// Of the items.
    pub sum: u64,
    /// Of their checks: a number that follows from the item.
    pub check: u32,
}

impl Symbol {
    fn add(&mut self, other: Self) {
        self.sum ^= other.sum;
        self.check ^= other.check;
    }

    fn of(item: u64) -> Self {
        Self {
            sum: item,
            check: check(item),
        }
    }

    /// The only item in it, if that is so.
    fn item(self) -> Option<u64> {
        (self != Self::default() && self.check == check(self.sum)).then_some(self.sum)
    }
}

/// The first symbols of a set.
#[derive(Clone, Debug)]
pub(crate) struct Sketch {
    secret: Secret,
    symbols: Vec<Symbol>,
}

impl Sketch {
    /// Of nothing, so many symbols long.
    pub(crate) fn new(secret: Secret, len: usize) -> Self {
        let symbols = vec![Symbol::default(); len];
        Self { secret, symbols }
    }

    pub(crate) fn secret(&self) -> Secret {
        self.secret
    }

    pub(crate) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// Adds an item that is not there, or removes one that is. O(log symbols).
    pub(crate) fn toggle(&mut self, item: u64) {
        let len = self.symbols.len();
        for place in Places::of(item).take_while(|&place| place < len) {
            self.symbols[place].add(Symbol::of(item));
        }
    }
}

/// The items that are in one of two sets and not in the other, from as many symbols of both; none if these
/// do not suffice. O(symbols · log symbols).
pub(crate) fn solve(ours: &[Symbol], theirs: &[Symbol]) -> Option<BTreeSet<u64>> {
    let pairs = ours.iter().zip(theirs);
    let mut symbols: Vec<Symbol> = pairs
        .map(|(&symbol, &other)| {
            let mut difference = symbol;
            difference.add(other);
            difference
        })
        .collect();
    let len = symbols.len();
    let mut found = BTreeSet::new();
    let mut changed: Vec<usize> = (0..len).collect();
    // Bytes that are no sketch could give items for ever.
    let mut left = len;
    while let Some(place) = changed.pop() {
        let Some(item) = symbols[place].item() else {
            continue;
        };
        left = left.checked_sub(1)?;
        // What seemed to be alone and was not comes out a second time.
        if !found.remove(&item) {
            found.insert(item);
        }
        for place in Places::of(item).take_while(|&place| place < len) {
            symbols[place].add(Symbol::of(item));
            changed.push(place);
        }
    }
    let is_empty = |symbol: &Symbol| *symbol == Symbol::default();
    (len > 0 && symbols.iter().all(is_empty)).then_some(found)
}

/// The numbers of the symbols that an item is in, ascending, the first one always.
struct Places {
    state: u64,
    next: u64,
}

impl Places {
    fn of(item: u64) -> Self {
        Self {
            state: item,
            next: 0,
        }
    }
}

impl Iterator for Places {
    type Item = usize;

    /// The gap to the next one is (i + 3/2)(u^(-1/2) - 1), rounded up, for a random u in (0, 1]. Divisions
    /// and roots of doubles are the same on every machine (IEEE 754).
    #[allow(clippy::cast_sign_loss)] // It is not below zero, and what is too large becomes the largest.
    fn next(&mut self) -> Option<usize> {
        let place = self.next;
        let random = ((mix(self.state) >> 11) + 1) as f64 / (1u64 << 53) as f64;
        self.state = self.state.wrapping_add(GOLDEN);
        let gap = (place as f64 + 1.5) * (1.0 / random.sqrt() - 1.0);
        self.next = place.saturating_add((gap.ceil() as u64).max(1));
        usize::try_from(place).ok()
    }
}

/// By what an item that is alone is known.
fn check(item: u64) -> u32 {
    (mix(!item) >> 32) as u32
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A step of `SplitMix64` (Steele, Lea, Flood 2014).
fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// SipHash-2-4 (Aumasson, Bernstein 2012) of a number, as eight bytes, and what follows it.
fn siphash([k0, k1]: [u64; 2], first: u64, rest: &[u8]) -> u64 {
    let mut state = [
        k0 ^ 0x736f_6d65_7073_6575,
        k1 ^ 0x646f_7261_6e64_6f6d,
        k0 ^ 0x6c79_6765_6e65_7261,
        k1 ^ 0x7465_6462_7974_6573,
    ];
    absorb(&mut state, first);
    let (words, tail) = rest.as_chunks::<8>();
    for word in words {
        absorb(&mut state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    last[7] = (rest.len() + 8) as u8;
    absorb(&mut state, u64::from_le_bytes(last));
    state[2] ^= 0xff;
    for _ in 0..4 {
        round(&mut state);
    }
    state[0] ^ state[1] ^ state[2] ^ state[3]
}

fn absorb(state: &mut [u64; 4], word: u64) {
    state[3] ^= word;
    round(state);
    round(state);
    state[0] ^= word;
}

fn round([v0, v1, v2, v3]: &mut [u64; 4]) {
    *v0 = v0.wrapping_add(*v1);
    *v1 = v1.rotate_left(13) ^ *v0;
    *v0 = v0.rotate_left(32);
    *v2 = v2.wrapping_add(*v3);
    *v3 = v3.rotate_left(16) ^ *v2;
    *v0 = v0.wrapping_add(*v3);
    *v3 = v3.rotate_left(21) ^ *v0;
    *v2 = v2.wrapping_add(*v1);
    *v1 = v1.rotate_left(17) ^ *v2;
    *v2 = v2.rotate_left(32);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const SECRET: Secret = Secret([1, 2]);

    fn sketch(items: impl IntoIterator<Item = u64>, len: usize) -> Sketch {
        let mut sketch = Sketch::new(SECRET, len);
        items.into_iter().for_each(|item| sketch.toggle(item));
        sketch
    }

    /// How many symbols it takes to find what differs.
    fn needed(ours: &Sketch, theirs: &Sketch) -> Option<usize> {
        let (ours, theirs) = (ours.symbols(), theirs.symbols());
        let lens = std::iter::successors(Some(1), |len| Some(len + len / 50 + 1));
        let mut lens = lens.take_while(|&len| len <= ours.len());
        lens.find(|&len| solve(&ours[..len], &theirs[..len]).is_some())
    }

    #[test]
    fn the_hash_is_siphash() {
        // From the paper's appendix: the bytes 0 to 14 under the key of the bytes 0 to 15.
        let key = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
        let rest: Vec<u8> = (8..15).collect();
        let hash = siphash(key, key[0], &rest);
        assert_eq!(hash, 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn an_item_depends_on_all_it_is_made_of() {
        let name = |text: &str| DocumentName::new(text).expect("a name");
        let items = [
            SECRET.item(&name("a"), 1),
            SECRET.item(&name("b"), 1),
            SECRET.item(&name("a"), 2),
            SECRET.item(&name("a\0"), 1),
            Secret([1, 3]).item(&name("a"), 1),
            Secret([2, 2]).item(&name("a"), 1),
        ];
        assert_eq!(items.iter().collect::<BTreeSet<_>>().len(), items.len());
    }

    #[test]
    fn places_thin_out_as_they_should() {
        const ITEMS: u64 = 20_000;
        let mut hits = vec![0u64; 256];
        for item in 0..ITEMS {
            let places = Places::of(mix(item)).take_while(|&place| place < 256);
            places.for_each(|place| hits[place] += 1);
        }
        assert_eq!(hits[0], ITEMS);
        for place in [1, 2, 10, 100, 255] {
            let wanted = ITEMS as f64 / (1.0 + place as f64 / 2.0);
            let found = hits[place] as f64;
            // By the rounding it is 0.64 and not 2/3 at place 1, and nearer further on.
            let off = (found - wanted).abs();
            let most = 0.05 * wanted + 4.0 * wanted.sqrt();
            assert!(off < most, "{place}: {found} for {wanted}");
        }
    }

    #[test]
    fn as_many_symbols_are_needed_as_the_paper_says() {
        for (differ, most) in [(0, 1.0), (1, 1.0), (10, 3.0), (100, 1.8), (1_000, 1.5)] {
            let common = (0..5_000).map(mix);
            let more = (10_000..10_000 + differ).map(mix);
            let (ours, theirs) = (
                sketch(common.clone(), 2_000),
                sketch(common.chain(more), 2_000),
            );
            let len = needed(&ours, &theirs).expect("far more than enough");
            let bound = most * differ.max(1) as f64;
            assert!(len as f64 <= bound, "{differ} items took {len} symbols");
        }
    }

    #[test]
    fn noise_is_not_taken_for_a_difference_and_ends() {
        for seed in 0..200 {
            let noise = |at: u64| Symbol {
                sum: mix(seed * 1_000 + at),
                // Every second one looks like an item.
                check: if at.is_multiple_of(2) {
                    check(mix(seed * 1_000 + at))
                } else {
                    7
                },
            };
            let theirs: Vec<Symbol> = (0..100).map(noise).collect();
            assert_eq!(solve(&[Symbol::default(); 100], &theirs), None);
        }
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_differs(
            common in proptest::collection::btree_set(any::<u64>(), 0..200),
            ours in proptest::collection::btree_set(any::<u64>(), 0..40),
            theirs in proptest::collection::btree_set(any::<u64>(), 0..40),
        ) {
            let union = |more: &std::collections::BTreeSet<u64>| &common | more;
            let (left, right) = (union(&ours), union(&theirs));
            let wanted: BTreeSet<u64> = left.symmetric_difference(&right).copied().collect();
            let (a, b) = (sketch(left, 600), sketch(right, 600));
            for len in [600, needed(&a, &b).expect("enough")] {
                let found = solve(&a.symbols()[..len], &b.symbols()[..len]);
                prop_assert_eq!(found.as_ref(), Some(&wanted));
            }
        }

        #[test]
        fn a_sketch_that_is_kept_up_is_the_one_made_anew(
            steps in proptest::collection::vec(0..20u64, 0..100),
        ) {
            let mut kept = Sketch::new(SECRET, 64);
            let mut items = std::collections::BTreeSet::new();
            for item in steps.into_iter().map(mix) {
                kept.toggle(item);
                if !items.remove(&item) {
                    items.insert(item);
                }
            }
            let anew = sketch(items.clone(), 64);
            prop_assert_eq!(kept.symbols(), anew.symbols());
            let short = sketch(items, 9);
            prop_assert_eq!(&kept.symbols()[..9], short.symbols());
        }
    }
}
