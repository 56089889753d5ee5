//! Dates in two forms: RFC 3339, which Go writes in JSON, and the form of HTTP header fields.
//!
//! Both become a number: milliseconds, or seconds, since 1 January 1970. The calendar is the Gregorian one
//! for all years, computed with integers; there is no time zone database and no clock.

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The names of the days. 1 January 1970 was a Thursday.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const SECONDS_A_DAY: i64 = 86_400;

/// Parses an RFC 3339 time (`2026-08-22T12:00:00.123456789-07:00`) into milliseconds since 1970, rounded
/// down. `None` for anything else. Years are 0000 to 9999, and there are no leap seconds.
pub(crate) fn from_rfc3339(text: &str) -> Option<i64> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let &[y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b'T', h0, h1, b':', n0, n1, b':', s0, s1] =
        date_time.as_bytes()
    else {
        return None;
    };
    let day = days(number(&[y0, y1, y2, y3])?, number(&[m0, m1])?, number(&[d0, d1])?)?;
    let second = second_of_day(&[h0, h1], &[n0, n1], &[s0, s1])?;

    let (millis, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = fraction.strip_suffix(zone).filter(|digits| !digits.is_empty())?;
            let millis =
                digits.bytes().chain([b'0'; 2]).take(3).fold(0, |sum, d| sum * 10 + i64::from(d - b'0'));
            (millis, zone)
        }
    };
    let utc_offset = match *zone.as_bytes() {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            let offset = second_of_day(&[h0, h1], &[m0, m1], b"00")?;
            if sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    Some((day * SECONDS_A_DAY + second - utc_offset) * 1000 + millis)
}

/// Formats milliseconds since 1970 for a header field (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37
/// GMT`, rounded down to seconds. `None` outside the years 0000 to 9999.
pub(crate) fn to_http(ms: i64) -> Option<String> {
    let seconds = ms.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(SECONDS_A_DAY), seconds.rem_euclid(SECONDS_A_DAY));
    let (year, month, day) = civil(days)?;
    let name = DAYS.get(usize::try_from(days.rem_euclid(7)).ok()?)?;
    let month = MONTHS.get(usize::try_from(month - 1).ok()?)?;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{name}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT"))
}

/// Formats milliseconds since 1970 as RFC 3339 has it: `1994-11-06T08:49:37.000Z`. `None` outside the years 0000 to 9999.
#[cfg_attr(
    not(all(target_arch = "wasm32", feature = "component-gateway")),
    allow(dead_code, reason = "a gateway uses it")
)]
pub(crate) fn to_rfc3339(ms: i64) -> Option<String> {
    let (seconds, ms) = (ms.div_euclid(1000), ms.rem_euclid(1000));
    let (year, month, day) = civil(seconds.div_euclid(SECONDS_A_DAY))?;
    let second = seconds.rem_euclid(SECONDS_A_DAY);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"))
}

/// Parses the date of a header field into seconds since 1970, in each of the three forms of RFC 9110, section
/// 5.6.7. `None` for anything else. The name of the day is not compared with the date.
///
/// A year of two digits is between 1970 and 2069. RFC 9110 counts fifty years from today, but there is no
/// clock here.
pub(crate) fn from_http(text: &str) -> Option<i64> {
    let (name, rest) = text.split_at_checked(3)?;
    let (day, month, year, time) = match *rest.as_bytes() {
        // Sun, 06 Nov 1994 08:49:37 GMT
        [
            b',',
            b' ',
            d0,
            d1,
            b' ',
            m0,
            m1,
            m2,
            b' ',
            y0,
            y1,
            y2,
            y3,
            b' ',
            ref time @ ..,
            b' ',
            b'G',
            b'M',
            b'T',
        ] => ([d0, d1], [m0, m1, m2], number(&[y0, y1, y2, y3])?, time),
        // Sun Nov  6 08:49:37 1994
        [b' ', m0, m1, m2, b' ', d0, d1, b' ', ref time @ .., b' ', y0, y1, y2, y3] => {
            let d0 = if d0 == b' ' { b'0' } else { d0 };
            ([d0, d1], [m0, m1, m2], number(&[y0, y1, y2, y3])?, time)
        }
        // Sunday, 06-Nov-94 08:49:37 GMT
        _ => {
            // "Sun" and so on has been read; "day, " comes after the rest of the name.
            let (inner, rest) = rest.split_once(',')?;
            let (inner, rest) = (inner.strip_suffix("day")?, rest.strip_prefix(' ')?);
            let [d0, d1, b'-', m0, m1, m2, b'-', y0, y1, b' ', ref time @ .., b' ', b'G', b'M', b'T'] =
                *rest.as_bytes()
            else {
                return None;
            };
            let year = number(&[y0, y1])?;
            let century = if year < 70 { 2000 } else { 1900 };
            matches!(inner, "" | "s" | "nes" | "rs" | "ur").then_some((
                [d0, d1],
                [m0, m1, m2],
                century + year,
                time,
            ))?
        }
    };
    let month = MONTHS.iter().zip(1..).find(|(name, _)| name.as_bytes() == month)?.1;
    let day = days(year, month, number(&day)?)?;
    let &[h0, h1, b':', n0, n1, b':', s0, s1] = time else { return None };
    let second = second_of_day(&[h0, h1], &[n0, n1], &[s0, s1])?;
    DAYS.contains(&name).then(|| day * SECONDS_A_DAY + second)
}

/// A number in decimal digits, without a sign.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, d| d.is_ascii_digit().then(|| sum * 10 + i64::from(d - b'0')))
}

