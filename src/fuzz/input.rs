//! Makes values from bytes, always the same values from the same bytes.

/// The rest of an input. At its end, every number is zero and every list is empty.
pub(super) struct Input<'a>(pub(super) &'a [u8]);

impl<'a> Input<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or_default()
    }

    pub(super) fn bit(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number of this many bytes in little-endian order.
    pub(super) fn number(&mut self, bytes: usize) -> u64 {
        self.take(bytes).iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
    }

    /// A number of any size: small numbers, numbers near powers of two, and all others.
    pub(super) fn any_number(&mut self) -> u64 {
        match self.byte() {
            small @ 0..200 => u64::from(small),
            shift @ 200..=255 => match shift % 4 {
                0 => (1 << (self.byte() % 64)) - 1,
                1 => 1 << (self.byte() % 64),
                2 => self.number(2),
                _ => self.number(8),
            },
        }
    }

    /// Up to 255 bytes, with their length before them.
    pub(super) fn bytes(&mut self) -> &'a [u8] {
        let len = self.byte();
        self.take(usize::from(len))
    }

    pub(super) fn text(&mut self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }

    pub(super) fn option<T>(&mut self, some: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.bit().then(|| some(self))
    }
}
