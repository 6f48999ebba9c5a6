//! Doors for fuzzers: bytes of strangers, and what must hold for any of them. No ordinary build has this module.
#![expect(clippy::missing_panics_doc, reason = "a panic is what a fuzzer looks for")]

use crate::core::wire;
use crate::hook;

/// The message of an event: what can be read is read as the same once it was written again.
pub fn record(message: &[u8]) {
    let Ok(record) = wire::decode(message) else { return };
    let written = wire::encode(&record);
    let again = wire::decode(written.as_bytes()).expect("what is written can be read");
    assert_eq!(again, record);
    assert_eq!(wire::encode(&again), written);
}

/// A line of a transaction, as git gives it to the hook.
pub fn transaction(line: &[u8]) {
    let Some((object, name)) = hook::read_line(line) else { return };
    let words: Vec<_> = line.splitn(3, |byte| *byte == b' ').collect();
    assert_eq!(words[1], object.as_bytes());
    assert_eq!(words[2], name.as_bytes());
}
