//! The files that the pages of the guide start from, so that each can be followed with nothing but the program.

use camino::Utf8Path;

use crate::error::CliError;
use crate::git::process::write_file;

/// A path in the folder of a page, and what is there.
type File = (&'static str, &'static str);

macro_rules! files {
    ($page:literal: $($path:literal),+ $(,)?) => {
        ($page, &[$(($path, include_str!(concat!("../../../docs/guide/", $page, ".in/", $path)))),+])
    };
}

/// The pages with their files.
const PAGES: [(&str, &[File]); 8] = [
    files!("by-hand": "bakery/check.sh", "bakery/monday.txt", "bakery/registry.toml", "bakery/tuesday.txt"),
    files!("first-ticket": "bakery/agents/helper.sh", "bakery/check.sh", "bakery/hours.txt", "bakery/registry.toml", "blog/index.html"),
    files!("many-machines": "shop/agents/helper.sh", "shop/check.sh", "shop/monday.txt", "shop/registry.toml", "shop/tuesday.txt"),
    files!("plans": "bakery/agents/helper.sh", "bakery/bad.yaml", "bakery/plan.yaml", "bakery/registry.toml"),
    files!("proof": "bakery/agents/helper.sh", "bakery/price.sh", "bakery/registry.toml", "bakery/tests/price.t", "bakery/tests/run.sh"),
    files!("refused": "bakery/check.sh", "bakery/monday.txt", "bakery/registry.toml", "bakery/tuesday.txt"),
    files!("sessions": "answers.toml", "bakery/agents/helper.sh", "bakery/check.sh", "bakery/hours.txt", "bakery/registry.toml", "blog/index.html"),
    files!(
        "tasks": "bakery/agents/helper.sh", "bakery/agents/judge.sh", "bakery/agents/planner.sh", "bakery/check.sh",
        "bakery/hours.txt", "bakery/registry.toml"
    ),
];

/// The names of the pages.
pub(super) const NAMES: [&str; 8] =
    [PAGES[0].0, PAGES[1].0, PAGES[2].0, PAGES[3].0, PAGES[4].0, PAGES[5].0, PAGES[6].0, PAGES[7].0];

/// Writes the files of a page into a folder.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(page: &str, dir: &Utf8Path) -> Result<(), CliError> {
    let files = PAGES.iter().find(|(name, _)| *name == page).map_or(&[][..], |(_, files)| files);
    for (path, text) in files {
        write_file(&dir.join(path), text.as_bytes(), 0o644)?;
    }
    Ok(())
}
