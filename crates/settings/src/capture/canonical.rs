//! Canonical JSON: one document, one sequence of bytes, so that a signature over it can be checked anywhere.
//!
//! UTF-8, keys sorted, no white space, integers only. In strings only `"` and `\` (with a backslash), U+0008, U+0009, U+000A,
//! U+000C, U+000D (`\b \t \n \f \r`) and the other characters below U+0020 (`\u00xx`, lower case) are escaped. Source: RFC 8785
//! (JCS) without its number formatting, as nothing we sign holds a fraction.

use serde_json::Value;

/// A value canonical JSON cannot express: a number with a fraction or exponent.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not an integer, and canonical JSON here holds no other numbers")]
pub struct NotCanonical(serde_json::Number);

/// Writes `value` in canonical form.
///
/// # Errors
/// [`NotCanonical`] for a number that is not an integer of 64 bits.
pub fn to_vec(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::new();
    write(value, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) if number.is_i64() || number.is_u64() => {
            out.extend_from_slice(number.to_string().as_bytes())
        }
        Value::Number(number) => return Err(NotCanonical(number.clone())),
        Value::String(text) => string(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            // RFC 8785 sorts by UTF-16 code units, which differs from the order of Rust strings beyond the BMP.
            let mut keys: Vec<&String> = fields.keys().collect();
            keys.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push(b'{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                string(key, out);
                out.push(b':');
                write(fields.get(key).unwrap_or(&Value::Null), out)?;
            }
            out.push(b'}');
        }
    }
    Ok(())
}

/// Appends `text` as a canonical JSON string, quotes included.
pub fn string(text: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0..0x20 => {
                let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
