//! The small program that is installed as a git hook: its image, and the settings in the image.
//!
//! `hooks/front.rs` is that program. git runs it for every transaction, and it starts git-os only for refs that it watches.

use camino::{Utf8Path, Utf8PathBuf};

/// The program that `build.rs` compiled from `hooks/front.rs`; empty on unsupported platforms.
const IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/front"));

/// The bytes before the settings in the image; [`CAPACITY`] bytes of settings follow.
const MAGIC: &[u8; 24] = b"\x7fgit-os hook settings 1\n";
/// The maximum length of the settings; the last byte of the block stays NUL.
const CAPACITY: usize = 8 * 1024 - MAGIC.len() - 1;

/// The settings of an installed hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrontConfig {
    /// The absolute path of git-os, such as `/home/ann/.cargo/bin/git-os`.
    pub(crate) program: Utf8PathBuf,
    /// The refs to watch; the hook does not start git-os for a transaction without any of them.
    pub(crate) watched: Vec<Watch>,
    /// Starts git-os in every state of every transaction, because it also runs another hook.
    pub(crate) always: bool,
}

/// Refs whose updates git-os checks in `prepared`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    /// One ref, such as `refs/heads/main`, or with a final slash all refs below it, such as `refs/os/`.
    pub(crate) name: String,
    /// Whether git-os is also started in `committed`.
    pub(crate) committed: bool,
    pub(crate) when_missing: WhenMissing,
}

/// What happens to an update in `prepared` if git-os cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenMissing {
    Refuse,
    /// It passes with a warning.
    Pass,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrontError {
    #[error("`{0}` cannot be started by a hook: an absolute path without NUL is needed")]
    Program(Utf8PathBuf),
    #[error("`{0}` cannot be watched by a hook: it is no name below `refs/`")]
    Watch(String),
    /// Both in bytes.
    #[error("the refs to watch take {needed} bytes, and a hook has room for {capacity}")]
    TooLong { needed: usize, capacity: usize },
}

/// Returns the file to install, an ELF executable of about 12 KiB.
///
/// Returns `None` on a platform without this program. A link to git-os with the name of the hook does the same, but slower.
pub(crate) fn image(config: &FrontConfig) -> Result<Option<Vec<u8>>, FrontError> {
    let settings = encode(config)?;
    Ok(block_start(IMAGE).map(|start| {
        let mut image = IMAGE.to_vec();
        image[start..start + settings.len()].copy_from_slice(&settings);
        image
    }))
}

/// Reads the settings of an installed hook; `None` if it is not a git-os hook or has another format.
///
/// A hook that is up to date is equal to the [`image`] of its settings, byte by byte.
pub(crate) fn read_config(bytes: &[u8]) -> Option<FrontConfig> {
    let start = block_start(bytes)?;
    decode(bytes.get(start..start + CAPACITY)?)
}

/// The offset of the settings after the magic bytes; `None` unless there is exactly one such place.
fn block_start(image: &[u8]) -> Option<usize> {
    let mut places = image.windows(MAGIC.len()).enumerate().filter(|(_, bytes)| bytes == MAGIC);
    let (magic_at, _) = places.next()?;
    places.next().is_none().then_some(magic_at + MAGIC.len())
}

/// Encodes the settings as fields that end in NUL, with an empty field at the end: `a` or `-` for `always`, the program, and
/// for each watch `c` or `-` for `committed`, `r` or `-` for refuse, and the name.
fn encode(config: &FrontConfig) -> Result<Vec<u8>, FrontError> {
    if !is_program(&config.program) {
        return Err(FrontError::Program(config.program.clone()));
    }
    let mut text = format!("{}\0{}\0", if config.always { 'a' } else { '-' }, config.program);
    for watch in &config.watched {
        if !is_watchable(&watch.name) {
            return Err(FrontError::Watch(watch.name.clone()));
        }
        text.push(if watch.committed { 'c' } else { '-' });
        text.push(match watch.when_missing {
            WhenMissing::Refuse => 'r',
            WhenMissing::Pass => '-',
        });
        text.push_str(&watch.name);
        text.push('\0');
    }
    text.push('\0');
    if text.len() > CAPACITY {
        return Err(FrontError::TooLong { needed: text.len(), capacity: CAPACITY });
    }
    Ok(text.into_bytes())
}

fn decode(block: &[u8]) -> Option<FrontConfig> {
    let (text, _) = std::str::from_utf8(block).ok()?.split_once("\0\0")?;
    let mut fields = text.split('\0');
    let always = is_set(fields.next()?, "a")?;
    let program = Utf8PathBuf::from(fields.next()?);
    let watched: Option<Vec<Watch>> = fields.map(decode_watch).collect();
    Some(FrontConfig { program, watched: watched?, always }).filter(|config| is_program(&config.program))
}

