//! Lengths of time, and times since a moment.
//!
//! They are the standard library's, but in the module of the npm package: there a pair of numbers takes more code than one.

#[cfg(kelp_package)]
pub use self::nanoseconds::Duration;
#[cfg(not(kelp_package))]
pub use std::time::Duration;

/// What the module of the npm package has in place of [`std::time::Duration`]. Tests compare the two.
#[cfg(any(kelp_package, test))]
mod nanoseconds {
    use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

    /// At most 584 years, in nanoseconds. What is longer is as long as that, and nothing is shorter than zero.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub struct Duration(u64);

    /// Seconds that are no length of time.
    #[derive(Debug)]
    pub struct Unfit;

    const SECOND: u64 = 1_000_000_000;

    impl Duration {
        pub const ZERO: Self = Self(0);
        pub const MAX: Self = Self(u64::MAX);

        #[must_use]
        pub const fn from_secs(seconds: u64) -> Self {
            Self(seconds.saturating_mul(SECOND))
        }

        #[must_use]
        pub const fn from_millis(milliseconds: u64) -> Self {
            Self(milliseconds.saturating_mul(SECOND / 1000))
        }

        /// Negative seconds are zero.
        #[must_use]
        pub fn from_secs_f64(seconds: f64) -> Self {
            Self((seconds * SECOND as f64) as u64)
        }

        /// Without a value if it is negative, too long or not a number.
        pub fn try_from_secs_f64(seconds: f64) -> Result<Self, Unfit> {
            match seconds >= 0.0 && seconds < Self::MAX.as_secs_f64() {
                true => Ok(Self::from_secs_f64(seconds)),
                false => Err(Unfit),
            }
        }

        #[must_use]
        pub fn as_secs_f64(self) -> f64 {
            self.0 as f64 / SECOND as f64
        }

        #[must_use]
        pub const fn as_secs(self) -> u64 {
            self.0 / SECOND
        }

        #[must_use]
        pub const fn is_zero(self) -> bool {
            self.0 == 0
        }

        #[must_use]
        pub const fn saturating_add(self, other: Self) -> Self {
            Self(self.0.saturating_add(other.0))
        }

        #[must_use]
        pub const fn saturating_sub(self, other: Self) -> Self {
            Self(self.0.saturating_sub(other.0))
        }

        #[must_use]
        pub const fn saturating_mul(self, times: u32) -> Self {
            Self(self.0.saturating_mul(times as u64))
        }

        pub const fn checked_add(self, other: Self) -> Option<Self> {
            match self.0.checked_add(other.0) {
                Some(sum) => Some(Self(sum)),
                None => None,
            }
        }

        pub const fn checked_sub(self, other: Self) -> Option<Self> {
            match self.0.checked_sub(other.0) {
                Some(rest) => Some(Self(rest)),
                None => None,
            }
        }

        #[must_use]
        pub const fn abs_diff(self, other: Self) -> Self {
            Self(self.0.abs_diff(other.0))
        }

        #[must_use]
        pub fn mul_f64(self, times: f64) -> Self {
            Self((self.0 as f64 * times) as u64)
        }
    }

    impl Add for Duration {
        type Output = Self;

        fn add(self, other: Self) -> Self {
            self.saturating_add(other)
        }
    }

    impl AddAssign for Duration {
        fn add_assign(&mut self, other: Self) {
            *self = *self + other;
        }
    }

    impl Sub for Duration {
        type Output = Self;

        fn sub(self, other: Self) -> Self {
            self.saturating_sub(other)
        }
    }

    impl SubAssign for Duration {
        fn sub_assign(&mut self, other: Self) {
            *self = *self - other;
        }
    }

    impl Mul<u32> for Duration {
        type Output = Self;

        fn mul(self, times: u32) -> Self {
            self.saturating_mul(times)
        }
    }

    impl Div<u32> for Duration {
        type Output = Self;

        fn div(self, parts: u32) -> Self {
            Self(self.0 / u64::from(parts))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration as Standard;

    use super::nanoseconds::Duration;

    const SECONDS: [f64; 7] = [0.0, 1e-9, 0.125, 1.0, 59.5, 1.75e9, 4e9];

    fn both() -> impl Iterator<Item = (Duration, Standard)> {
        SECONDS.iter().map(|&seconds| (Duration::from_secs_f64(seconds), Standard::from_secs_f64(seconds)))
    }

    #[test]
    fn both_kinds_of_time_compute_the_same() {
        let same = |own: Duration, standard: Standard| {
            let (own, standard) = (own.as_secs_f64(), standard.as_secs_f64());
            assert!((own - standard).abs() <= 1e-9 * standard.max(1.0), "{own} {standard}");
        };
        for (one, standard) in both() {
            same(one, standard);
            assert_eq!((one.is_zero(), one.as_secs()), (standard.is_zero(), standard.as_secs()));
            same(one * 3 / 2, standard * 3 / 2);
            same(one.mul_f64(0.3), standard.mul_f64(0.3));
            for (other, its) in both() {
                same(one + other, standard + its);
                same(one.saturating_sub(other), standard.saturating_sub(its));
                same(one.abs_diff(other), standard.abs_diff(its));
                assert_eq!(one.checked_sub(other).is_some(), standard.checked_sub(its).is_some());
                assert_eq!(one.cmp(&other), standard.cmp(&its));
            }
        }
        same(Duration::from_millis(1500), Standard::from_millis(1500));
        same(Duration::from_secs(7), Standard::from_secs(7));
    }

    #[test]
    fn a_time_that_is_too_long_is_the_longest() {
        assert_eq!(Duration::MAX + Duration::from_secs(1), Duration::MAX);
        assert_eq!(Duration::MAX.saturating_mul(2), Duration::MAX);
        assert_eq!(Duration::from_secs(u64::MAX), Duration::MAX);
        assert_eq!(Duration::MAX.checked_add(Duration::from_secs(1)), None);
        assert_eq!(Duration::ZERO - Duration::from_secs(1), Duration::ZERO);
    }

    #[test]
    fn seconds_that_are_no_time_are_refused_by_both() {
        for seconds in [-1.0, f64::NAN, f64::INFINITY, 1e20] {
            assert!(Duration::try_from_secs_f64(seconds).is_err(), "{seconds}");
            assert!(Standard::try_from_secs_f64(seconds).is_err(), "{seconds}");
        }
    }
}
