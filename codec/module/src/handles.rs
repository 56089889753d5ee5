//! Values that the caller knows by a number.

use alloc::vec::Vec;

/// Values by handle. A handle is never 0, and that of a removed value is not used again soon.
pub struct Handles<T> {
    slots: Vec<Slot<T>>,
}

struct Slot<T> {
    /// The upper half of the handle; it changes whenever the value is removed. It has 15 bits, so that a handle is
    /// positive in JavaScript.
    age: u16,
    value: Option<T>,
}

impl<T> Handles<T> {
    pub const fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// Keeps a value. Returns its handle, or `None` if there are 65535 values or there is no memory.
    pub fn insert(&mut self, value: T) -> Option<u32> {
        let free = self.slots.iter().position(|slot| slot.value.is_none());
        let at = free.unwrap_or(self.slots.len());
        let low = u16::try_from(at + 1).ok()?;
        if at == self.slots.len() {
            self.slots.try_reserve(1).ok()?;
            self.slots.push(Slot { age: 0, value: None });
        }
        let slot = self.slots.get_mut(at)?;
        slot.value = Some(value);
        Some(u32::from(slot.age) << 16 | u32::from(low))
    }

    pub fn get(&mut self, handle: u32) -> Option<&mut T> {
        self.slot(handle)?.value.as_mut()
    }

    /// Takes a value out, whose handle stays valid for [`Handles::put`].
    pub fn take(&mut self, handle: u32) -> Option<T> {
        self.slot(handle)?.value.take()
    }

    /// Puts back what [`Handles::take`] returned.
    pub fn put(&mut self, handle: u32, value: T) {
        if let Some(slot) = self.slot(handle) {
            slot.value = Some(value);
        }
    }

    pub fn remove(&mut self, handle: u32) -> Option<T> {
        let slot = self.slot(handle)?;
        let value = slot.value.take()?;
        slot.age = (slot.age + 1) & 0x7fff;
        Some(value)
    }

    fn slot(&mut self, handle: u32) -> Option<&mut Slot<T>> {
        let at = usize::from(handle as u16).checked_sub(1)?;
        self.slots.get_mut(at).filter(|slot| u32::from(slot.age) == handle >> 16)
    }
}
