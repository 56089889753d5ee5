//! Exceptions of a platform and of the user's functions, kept until an error is reported.
//!
//! The core cannot carry a JavaScript value. A host stores what was thrown and gives the core a [`Cause`],
//! which is a number. When the core reports an error with that cause, the host looks up the value.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::error::Cause;

/// The latest exceptions by their numbers.
pub(crate) struct Causes<T>(Mutex<Latest<T>>);

struct Latest<T> {
    /// The number of the oldest one.
    first: u32,
    thrown: VecDeque<T>,
}

/// The number of exceptions that are kept. A stream may survive any number of failures, and reports only the
/// last one.
const CAPACITY: usize = 64;

impl<T: Clone> Causes<T> {
    /// Stores an exception; drops the oldest one if there are too many.
    pub(crate) fn keep(&self, thrown: T) -> Cause {
        let mut latest = self.lock();
        latest.thrown.push_back(thrown);
        if latest.thrown.len() > CAPACITY {
            latest.thrown.pop_front();
            latest.first = latest.first.wrapping_add(1);
        }
        Cause(latest.first.wrapping_add(latest.thrown.len() as u32 - 1))
    }

    /// The exception of a cause; `None` if it was dropped.
    pub(crate) fn of(&self, cause: Cause) -> Option<T> {
        let latest = self.lock();
        latest.thrown.get(cause.0.wrapping_sub(latest.first) as usize).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Latest<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Causes<T> {
    fn default() -> Self {
        Self(Mutex::new(Latest { first: 0, thrown: VecDeque::new() }))
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
    fn the_latest_causes_are_kept_and_a_dropped_one_is_none() {
        let causes = Causes::default();
        let first = causes.keep(0);
        let names: Vec<Cause> = (1..=CAPACITY).map(|thrown| causes.keep(thrown)).collect();
        assert_eq!(causes.of(first), None);
        assert_eq!(causes.of(names[0]), Some(1));
        assert_eq!(causes.of(names[CAPACITY - 1]), Some(CAPACITY));
    }
}
