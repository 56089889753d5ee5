//! Memory that the caller owns.

use alloc::{
    alloc::{Layout, alloc_zeroed, dealloc},
    vec::Vec,
};

/// The alignment of every block: that of a vector.
const ALIGNMENT: usize = 16;

/// The blocks that the caller has. They are few, and a list of them makes every `free` safe.
pub struct Blocks(Vec<(*mut u8, Layout)>);

impl Blocks {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A block of zeros. `None` if there is no memory.
    pub fn allocate(&mut self, len: usize) -> Option<*mut u8> {
        self.0.try_reserve(1).ok()?;
        let layout = Layout::from_size_align(len.max(1), ALIGNMENT).ok()?;
        // SAFETY: the layout has a size other than 0.
        let at = unsafe { alloc_zeroed(layout) };
        if at.is_null() {
            return None;
        }
        self.0.push((at, layout));
        Some(at)
    }

    /// Clears and frees a block: it may have been a key.
    pub fn free(&mut self, at: *mut u8, len: usize) {
        let found = self.0.iter().position(|(block, layout)| *block == at && layout.size() == len.max(1));
        if let Some(found) = found {
            let (at, layout) = self.0.swap_remove(found);
            // SAFETY: the block was allocated with this layout, and it is not in the list any more. Bytes need no drop.
            unsafe {
                at.write_bytes(0, layout.size());
                core::hint::black_box(at);
                dealloc(at, layout);
            }
        }
    }
}
