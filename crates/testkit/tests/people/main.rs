//! People: how they come, sign in, and stop.

mod mail;
mod my_data;
mod people;
mod second_factor;
mod set_up;
mod sign_in;
mod sign_in_settings;
