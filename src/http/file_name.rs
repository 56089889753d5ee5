//! Names of files that others have chosen: a server, the writer of an entry, a URL.
//!
//! Such a name may be a path, or have control characters that end a line, move the cursor of a terminal or turn the
//! order of letters round. [`clean`] makes a name to save a file under; [`printable`] a text that a terminal may show.

/// The name of a file whose own name is none.
pub(crate) const FALLBACK: &str = "download";

/// The last component of a name, with `_` in place of each control character (C0, C1, line separators, bidirectional
/// controls) and each backslash, which Windows takes for a separator. `None` if it has nothing but dots and spaces.
#[must_use]
pub fn clean(name: &str) -> Option<String> {
    let last = name.rsplit('/').next()?;
    let is_empty = last.trim_matches(['.', ' ']).is_empty();
    (!is_empty).then(|| printable(last).replace('\\', "_"))
}

/// A text with `_` in place of each control character.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|letter| if is_control(letter) { '_' } else { letter }).collect()
}

fn is_control(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    // F135
    #[test]
    fn a_clean_name_has_no_path_and_no_controls() {
        for (name, clean_name) in [
            ("one.bin", "one.bin"),
            ("../../etc/passwd", "passwd"),
            ("C:\\..\\x.exe", "C:_.._x.exe"),
            (".profile", ".profile"),
            ("a..b", "a..b"),
            ("日本 语.txt", "日本 语.txt"),
            ("a\0\n\r\t\u{1b}[31m\u{7f}\u{85}\u{9b}b", "a_____[31m___b"),
            ("gpj\u{202e}exe.\u{2066}\u{200f}\u{61c}", "gpj_exe.___"),
            ("a\u{2028}b", "a_b"),
        ] {
            assert_eq!(clean(name).as_deref(), Some(clean_name), "{name:?}");
        }
        for name in ["", ".", "..", "...", " ", ". .", "a/", "a/..", "/"] {
            assert_eq!(clean(name), None, "{name:?}");
        }
    }
}
