//! The small program that is installed as a git hook: its image, and the settings in the image.
//!
//! The program is `hooks/front.rs`, or `hooks/portable.rs` on platforms that the first does not support. git runs it for every
//! transaction, and it starts git-os only for refs that it watches.

use camino::{Utf8Path, Utf8PathBuf};

use crate::core::rule::{self, CAPACITY, MAGIC, Missing};

/// The program that `build.rs` compiled for this platform.
const IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/front"));

/// The settings of an installed hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FrontConfig {
    /// The absolute path of git-os, such as `/home/ann/.cargo/bin/git-os`.
    pub(crate) program: Utf8PathBuf,
    /// The refs to watch besides those of git-os; the hook does not start git-os for a transaction without any of them.
    pub(crate) watched: Vec<Watch>,
    /// Starts git-os in every state of every transaction, because it also runs another hook.
    pub(crate) always: bool,
}

/// A ref, such as `refs/heads/main`, whose updates git-os checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) name: String,
    /// Whether git-os is also started in `committed`.
    pub(crate) committed: bool,
    /// What happens to an update in `prepared` if git-os does not answer.
    pub(crate) missing: Missing,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrontError {
    #[error("a hook cannot start `{0}`: the path must be absolute and must not contain NUL")]
    Program(Utf8PathBuf),
    #[error("a hook cannot watch `{0}`: the name must start with `refs/`")]
    Watch(String),
    /// Both in bytes.
    #[error("too many refs to watch: they need {needed} bytes, and a hook has room for {capacity}")]
    TooLong { needed: usize, capacity: usize },
}

impl Watch {
    pub(crate) fn as_rule(&self) -> rule::Watch<'_> {
        rule::Watch { committed: self.committed, missing: self.missing, name: self.name.as_bytes() }
    }
}

/// Returns the file to install, an executable.
pub(crate) fn image(config: &FrontConfig) -> Result<Vec<u8>, FrontError> {
    Ok(with_settings(IMAGE, &encode(config)?))
}

/// Writes the settings over the block that a program reserves for them, or appends them, where `hooks/portable.rs` looks.
fn with_settings(program: &[u8], settings: &[u8]) -> Vec<u8> {
    let mut image = program.to_vec();
    let start = block_start(program).unwrap_or_else(|| {
        image.extend(MAGIC);
        image.extend([0; CAPACITY]);
        image.len() - CAPACITY
    });
    image[start..start + settings.len()].copy_from_slice(settings);
    image
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
    let mut places = image.windows(MAGIC.len()).enumerate().filter(|(_, bytes)| *bytes == MAGIC);
    let (magic_at, _) = places.next()?;
    places.next().is_none().then_some(magic_at + MAGIC.len())
}

/// Encodes the settings as [`rule::Settings`] reads them.
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
        text.push(match watch.missing {
            Missing::Refuse => 'r',
            Missing::Pass => '-',
        });
        text.push_str(&watch.name);
        text.push('\0');
    }
    text.push('\0');
    // The last byte of the block stays NUL.
    if text.len() >= CAPACITY {
        return Err(FrontError::TooLong { needed: text.len(), capacity: CAPACITY - 1 });
    }
    Ok(text.into_bytes())
}

fn decode(block: &[u8]) -> Option<FrontConfig> {
    let settings = rule::Settings::read(block)?;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    let watched = settings.watches().map(|watch| {
        let name = text(watch.name).filter(|name| is_watchable(name))?;
        Some(Watch { name, committed: watch.committed, missing: watch.missing })
    });
    let (program, watched) = (text(settings.program)?.into(), watched.collect::<Option<_>>()?);
    let config = FrontConfig { program, watched, always: settings.always };
    encode(&config).is_ok_and(|text| block.starts_with(&text)).then_some(config)
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

    const PORTABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/portable"));

    fn watch(name: &str) -> Watch {
        Watch { name: name.to_owned(), committed: false, missing: Missing::Refuse }
    }

    fn config(watched: Vec<Watch>) -> FrontConfig {
        FrontConfig { program: "/opt/é/git-os".into(), watched, always: false }
    }

    fn every_kind() -> FrontConfig {
        let feature = Watch { committed: true, missing: Missing::Pass, ..watch("refs/heads/größe") };
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
    fn a_program_carries_its_config_whether_it_keeps_a_place_for_it_or_not() -> Result<(), FrontError> {
        assert_eq!(read_config(&image(&every_kind())?), Some(every_kind()));
        assert_eq!(read_config(IMAGE), None, "nobody has put settings into it");
        let settings = encode(&every_kind())?;
        let image = with_settings(PORTABLE, &settings);
        assert_eq!(read_config(&image), Some(every_kind()));
        assert!(image.starts_with(PORTABLE), "the program's own bytes stay");
        assert!(image[image.len() - CAPACITY..].starts_with(&settings), "the settings are not where the program looks");
        Ok(())
    }

    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    #[test]
    fn this_platform_has_an_image() {
        assert!(IMAGE.starts_with(b"\x7fELF") && IMAGE != PORTABLE, "the build script's warning says why");
        assert!(IMAGE.len() < 16 * 1024, "{} bytes", IMAGE.len());
        assert_eq!(block_start(IMAGE).map(|start| start + CAPACITY <= IMAGE.len()), Some(true));
    }

    #[test]
    fn settings_that_fill_the_block_fit_and_one_byte_more_does_not() -> Result<(), FrontError> {
        let empty = encode(&config(vec![watch("refs/os/")]))?.len();
        let longest = format!("refs/os/{}", "x".repeat(CAPACITY - 1 - empty));
        let mut block = encode(&config(vec![watch(&longest)]))?;
        block.resize(CAPACITY, 0);
        assert_eq!(decode(&block), Some(config(vec![watch(&longest)])));
        let too_long = encode(&config(vec![watch(&format!("{longest}x"))]));
        assert_eq!(too_long, Err(FrontError::TooLong { needed: CAPACITY, capacity: CAPACITY - 1 }));
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
