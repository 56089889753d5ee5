//! The allocator of the npm package's module: a tenth of the code of the one that the standard library brings.
//!
//! Blocks of up to [`LARGEST_SMALL`] bytes have the size of a power of two, and a list of free blocks for each size. Larger ones are
//! whole [`UNIT`]s from one list of free regions in the order of addresses, in which neighbours are joined, so a vector that grew to
//! megabytes leaves one region behind. No block has a header, because Rust passes the size of what it frees. A unit that was cut into
//! small blocks stays so.
//!
//! The core holds no bytes of files, so what it allocates is small and lives short; the list of chunks is the exception.

#![allow(unsafe_code, reason = "an allocator hands out memory")]

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    ptr::{self, NonNull},
};

/// The sizes of small blocks: 16 bytes to 2 KiB.
const SMALLEST: usize = 16;
const SIZES: usize = 8;
const LARGEST_SMALL: usize = SMALLEST << (SIZES - 1);

/// What large blocks are multiples of, and aligned to.
const UNIT: usize = 4096;

/// A free block or region. The size counts only in the list of regions.
struct Free {
    next: *mut Free,
    size: usize,
}

/// Memory from the platform: the address of at least `size` more bytes, aligned to [`UNIT`], and how many they are.
pub(crate) trait Source {
    fn more(&self, size: usize) -> Option<(NonNull<u8>, usize)>;
}

/// The allocator of a module, which has one thread.
pub(crate) struct Heap<S> {
    source: S,
    state: UnsafeCell<State>,
}

struct State {
    small: [*mut Free; SIZES],
    regions: *mut Free,
}

// SAFETY: WebAssembly without shared memory has one thread, and no method calls one that was given from outside.
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
unsafe impl<S> Sync for Heap<S> {}

/// The list of small blocks of a size, or the size of a large one.
enum Class {
    Small(usize),
    Large(usize),
}

fn class(layout: Layout) -> Class {
    let size = layout.size().max(layout.align()).max(SMALLEST);
    match size <= LARGEST_SMALL {
        true => Class::Small((size - 1).ilog2() as usize + 1 - SMALLEST.ilog2() as usize),
        // The size of a layout is at most isize::MAX, so this does not overflow.
        false => Class::Large(size.div_ceil(UNIT) * UNIT),
    }
}

impl<S: Source> Heap<S> {
    pub(crate) const fn new(source: S) -> Self {
        let state = State { small: [ptr::null_mut(); SIZES], regions: ptr::null_mut() };
        Self { source, state: UnsafeCell::new(state) }
    }
}

impl State {
    /// Takes a small block from its list, which a new unit fills if it is empty.
    unsafe fn take_small(&mut self, class: usize, source: &impl Source) -> *mut u8 {
        // SAFETY: lists hold only free blocks, and a unit is long enough for all that it is cut into.
        unsafe {
            let Some(list) = self.small.get(class) else { return ptr::null_mut() };
            if list.is_null() {
                let unit = self.take_large(UNIT, source);
                if unit.is_null() {
                    return unit;
                }
                let size = SMALLEST << class;
                (0..UNIT).step_by(size).rev().for_each(|at| self.put_small(class, unit.add(at)));
            }
            let Some(list) = self.small.get_mut(class) else { return ptr::null_mut() };
            let block = *list;
            *list = (*block).next;
            block.cast()
        }
    }

    unsafe fn put_small(&mut self, class: usize, block: *mut u8) {
        let Some(list) = self.small.get_mut(class) else { return };
        let block: *mut Free = block.cast();
        // SAFETY: the block is free from here on, and long enough for its link.
        unsafe { (*block).next = *list };
        *list = block;
    }

    /// Takes the end of the first region that is long enough; asks the platform for more if there is none.
    unsafe fn take_large(&mut self, size: usize, source: &impl Source) -> *mut u8 {
        // SAFETY: regions are free, and their sizes multiples of a unit.
        unsafe {
            loop {
                let mut link: *mut *mut Free = &raw mut self.regions;
                while !(*link).is_null() {
                    let region = *link;
                    let rest = (*region).size.wrapping_sub(size);
                    if rest == 0 {
                        *link = (*region).next;
                        return region.cast();
                    }
                    if rest < (*region).size {
                        (*region).size = rest;
                        return region.cast::<u8>().add(rest);
                    }
                    link = &raw mut (*region).next;
                }
                let Some((more, length)) = source.more(size) else { return ptr::null_mut() };
                self.put_large(more.as_ptr(), length);
            }
        }
    }

    /// Puts a region in its place, and joins it with its neighbours.
    unsafe fn put_large(&mut self, block: *mut u8, size: usize) {
        // SAFETY: as above; the region is free from here on.
        unsafe {
            let region: *mut Free = block.cast();
            let mut link: *mut *mut Free = &raw mut self.regions;
            let mut before: *mut Free = ptr::null_mut();
            while !(*link).is_null() && *link < region {
                before = *link;
                link = &raw mut (*before).next;
            }
            (*region).next = *link;
            (*region).size = size;
            *link = region;
            join(region);
            if !before.is_null() {
                join(before);
            }
        }
    }
}

/// Joins a region with the next one, if that begins where it ends.
unsafe fn join(region: *mut Free) {
    // SAFETY: both are in the list.
    unsafe {
        let next = (*region).next;
        if !next.is_null() && region.cast::<u8>().wrapping_add((*region).size) == next.cast() {
            (*region).size += (*next).size;
            (*region).next = (*next).next;
        }
    }
}