fn second_of_day(hour: &[u8], minute: &[u8], second: &[u8]) -> Option<i64> {
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    (hour < 24 && minute < 60 && second < 60).then(|| (hour * 60 + minute) * 60 + second)
}

/// Days since 1970 in the Gregorian calendar.
///
/// The computation lets a year begin in March, so that the leap day is its last day.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let year = year - i64::from(month < 3);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(year * 365 + leap_days + day_of_year - DAYS_FROM_MARCH_OF_YEAR_0)
}

/// Year, month and day of a number of days since 1 January 1970.
fn civil(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(DAYS_FROM_MARCH_OF_YEAR_0)?;
    let (era, day) = (days.div_euclid(DAYS_IN_400_YEARS), days.rem_euclid(DAYS_IN_400_YEARS));
    // Without the leap days, every year has 365 days.
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year + i64::from(month < 3);
    (0..=9999).contains(&year).then_some((year, month, day_of_month))
}

const DAYS_IN_400_YEARS: i64 = 146_097;
const DAYS_FROM_MARCH_OF_YEAR_0: i64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_is_written_as_it_is_read() {
        for text in ["1970-01-01T00:00:00.000Z", "2026-11-30T12:34:56.789Z", "1969-12-31T23:59:59.999Z"] {
            assert_eq!(to_rfc3339(from_rfc3339(text).unwrap()).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_time_is_the_same_in_every_zone() {
        let ms = Some(1_787_400_000_123);
        assert_eq!(from_rfc3339("2026-08-22T12:00:00.123456789Z"), ms);
        assert_eq!(from_rfc3339("2026-08-22T05:00:00.123456789-07:00"), ms);
        assert_eq!(from_rfc3339("2026-08-23T01:45:00.123+13:45"), ms);
    }

    #[test]
    fn a_fraction_of_any_length_is_cut_to_milliseconds() {
        assert_eq!(from_rfc3339("1970-01-01T00:00:01Z"), Some(1000));
        assert_eq!(from_rfc3339("1970-01-01T00:00:01.5Z"), Some(1500));
        assert_eq!(from_rfc3339("1970-01-01T00:00:01.05Z"), Some(1050));
        assert_eq!(from_rfc3339("1970-01-01T00:00:00.0019999Z"), Some(1));
        assert_eq!(from_rfc3339("1969-12-31T23:59:59.9999999Z"), Some(-1));
    }

    #[test]
    fn the_first_and_the_last_day_of_the_calendar_are_valid() {
        assert_eq!(from_rfc3339("0001-01-01T00:00:00Z"), Some(-62_135_596_800_000));
        assert_eq!(from_rfc3339("0000-01-01T00:00:00Z"), Some(-62_167_219_200_000));
        assert_eq!(from_rfc3339("9999-12-31T23:59:59.999Z"), Some(253_402_300_799_999));
    }

    #[test]
    fn a_text_that_is_not_a_date_is_refused() {
        for text in [
            "",
            "2026-08-22",
            "2026-08-22T12:00:00",
            "2026-08-22 12:00:00Z",
            "2026-08-22T12:00:00z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00,5Z",
            "2026-01-01T00:00:00+0700",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+07:60",
            "2026-01-01T00:00:00ZZ",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.1é",
            "１026-01-01T00:00Z",
            "12026-01-01T00:00:00Z",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
        assert!(from_rfc3339("2024-02-29T00:00:00Z").is_some());
        assert!(from_rfc3339("2000-02-29T00:00:00Z").is_some());
        assert!(from_rfc3339("1900-02-29T00:00:00Z").is_none());
    }

    #[test]
    fn a_header_date_is_rounded_down_to_seconds() {
        assert_eq!(to_http(784_111_777_000).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(to_http(784_111_777_999).unwrap(), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(to_http(0).unwrap(), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(to_http(-1).unwrap(), "Wed, 31 Dec 1969 23:59:59 GMT");
        assert_eq!(to_http(951_782_400_000).unwrap(), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(to_http(253_402_300_799_999).unwrap(), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(to_http(253_402_300_800_000), None);
        assert_eq!(to_http(i64::MAX), None);
        assert_eq!(to_http(i64::MIN), None);
    }

    #[test]
    fn every_day_of_ten_thousand_years_round_trips() {
        for day in days(0, 1, 1).unwrap()..=days(9999, 12, 31).unwrap() {
            let (year, month, day_of_month) = civil(day).unwrap();
            assert_eq!(days(year, month, day_of_month), Some(day));
        }
        let ms = -61_000_000_000_000;
        assert_eq!(from_http(&to_http(ms).unwrap()), Some(ms / 1000));
    }

    #[test]
    fn a_header_date_is_read_in_its_three_forms() {
        for (text, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Thursday, 01-Jan-70 00:00:00 GMT", 0),
            ("Tuesday, 31-Dec-69 23:59:59 GMT", 3_155_759_999),
            ("Wednesday, 23-Nov-26 02:13:20 GMT", 1_795_400_000),
            ("Mon Nov 23 02:13:20 2026", 1_795_400_000),
        ] {
            assert_eq!(from_http(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn no_other_form_of_a_header_date_is_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Son, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 06 Nov 94 08:49:37 GMT",
            "Sunnyday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov  6 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 GMT",
            "Sünday, 06-Nov-94 08:49:37 GMT",
            "GMT",
            "",
        ] {
            assert_eq!(from_http(text), None, "{text}");
        }
    }
}
