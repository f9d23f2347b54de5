//! The walk over the bytes of one Avro record.

use super::Type;
use crate::value::{MAX_VALUES, Value};

/// Reads one value that fills the bytes; the error says what is wrong and where.
pub(super) fn decode(root: &Type, bytes: &[u8]) -> Result<Value, String> {
    let mut walk = Walk {
        rest: bytes,
        left: MAX_VALUES,
    };
    let mut place = Vec::new();
    let value = walk.value(root, &mut place).map_err(|fault| {
        if place.is_empty() {
            fault
        } else {
            format!("{fault} at `{}`", place.join("."))
        }
    })?;
    if walk.rest.is_empty() {
        Ok(value)
    } else {
        Err(format!("{} bytes follow the record", walk.rest.len()))
    }
}

struct Walk<'b> {
    rest: &'b [u8],
    /// Values that may still be made.
    left: usize,
}

const CUT: &str = "the data ends";

impl<'b> Walk<'b> {
    /// Depth is bounded by the schema's, whose types do not contain themselves. After an error `place` leads to it.
    fn value<'t>(&mut self, of: &'t Type, place: &mut Vec<&'t str>) -> Result<Value, String> {
        self.spend(1)?;
        match of {
            Type::Null => Ok(Value::Null),
            Type::Boolean => match self.take(1)? {
                [0] => Ok(Value::Bool(false)),
                [1] => Ok(Value::Bool(true)),
                _ => Err("a boolean is neither 0 nor 1".to_owned()),
            },
            Type::Integer { per_ms } => Ok(Value::Int(self.long()?.div_euclid(*per_ms).into())),
            Type::Float => Ok(Value::Float(f32::from_le_bytes(self.array()?).into())),
            Type::Double => Ok(Value::Float(f64::from_le_bytes(self.array()?))),
            Type::Bytes => Ok(Value::Bytes(self.sized()?.to_owned())),
            Type::Text => self.text().map(|text| Value::Text(text.to_owned())),
            Type::Fixed(size) => Ok(Value::Bytes(self.take(*size)?.to_owned())),
            Type::Enum(symbols) => {
                let index = self.long()?;
                let symbol = usize::try_from(index).ok().and_then(|index| symbols.get(index));
                symbol
                    .map(|symbol| Value::Text(symbol.clone()))
                    .ok_or_else(|| format!("{index} is not one of an enum's {} symbols", symbols.len()))
            }
            Type::Union(variants) => {
                let index = self.long()?;
                let variant = usize::try_from(index).ok().and_then(|index| variants.get(index));
                let variant = variant
                    .ok_or_else(|| format!("{index} is not one of a union's {} branches", variants.len()))?;
                self.value(variant, place)
            }
            Type::Array(items) => self.items(items, place),
            Type::Map(types) => {
                let mut entries = Vec::new();
                while let Some(count) = self.block()? {
                    for _ in 0..count {
                        let key = self.text()?.to_owned();
                        entries.push((key, self.value(types, place)?));
                    }
                }
                Ok(Value::Map(entries))
            }
            Type::Record(fields) => {
                let mut entries = Vec::with_capacity(fields.len());
                for (name, of) in fields {
                    place.push(name);
                    let value = self.value(of, place)?;
                    place.pop();
                    entries.push((name.clone(), value));
                }
                Ok(Value::Map(entries))
            }
        }
    }

    fn items<'t>(&mut self, of: &'t Type, place: &mut Vec<&'t str>) -> Result<Value, String> {
        if matches!(of, Type::Float) {
            let mut floats = Vec::new();
            while let Some(count) = self.block()? {
                let bytes = count.checked_mul(4).ok_or(CUT)?;
                let (values, _) = self.take(bytes)?.as_chunks::<4>();
                floats.extend(values.iter().map(|float| f32::from_le_bytes(*float)));
            }
            return Ok(Value::Floats(floats));
        }
        let mut values = Vec::new();
        while let Some(count) = self.block()? {
            for _ in 0..count {
                values.push(self.value(of, place)?);
            }
        }
        Ok(Value::List(values))
    }

    /// The number of items in the next block of an array or map; none at its end. Nothing is reserved for it: what is
    /// declared need not come.
    fn block(&mut self) -> Result<Option<usize>, String> {
        let count = self.long()?;
        if count < 0 {
            // A negative count is followed by the block's size in bytes, for those who skip it.
            self.long()?;
        }
        match usize::try_from(count.unsigned_abs()).ok() {
            Some(0) => Ok(None),
            Some(count) if count <= self.left => Ok(Some(count)),
            _ => Err(format!("a block of {} items is declared", count.unsigned_abs())),
        }
    }

    fn spend(&mut self, values: usize) -> Result<(), String> {
        self.left = self
            .left
            .checked_sub(values)
            .ok_or_else(|| format!("the record holds more than {MAX_VALUES} values"))?;
        Ok(())
    }

    fn text(&mut self) -> Result<&'b str, String> {
        std::str::from_utf8(self.sized()?).map_err(|_| "a string is not UTF-8".to_owned())
    }

    fn sized(&mut self) -> Result<&'b [u8], String> {
        let size = self.long()?;
        let size = usize::try_from(size).map_err(|_| format!("a length of {size} is declared"))?;
        self.take(size)
    }

    fn take(&mut self, count: usize) -> Result<&'b [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(CUT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(CUT)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A zigzag number of up to ten bytes.
    fn long(&mut self) -> Result<i64, String> {
        crate::varint::zigzag(&mut self.rest).ok_or_else(|| CUT.to_owned())
    }
}
