//! Numbers of a variable number of bytes, as Avro, Protobuf and the Confluent wire format write them.

/// Takes a number of up to ten bytes from the front; none when it does not end, or does not fit 64 bits.
pub(crate) fn unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let part = u64::from(byte & 0x7F);
        let shift = 7 * at;
        if at == 9 && part > 1 {
            return None;
        }
        value |= part << shift;
        if byte & 0x80 == 0 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}

/// The same with the sign in the lowest bit.
pub(crate) fn zigzag(bytes: &mut &[u8]) -> Option<i64> {
    let value = unsigned(bytes)?;
    Some((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn write(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(u8::try_from(value & 0x7F).expect("seven bits") | 0x80);
            value >>= 7;
        }
        out.push(u8::try_from(value).expect("seven bits"));
        out
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(value: u64) {
            let bytes = write(value);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(unsigned(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }
    }

    #[test]
    fn signs_are_in_the_lowest_bit() {
        for (byte, value) in [(0, 0), (1, -1), (2, 1), (3, -2), (0x7F, -64)] {
            assert_eq!(zigzag(&mut [byte].as_slice()), Some(value));
        }
        let mut smallest = &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01][..];
        assert_eq!(zigzag(&mut smallest), Some(i64::MIN));
    }

    #[test]
    fn what_does_not_end_or_fit_is_none() {
        for bytes in [
            &[][..],
            &[0x80],
            &[0xFF; 11],
            &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],
        ] {
            assert_eq!(unsigned(&mut &*bytes), None);
        }
    }
}
