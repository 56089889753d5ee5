//! What a platform and its user's functions threw, until an error tells it.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::error::Cause;

/// The latest of them, by the names that the core carries.
pub(crate) struct Causes<T>(Mutex<Kept<T>>);

struct Kept<T> {
    /// The number of the first one that is still kept.
    first: u32,
    thrown: VecDeque<T>,
}

/// A stream may survive any number of failures, and needs the cause of its last one only.
const MOST_KEPT: usize = 64;

impl<T: Clone> Causes<T> {
    pub(crate) fn keep(&self, thrown: T) -> Cause {
        let mut kept = self.lock();
        kept.thrown.push_back(thrown);
        if kept.thrown.len() > MOST_KEPT {
            kept.thrown.pop_front();
            kept.first = kept.first.wrapping_add(1);
        }
        Cause(kept.first.wrapping_add(kept.thrown.len() as u32 - 1))
    }

    pub(crate) fn of(&self, cause: Cause) -> Option<T> {
        let kept = self.lock();
        kept.thrown.get(cause.0.wrapping_sub(kept.first) as usize).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Kept<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Causes<T> {
    fn default() -> Self {
        Self(Mutex::new(Kept { first: 0, thrown: VecDeque::new() }))
    }
}

impl<T> fmt::Debug for Causes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Causes").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_causes_are_kept_and_a_forgotten_one_is_not_taken_for_another() {
        let causes = Causes::default();
        let first = causes.keep(0);
        let names: Vec<Cause> = (1..=MOST_KEPT).map(|thrown| causes.keep(thrown)).collect();
        assert_eq!(causes.of(first), None);
        assert_eq!(causes.of(names[0]), Some(1));
        assert_eq!(causes.of(names[MOST_KEPT - 1]), Some(MOST_KEPT));
    }
}
