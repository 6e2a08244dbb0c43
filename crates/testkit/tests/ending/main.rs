//! What ends: by age, by hand, by the person, and what an attacker finds of it afterwards.

mod attacker;
mod attacker_columns;
mod attacker_files;
mod attacker_old_copies;
mod canaries;
mod clock_ahead;
mod closing;
mod custody;
mod cut_off;
mod cut_off_bucket;
mod cut_off_steps;
mod ended;
mod erasure;
mod holds;
mod life_cycle_mends;
mod names;
mod proposals;
mod range_erasure;
mod request_mails;
mod requests;
mod retention;
mod retention_settings;
mod soft_delete;
mod sweep_mends;
mod undone;
mod verifier;
