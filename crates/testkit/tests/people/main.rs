//! People: how they come, sign in, and stop.

mod confined;
mod mail;
mod my_data;
mod people;
mod picture_files;
mod pictures;
mod place_blocks;
mod resets;
mod second_factor;
mod set_up;
mod sign_in;
mod sign_in_settings;
