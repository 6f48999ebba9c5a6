//! Any bytes as the message of an event: read without a panic, and written so that they are read as the same again.
#![no_main]

libfuzzer_sys::fuzz_target!(|message: &[u8]| git_os::fuzz::record(message));
