//! CRC-32 (ISO-HDLC), as the crate `crc32fast` has it.
//!
//! In a browser that crate brings 16 KB of numbers that no compression makes smaller, to check what is 100 KB in most
//! documents: there, the 16 numbers of half a byte do, at some hundred MB a second.

/// The checksum of bytes that lie in several places.
pub fn crc32(parts: &[&[u8]]) -> u32 {
    #[cfg(target_arch = "wasm32")]
    return by_halves(parts);
    #[cfg(not(target_arch = "wasm32"))]
    {
        let mut hasher = crc32fast::Hasher::new();
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

#[cfg(any(test, target_arch = "wasm32"))]
fn by_halves(parts: &[&[u8]]) -> u32 {
    let mut sum = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        sum ^= u32::from(*byte);
        sum = (sum >> 4) ^ TABLE[(sum & 15) as usize];
        sum = (sum >> 4) ^ TABLE[(sum & 15) as usize];
    }
    !sum
}

/// What four bits come to.
#[cfg(any(test, target_arch = "wasm32"))]
const TABLE: [u32; 16] = {
    let mut table = [0; 16];
    let mut bits = 0;
    while bits < 16 {
        let mut sum = bits as u32;
        let mut left = 4;
        while left > 0 {
            sum = (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 };
            left -= 1;
        }
        table[bits] = sum;
        bits += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn is_the_checksum_that_everyone_has() {
        assert_eq!(by_halves(&[b"123456789"]), 0xcbf4_3926);
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
    }

    proptest! {
        #[test]
        fn is_the_same_everywhere(a: Vec<u8>, b: Vec<u8>) {
            prop_assert_eq!(by_halves(&[&a, &b]), crc32(&[&a, &b]));
        }
    }
}