fn decode_watch(field: &str) -> Option<Watch> {
    let (committed, refuse, name) = (field.get(..1)?, field.get(1..2)?, field.get(2..)?);
    let when_missing = if is_set(refuse, "r")? { WhenMissing::Refuse } else { WhenMissing::Pass };
    let watch = Watch { name: name.to_owned(), committed: is_set(committed, "c")?, when_missing };
    is_watchable(name).then_some(watch)
}

fn is_set(field: &str, letter: &str) -> Option<bool> {
    (field == letter || field == "-").then_some(field == letter)
}

fn is_program(path: &Utf8Path) -> bool {
    path.as_str().starts_with('/') && !path.as_str().contains('\0')
}

fn is_watchable(name: &str) -> bool {
    name.len() > "refs/".len() && name.starts_with("refs/") && !name.bytes().any(|byte| byte <= b' ' || byte == 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(name: &str) -> Watch {
        Watch { name: name.to_owned(), committed: false, when_missing: WhenMissing::Refuse }
    }

    fn config(watched: Vec<Watch>) -> FrontConfig {
        FrontConfig { program: "/opt/é/git-os".into(), watched, always: false }
    }

    fn every_kind() -> FrontConfig {
        let feature = Watch { committed: true, when_missing: WhenMissing::Pass, ..watch("refs/heads/größe") };
        config(vec![watch("refs/os/"), Watch { committed: true, ..watch("refs/notes/os") }, feature])
    }

    #[test]
    fn what_is_encoded_is_read_again() -> Result<(), FrontError> {
        for config in [every_kind(), config(Vec::new()), FrontConfig { always: true, ..every_kind() }] {
            let mut block = encode(&config)?;
            block.resize(CAPACITY, 0);
            assert_eq!(decode(&block), Some(config));
        }
        Ok(())
    }

    #[test]
    fn the_image_carries_its_config() -> Result<(), FrontError> {
        let Some(image) = image(&every_kind())? else {
            assert!(IMAGE.is_empty(), "the embedded image has no place for settings, or several");
            return Ok(());
        };
        assert_eq!(image.len(), IMAGE.len());
        assert_eq!(read_config(&image), Some(every_kind()));
        Ok(())
    }

    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    #[test]
    fn this_platform_has_an_image() {
        assert!(IMAGE.starts_with(b"\x7fELF"), "the build script's warning says why");
        assert!(IMAGE.len() < 16 * 1024, "{} bytes", IMAGE.len());
        assert_eq!(read_config(IMAGE), None, "nobody has put settings into it");
    }

    #[test]
    fn settings_that_fill_the_block_fit_and_one_byte_more_does_not() -> Result<(), FrontError> {
        let empty = encode(&config(vec![watch("refs/os/")]))?.len();
        let longest = format!("refs/os/{}", "x".repeat(CAPACITY - empty));
        let block = encode(&config(vec![watch(&longest)]))?;
        assert_eq!(decode(&block), Some(config(vec![watch(&longest)])));
        let too_long = encode(&config(vec![watch(&format!("{longest}x"))]));
        assert_eq!(too_long, Err(FrontError::TooLong { needed: CAPACITY + 1, capacity: CAPACITY }));
        Ok(())
    }

    #[test]
    fn a_program_that_depends_on_the_place_is_refused() {
        for program in ["", "git-os", "./git-os", "/opt/git\0os"] {
            let config = FrontConfig { program: program.into(), ..every_kind() };
            assert_eq!(image(&config), Err(FrontError::Program(program.into())));
        }
    }

    #[test]
    fn only_names_of_refs_can_be_watched() {
        for name in ["", "HEAD", "refs", "refs/", "heads/main", "refs/os/a b", "refs/os/\0", "refs/os/\n"] {
            assert_eq!(image(&config(vec![watch(name)])), Err(FrontError::Watch(name.to_owned())));
        }
    }

    #[test]
    fn other_bytes_are_not_taken_for_a_hook() {
        let with = |blocks: &[&[u8]]| {
            let mut bytes = blocks.concat();
            bytes.resize(bytes.len() + CAPACITY, 0);
            bytes
        };
        let block = |text: &[u8]| [MAGIC.as_slice(), text].concat();
        let good = block(b"-\0/bin/git-os\0-rrefs/os/\0\0");
        assert!(read_config(&with(&[&good])).is_some());
        assert_eq!(read_config(&with(&[&good, &good])), None);
        assert_eq!(read_config(&good), None, "cut short");
        assert_eq!(read_config(b"#!/bin/sh\nexit 0\n"), None);
        for text in ["", "x\0/bin/git-os\0\0", "-\0git-os\0\0", "-\0/bin/git-os\0xrrefs/os/\0\0", "-\0/bin/git-os\0-rHEAD\0\0"] {
            assert_eq!(read_config(&with(&[&block(text.as_bytes())])), None, "{text:?}");
        }
    }
}
