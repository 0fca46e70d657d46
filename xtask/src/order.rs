//! An order of functions that gzip likes: each stands near those that are most like it.
//!
//! gzip finds again what it saw within 32 KiB. Copies of generic code for several types are alike and lie far from each
//! other, wherever they were made.

use crate::wasm::{self, Function};
use anyhow::Result;
use std::collections::BTreeSet;

/// Bytes of code that are looked at together, and how many kinds of them are told apart.
const PIECE: usize = 4;
const KINDS: u32 = 4_096;

/// What so many functions have tells nothing apart, and takes long to count.
const COMMON: usize = 1_500;

/// How much what came before the last function counts, for each step back.
const FADE: f32 = 0.6;

/// The module with the place of each function put before its name.
///
/// # Errors
/// It is no module.
pub(crate) fn by_names(module: &[u8]) -> Result<Vec<u8>> {
    let functions = wasm::functions(module)?;
    let mut names = vec![String::new(); functions.len()];
    for (place, function) in by_likeness(&functions).into_iter().enumerate() {
        names[function] = format!("{place:06} {}", functions[function].name);
    }
    wasm::renamed(module, &names)
}

/// Which function is to come at each place: from the largest on, always the one that is most like the last ones.
fn by_likeness(functions: &[Function]) -> Vec<usize> {
    let kinds: Vec<Vec<usize>> = functions.iter().map(|f| kinds_of(f.code)).collect();
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); KINDS as usize];
    for (function, kinds) in kinds.iter().enumerate() {
        for &kind in kinds {
            users[kind].push(function);
        }
    }
    // What everyone has says nothing, and what few have says most.
    let count = functions.len() as f32;
    let weights: Vec<f32> = users
        .iter()
        .map(|users| match users.len() {
            COMMON.. => 0.0,
            users => (count / (users + 1) as f32).ln().max(0.0),
        })
        .collect();
    let lengths: Vec<f32> = kinds
        .iter()
        .map(|kinds| kinds.iter().map(|&kind| weights[kind]).sum::<f32>().sqrt())
        .collect();

    let mut likeness = vec![0.0_f32; functions.len()];
    let mut left = vec![true; functions.len()];
    let mut order = Vec::with_capacity(functions.len());
    let largest = (0..functions.len()).max_by_key(|&function| functions[function].code.len());
    let mut next = largest;
    while let Some(function) = next {
        order.push(function);
        left[function] = false;
        for likeness in &mut likeness {
            *likeness *= FADE;
        }
        for &kind in &kinds[function] {
            let weight = weights[kind];
            if weight > 0.0 {
                for &user in &users[kind] {
                    likeness[user] += weight / (lengths[function] * lengths[user]);
                }
            }
        }
        let rest = (0..functions.len()).filter(|&function| left[function]);
        next = rest.max_by(|&a, &b| likeness[a].total_cmp(&likeness[b]));
    }
    order
}

/// The kinds of pieces that a function's code has.
fn kinds_of(code: &[u8]) -> Vec<usize> {
    let kinds: BTreeSet<usize> = code
        .windows(PIECE)
        .map(|piece| {
            let hash = piece.iter().fold(0_u32, |hash, &byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            });
            ((hash ^ (hash >> 15)) % KINDS) as usize
        })
        .collect();
    kinds.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_stands_together() {
        let sources: [&[u8]; 6] = [
            b"one thing is this, and there it ends, at last",
            b"nobody knows 0123456789 of those numbers",
            b"one thing is this, or so, and there it ends",
            b"nobody knew 0123456789 of these numbers",
            b"one thing is that, and here it ends",
            b"x",
        ];
        let functions = sources.map(|code| Function {
            name: String::new(),
            code,
        });
        let order = by_likeness(&functions);
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 6, "{order:?}");
        let place = |function| order.iter().position(|&other| other == function).unwrap();
        assert_eq!(place(0), 0);
        assert!(place(2) < 3 && place(4) < 3, "{order:?}");
        assert_eq!(place(1).abs_diff(place(3)), 1, "{order:?}");
    }
}
