//! Lanes in a vector and lanes in general registers, interleaved.
//!
//! A vector has four lanes, but its chain of dependent operations leaves most of the processor idle. Three more streams in
//! general registers use other units of it, with chains of their own: seven streams take less time than the vector alone.
//! One reason is known: on Zen 5 an operation of a vector takes one cycle more while the scheduler of vectors is full,
//! and the scalar operations between them keep it from filling.

use super::{super::BLOCK, Four, Word, array::Array};

/// One word of each of seven streams: four in a vector, three in general registers.
#[derive(Clone, Copy)]
pub(in super::super) struct Seven(Four, Array<3>);

impl Seven {
    #[inline(always)]
    fn zip(
        self,
        other: Self,
        f: impl Fn(Four, Four) -> Four,
        g: impl Fn(Array<3>, Array<3>) -> Array<3>,
    ) -> Self {
        Self(f(self.0, other.0), g(self.1, other.1))
    }
}

impl Word<7> for Seven {
    #[inline(always)]
    fn from_lanes([a, b, c, d, e, f, g]: [u32; 7]) -> Self {
        Self(Four::from_lanes([a, b, c, d]), Array::from_lanes([e, f, g]))
    }
    #[inline(always)]
    fn lanes(self) -> [u32; 7] {
        let ([a, b, c, d], [e, f, g]) = (self.0.lanes(), self.1.lanes());
        [a, b, c, d, e, f, g]
    }
    #[inline(always)]
    fn load([a, b, c, d, e, f, g]: [&[u8; BLOCK]; 7]) -> [Self; 16] {
        let (vectors, scalars) = (Four::load([a, b, c, d]), Array::load([e, f, g]));
        core::array::from_fn(|i| Self(vectors[i], scalars[i]))
    }
    #[inline(always)]
    fn constant(k: &[u32; 64], i: usize) -> Self {
        Self(Four::constant(k, i), Array::constant(k, i))
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, Word::add, Word::add)
    }
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, Word::sub, Word::sub)
    }
    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self.zip(other, Word::xor, Word::xor)
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self.zip(other, Word::and, Word::and)
    }
    #[inline(always)]
    fn and_not(self, other: Self) -> Self {
        self.zip(other, Word::and_not, Word::and_not)
    }
    #[inline(always)]
    fn rotate_left<const R: u32>(self) -> Self {
        Self(self.0.rotate_left::<R>(), self.1.rotate_left::<R>())
    }
    #[inline(always)]
    fn settled(self) -> Self {
        Self(self.0.settled(), self.1.settled())
    }
    #[inline(always)]
    fn f<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
        Self(Four::f::<R>(sum.0, b.0, c.0, d.0), Array::f::<R>(sum.1, b.1, c.1, d.1))
    }
    #[inline(always)]
    fn g<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
        Self(Four::g::<R>(sum.0, b.0, c.0, d.0), Array::g::<R>(sum.1, b.1, c.1, d.1))
    }
    #[inline(always)]
    fn h<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
        Self(Four::h::<R>(sum.0, b.0, c.0, d.0), Array::h::<R>(sum.1, b.1, c.1, d.1))
    }
    #[inline(always)]
    fn i<const R: u32>(sum: Self, b: Self, c: Self, d: Self) -> Self {
        Self(Four::i::<R>(sum.0, b.0, c.0, d.0), Array::i::<R>(sum.1, b.1, c.1, d.1))
    }
    #[inline(always)]
    fn pin(self) {
        self.0.pin();
        self.1.pin();
    }
}
