//! A whole installation in a process, with a clock that tests move.
