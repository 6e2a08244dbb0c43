//! Decisions: the only constructor of a grant. No login code.
