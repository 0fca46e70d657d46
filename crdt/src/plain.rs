//! Iterators that take little code.

/// The items, one at a time. In WebAssembly nothing but that is known of the iterator, so whatever is built on it is not
/// built through it as well; natively it is what it was, with all the short ways that an iterator has.
#[cfg(target_arch = "wasm32")]
pub(crate) fn plain<I: Iterator>(items: I) -> Plain<I> {
    Plain(items)
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn plain<I: Iterator>(items: I) -> I {
    items
}

#[cfg(target_arch = "wasm32")]
#[derive(Clone)]
pub(crate) struct Plain<I>(I);

#[cfg(target_arch = "wasm32")]
impl<I: Iterator> Iterator for Plain<I> {
    type Item = I::Item;

    #[inline(never)]
    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }
}

#[cfg(target_arch = "wasm32")]
impl<I: DoubleEndedIterator> DoubleEndedIterator for Plain<I> {
    #[inline(never)]
    fn next_back(&mut self) -> Option<I::Item> {
        self.0.next_back()
    }
}
