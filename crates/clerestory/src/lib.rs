//! Everything wired into one program.
