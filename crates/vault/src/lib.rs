//! The only opener, of columns and segments alike, and only for a grant.
