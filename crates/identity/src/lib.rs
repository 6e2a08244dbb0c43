//! Passwords, sign-in sessions and who is asking.
