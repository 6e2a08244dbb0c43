//! Ids, states, time and the few nouns every other crate speaks of.
