//! Formats and ciphers: sealed objects, sealed values, key derivation, signatures. No I/O.
