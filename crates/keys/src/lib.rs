//! The key registry: root, epochs, key pages, shards, rows; wrapping and unwrapping.
