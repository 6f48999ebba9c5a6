//! Small objects, written into git's files without compression.
//!
//! A file takes a block of the disk however short it is, and to set up a compressor costs more than to write the file.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::durable::Durable;
use super::shared;

/// The maximum size of such an object in bytes; with its header it fits into one block.
pub(super) const MAX: usize = 4000;

/// Writes an object, with its header in front, to its place in a folder of objects.
///
/// # Errors
/// If its folder or its file cannot be written.
pub(super) fn write(objects: &Path, hex: &str, data: &[u8], durable: Durable) -> std::io::Result<()> {
    let bytes = stored(data);
    let _whole = super::ending::step();
    let folder = objects.join(&hex[..2]);
    // The name is the one that `git gc` knows for files of a write that never ended.
    let mut builder = tempfile::Builder::new();
    builder.prefix("tmp_obj_").permissions(std::fs::Permissions::from_mode(0o444));
    let mut file = match builder.tempfile_in(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            match std::fs::create_dir(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
                Ok(()) | Err(_) => shared::adjust_native(&folder),
            }
            builder.tempfile_in(&folder)?
        }
        made => made?,
    };
    file.write_all(&bytes)?;
    if durable.loose_objects {
        file.as_file().sync_all()?;
    }
    shared::adjust_native(file.path());
    file.persist(folder.join(&hex[2..])).map(drop).map_err(|error| error.error)
}

/// A zlib stream that holds some bytes as they are: RFC 1950 and, for its one block, RFC 1951.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("small").to_le_bytes();
    // The sums of Adler-32 cannot overflow before the remainder is taken: there are too few bytes.
    let (low, high) = data.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = low + u32::from(*byte);
        (low, high + low)
    });
    let sum = (((high % 65521) << 16) | (low % 65521)).to_be_bytes();
    // The method and window of zlib with its check bits, then the mark of a last block that is stored.
    [&[0x78, 0x01, 0x01], &length[..], &length.map(|byte| !byte), data, &sum].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::tests::repo;

    #[test]
    fn git_reads_what_is_written_uncompressed() {
        let (_dir, repo) = repo();
        for length in [0, 1, 255, 256, 3999, MAX, MAX + 1, 70_000] {
            let data = vec![0xff; length];
            let id = repo.write_blob(&data).expect("written");
            assert_eq!(repo.git().output(["cat-file", "-s", &id.to_string()]).expect("there").trim(), length.to_string());
            assert_eq!(repo.read_blob(id, 100_000).expect("readable"), data);
        }
        repo.git().output(["fsck", "--strict"]).expect("git finds nothing wrong");
    }
}
