//! Any bytes as a line that git gives to `reference-transaction`.
#![no_main]

libfuzzer_sys::fuzz_target!(|line: &[u8]| git_os::fuzz::transaction(line));
