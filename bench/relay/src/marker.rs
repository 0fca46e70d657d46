//! Words in the text by which a reader knows which update it has before it.

/// How long one is.
pub const LENGTH: usize = 8;

const SIGN: u8 = b'~';

/// The word of an update.
pub fn word(number: u32) -> String {
    format!("{}{number:07}", char::from(SIGN))
}

/// Those in these bytes.
pub fn find(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let mut rest = bytes;
    std::iter::from_fn(move || loop {
        let at = rest.iter().position(|&byte| byte == SIGN)?;
        rest = &rest[at + 1..];
        let digits = rest.get(..LENGTH - 1)?;
        if digits.iter().all(u8::is_ascii_digit) {
            rest = &rest[LENGTH - 1..];
            return Some(
                digits
                    .iter()
                    .fold(0, |number, digit| number * 10 + u32::from(digit - b'0')),
            );
        }
    })
}

/// Which ones a reader has.
#[derive(Default)]
pub struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// Whether this one is new.
    pub fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = (number as usize / 64, 1 << (number % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_where_they_are() {
        let text = format!("~~x{}{}~12{}~", word(7), word(1_234_567), word(0));
        let found: Vec<u32> = find(text.as_bytes()).collect();
        assert_eq!(found, [7, 1_234_567, 0]);
    }

    #[test]
    fn each_is_new_once() {
        let mut bits = Bits::default();
        assert!(bits.insert(200) && bits.insert(3));
        assert!(!bits.insert(200) && !bits.insert(3));
    }
}
