//! Memory of jobs that have ended, for the next ones. A wasm memory never shrinks, and fresh memory costs more than
//! decoding into memory that is warm.

use alloc::vec::Vec;

use kelp_stream_codec::gzip::Inflater;

use crate::job::Region;

/// The most bytes of input regions that are kept.
const MOST_BYTES: usize = 32 << 20;

/// The most inflaters that are kept, of 150 KiB each: one for each chunk that a thread decodes at a time.
const MOST_INFLATERS: usize = 4;

/// The smallest region.
const UNIT: usize = 64 << 10;

#[derive(Default)]
pub struct Spare {
    /// The oldest comes first.
    regions: Vec<Vec<u8>>,
    inflaters: Vec<Inflater>,
}

impl Spare {
    pub const fn new() -> Self {
        Self { regions: Vec::new(), inflaters: Vec::new() }
    }

    /// A region of `len` bytes: the smallest that is kept, or a new one. `None` if there is no memory.
    pub fn region(&mut self, len: usize) -> Option<Region> {
        // A region much larger than the chunk stays for a chunk that needs it.
        let most = len.saturating_mul(2).max(UNIT);
        let fits = |region: &Vec<u8>| (len..=most).contains(&region.len());
        let best = self.regions.iter().enumerate().filter(|(_, region)| fits(region));
        let best = best.min_by_key(|(_, region)| region.len()).map(|(at, _)| at);
        let memory = match best {
            Some(at) => self.regions.remove(at),
            None => {
                let rounded = rounded(len)?;
                allocated(rounded).or_else(|| {
                    self.clear();
                    allocated(rounded)
                })?
            }
        };
        Some(Region { memory, len })
    }

    /// An inflater at the start of a gzip. `None` if there is no memory.
    pub fn inflater(&mut self, max_output: u64) -> Option<Inflater> {
        if let Some(mut inflater) = self.inflaters.pop() {
            inflater.restart(max_output);
            return Some(inflater);
        }
        // A failed allocation inside of `Inflater::new` would end the module, so the memory is asked for first.
        if allocated(4 * UNIT).is_none() {
            self.clear();
            allocated(4 * UNIT)?;
        }
        Some(Inflater::new(max_output))
    }

    /// Keeps the memory of a job.
    pub fn keep(&mut self, region: Vec<u8>, inflater: Option<Inflater>) {
        self.regions.push(region);
        while self.bytes() > MOST_BYTES {
            self.regions.remove(0);
        }
        if self.inflaters.len() < MOST_INFLATERS {
            self.inflaters.extend(inflater);
        }
    }

    fn bytes(&self) -> usize {
        self.regions.iter().map(Vec::len).sum()
    }

    fn clear(&mut self) {
        *self = Self::new();
    }
}

/// The length of a new region. It has three bits, so that chunks of about the same length use the same memory.
fn rounded(len: usize) -> Option<usize> {
    let len = len.max(UNIT);
    len.checked_next_multiple_of(1 << (len.ilog2() - 2))
}

fn allocated(len: usize) -> Option<Vec<u8>> {
    let mut memory = Vec::new();
    memory.try_reserve_exact(len).ok()?;
    memory.resize(len, 0);
    Some(memory)
}
