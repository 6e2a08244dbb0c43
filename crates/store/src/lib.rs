//! Organisation tree, people, recordings, tracks, parts. Returns sealed values, opens nothing.