// SAFETY: blocks of a layout are aligned, long enough, and in one list at most.
unsafe impl<S: Source> GlobalAlloc for Heap<S> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: there is one thread.
        let state = unsafe { &mut *self.state.get() };
        // SAFETY: the state is that of this heap.
        unsafe {
            match class(layout) {
                _ if layout.align() > UNIT => ptr::null_mut(),
                Class::Small(class) => state.take_small(class, &self.source),
                Class::Large(size) => state.take_large(size, &self.source),
            }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as for `alloc`; the caller has the block from there, with this layout.
        unsafe {
            let state = &mut *self.state.get();
            match class(layout) {
                Class::Small(class) => state.put_small(class, block),
                Class::Large(size) => state.put_large(block, size),
            }
        }
    }
}

/// The memory of the module.
#[cfg(kelp_package)]
mod module {
    use std::arch::wasm32::{memory_grow, memory_size};

    use super::{Heap, NonNull, Source};

    /// A page of WebAssembly.
    const PAGE: usize = 65_536;

    struct Memory;

    impl Source for Memory {
        fn more(&self, size: usize) -> Option<(NonNull<u8>, usize)> {
            let pages = size.div_ceil(PAGE);
            let end = memory_size::<0>() * PAGE;
            (memory_grow::<0>(pages) != usize::MAX).then_some(())?;
            Some((NonNull::new(end as *mut u8)?, pages * PAGE))
        }
    }

    #[global_allocator]
    static HEAP: Heap<Memory> = Heap::new(Memory);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Memory of a fixed length, which is handed out from its beginning.
    struct Arena {
        memory: NonNull<u8>,
        used: Cell<usize>,
    }

    const LENGTH: usize = 16 << 20;

    fn layout_of_arena() -> Layout {
        Layout::from_size_align(LENGTH, UNIT).unwrap()
    }

    impl Source for Arena {
        fn more(&self, size: usize) -> Option<(NonNull<u8>, usize)> {
            let size = size.div_ceil(65_536) * 65_536;
            let used = self.used.get();
            (used + size <= LENGTH).then(|| self.used.set(used + size))?;
            // SAFETY: within the arena.
            Some((unsafe { self.memory.add(used) }, size))
        }
    }

    impl Drop for Arena {
        fn drop(&mut self) {
            // SAFETY: it was allocated with this layout.
            unsafe { std::alloc::dealloc(self.memory.as_ptr(), layout_of_arena()) }
        }
    }

    fn heap() -> Heap<Arena> {
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { std::alloc::alloc(layout_of_arena()) }).unwrap();
        Heap::new(Arena { memory, used: Cell::new(0) })
    }

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    /// Numbers that look random.
    fn random(state: &mut u64) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 16) as usize
    }

    #[test]
    fn blocks_are_aligned_and_share_no_byte() {
        let heap = heap();
        let mut live: Vec<(*mut u8, Layout, u8)> = Vec::new();
        let mut state = 1;
        for round in 0..20_000_u32 {
            if live.len() > 200 || (live.len() > 20 && random(&mut state).is_multiple_of(2)) {
                let (block, layout, byte) = live.swap_remove(random(&mut state) % live.len());
                // SAFETY: the block is live and has this length.
                unsafe {
                    assert!((0..layout.size()).all(|at| *block.add(at) == byte), "{layout:?}");
                    heap.dealloc(block, layout);
                }
                continue;
            }
            let most = [32, 300, 5000, 70_000][random(&mut state) % 4];
            let layout = layout(1 + random(&mut state) % most, 1 << (random(&mut state) % 6));
            // SAFETY: the layout is not empty, and the block has its length.
            unsafe {
                let block = heap.alloc(layout);
                assert!(!block.is_null() && (block as usize).is_multiple_of(layout.align()), "{layout:?}");
                block.write_bytes(round as u8, layout.size());
                live.push((block, layout, round as u8));
            }
        }
    }

    #[test]
    fn a_vector_that_grows_leaves_one_region_behind() {
        let heap = heap();
        // SAFETY: each block is freed with its layout, once.
        unsafe {
            for _ in 0..100 {
                let mut size = 64;
                let mut block = heap.alloc(layout(size, 8));
                while size < 2 << 20 {
                    block = heap.realloc(block, layout(size, 8), size * 2);
                    assert!(!block.is_null());
                    size *= 2;
                }
                heap.dealloc(block, layout(size, 8));
            }
            let all = layout(heap.source.used.get() - 16 * UNIT, 8);
            let before = heap.source.used.get();
            assert!(!heap.alloc(all).is_null());
            assert_eq!(heap.source.used.get(), before, "regions were joined");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let heap = heap();
        // SAFETY: the layouts are not empty.
        unsafe {
            assert!(heap.alloc(layout(LENGTH + 1, 1)).is_null());
            assert!(heap.alloc(layout(isize::MAX as usize - UNIT, 1)).is_null());
            assert!(heap.alloc(layout(8, 2 * UNIT)).is_null());
            assert!(!heap.alloc(layout(8, UNIT)).is_null());
            assert!(!heap.alloc(layout(LENGTH / 2, 1)).is_null(), "the heap is as it was");
        }
    }
}
