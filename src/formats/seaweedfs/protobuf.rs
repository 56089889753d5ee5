//! The wire format of protocol buffers: the part of it that SeaweedFS writes.
//!
//! [`Fields`] iterates over the fields of one message. A nested message is a [`Value::Bytes`], which is read
//! with [`Fields`] again. Nothing is allocated, so a false length costs no memory.

/// The fields of a message, in the order in which they are written.
///
/// The iterator ends after an error. The deprecated groups are an error.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// An integer, a boolean or an enum. A negative integer is its two's complement.
    Varint(u64),
    Fixed64,
    Fixed32(u32),
    /// Bytes, a string or a message.
    Bytes(&'a [u8]),
}

/// The bytes are truncated, or they are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl<'a> Fields<'a> {
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn read(&mut self) -> Result<(u64, Value<'a>), Malformed> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Value::Fixed64
            }
            2 => {
                let len = self.varint()?;
                Value::Bytes(self.take(len)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Malformed)?)),
            _ => return Err(Malformed),
        };
        match key >> 3 {
            0 => Err(Malformed),
            number => Ok((number, value)),
        }
    }

    /// Seven bits in each byte, the lowest first. The eighth bit is set if another byte follows. Bits beyond
    /// 64 are an error.
    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Malformed)?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(len).map_err(|_| Malformed)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<(u64, Value<'_>)>, Malformed> {
        Fields::of(bytes).collect()
    }

    #[test]
    fn each_wire_type_is_read() {
        let message = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 1, 2, 3, 4, 5, 6, 7, 8];
        let fields =
            [(1, Value::Varint(150)), (2, Value::Bytes(b"hi")), (3, Value::Fixed32(1)), (4, Value::Fixed64)];
        assert_eq!(read(&message).unwrap(), fields);
    }

    #[test]
    fn a_message_cut_inside_a_field_is_malformed() {
        let message = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 1, 2, 3, 4, 5, 6, 7, 8];
        for len in (0..message.len()).filter(|len| ![0, 3, 7, 12].contains(len)) {
            assert_eq!(read(&message[..len]), Err(Malformed), "{len} bytes");
        }
    }

    #[test]
    fn an_integer_has_at_most_64_bits() {
        let most = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(read(&most).unwrap(), [(1, Value::Varint(u64::MAX))]);
        let beyond = [0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02];
        assert_eq!(read(&beyond), Err(Malformed));
        assert_eq!(
            read(&[0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]),
            Err(Malformed)
        );
    }

    #[test]
    fn groups_and_field_zero_are_malformed() {
        assert_eq!(read(&[0x0b]), Err(Malformed));
        assert_eq!(read(&[0x0c]), Err(Malformed));
        assert_eq!(read(&[0x00, 1]), Err(Malformed));
    }

    // F86, F108
    #[test]
    fn a_length_beyond_the_end_allocates_nothing() {
        assert_eq!(read(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]), Err(Malformed));
    }
}
