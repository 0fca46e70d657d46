//! From when to when a certificate is good (RFC 5280 §4.1.2.5): the only field that is read here by hand, for
//! those who present one need not check it.

/// Seconds since 1970, the first and the last at which it is good; none where that cannot be read.
pub(super) fn validity(certificate: &[u8]) -> Option<(i64, i64)> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    // The version, if it is said.
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    // The serial number, the algorithm and the issuer.
    for _ in 0..3 {
        rest = element(rest)?.2;
    }
    let (_, validity, _) = element(rest)?;
    let (from_kind, from, rest) = element(validity)?;
    let (upto_kind, upto, _) = element(rest)?;
    Some((time(from_kind, from)?, time(upto_kind, upto)?))
}

/// An element of DER: what kind it is, what is in it, and what follows it.
fn element(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&kind, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first & 0x80 != 0 {
        length = 0;
        for _ in 0..first & 0x7f {
            let (&byte, after) = rest.split_first()?;
            length = length.checked_mul(256)?.checked_add(usize::from(byte))?;
            rest = after;
        }
    }
    let (inner, after) = rest.split_at_checked(length)?;
    Some((kind, inner, after))
}

/// `YYMMDDHHMMSSZ`, or with four digits of the year.
fn time(kind: u8, text: &[u8]) -> Option<i64> {
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<i64>().ok();
    let (year, rest) = match kind {
        0x17 => {
            let (year, rest) = text.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        0x18 => {
            let (year, rest) = text.split_at_checked(4)?;
            (number(year)?, rest)
        }
        _ => return None,
    };
    let mut fields = rest.strip_suffix(b"Z")?.chunks(2).map(number);
    let mut next = || fields.next().flatten();
    let (month, day) = (next()?, next()?);
    let (hour, minute, second) = (next()?, next()?, next()?);
    Some(days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since 1970 (Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_both_ways() {
        assert_eq!(time(0x17, b"700101000000Z"), Some(0));
        assert_eq!(time(0x17, b"000229120000Z"), Some(951_825_600));
        assert_eq!(time(0x18, b"20991231235959Z"), Some(4_102_444_799));
        for bad in [&b"7001010000Z"[..], b"700101000000", b"", b"xx0101000000Z"] {
            assert_eq!(time(0x17, bad), None);
        }
    }

    #[test]
    fn a_certificate_says_how_long_it_is_good() {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".into()]).expect("a name");
        params.not_before = rcgen::date_time_ymd(2020, 2, 29);
        params.not_after = rcgen::date_time_ymd(2061, 3, 1);
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed");
        let der = certificate.der();
        assert_eq!(validity(der), Some((1_582_934_400, 2_876_860_800)));
        for end in 0..120 {
            assert_eq!(validity(&der[..end]), None, "cut off");
        }
    }
}
