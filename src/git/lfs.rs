//! Git LFS: pointers, which commits have in place of large files, and the objects that hold those files. Also which filter a file has.

use camino::{Utf8Path, Utf8PathBuf};

use super::process::read_file;
use super::remote::Offer;
use super::{GitError, Repo};
use crate::core::id::ObjectId;

/// The filter that makes pointers of files.
pub(crate) const FILTER: &str = "lfs";
/// How long a pointer may be, in bytes; git-lfs takes nothing longer for one.
pub(crate) const MAX_POINTER: usize = 1024;
/// How a pointer begins: today, and as early versions wrote it.
const VERSIONS: [&str; 3] = [
    "version https://git-lfs.github.com/spec/v1",
    "version https://hawser.github.com/spec/v1",
    "version http://git-media.io/v/2",
];

/// What a commit has in place of a large file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// The SHA-256 of the file, in hexadecimal.
    pub(crate) oid: String,
    /// The size of the file, in bytes.
    size: u64,
}

impl Pointer {
    /// Reads a pointer, if this is one.
    #[must_use]
    pub(crate) fn parse(blob: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(blob).ok().filter(|text| text.len() <= MAX_POINTER)?;
        let mut lines = text.lines();
        lines.next().filter(|first| VERSIONS.contains(first))?;
        let lines: Vec<&str> = lines.collect();
        let value = |key: &str| lines.iter().find_map(|line| line.strip_prefix(key));
        let oid = value("oid sha256:")?;
        let is_oid = oid.len() == 64 && oid.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        is_oid.then(|| value("size ")?.parse().ok()).flatten().map(|size| Self { oid: oid.to_owned(), size })
    }

    /// Where its object is, below a folder of objects.
    fn path(&self) -> String {
        format!("{}/{}/{}", &self.oid[..2], &self.oid[2..4], self.oid)
    }
}

/// The folders in which git-lfs looks for objects: those of a repository, and of others that it borrows from.
pub(crate) struct Store {
    folders: Vec<Utf8PathBuf>,
}

impl Store {
    /// Whether it has the object of a pointer.
    #[must_use]
    pub(crate) fn has(&self, pointer: &Pointer) -> bool {
        let is_whole = |folder: &Utf8PathBuf| {
            folder.join(pointer.path()).metadata().is_ok_and(|file| file.is_file() && file.len() == pointer.size)
        };
        self.folders.iter().any(is_whole)
    }

    fn is_there(&self) -> bool {
        self.folders.iter().any(|folder| folder.as_std_path().is_dir())
    }
}

impl Repo {
    /// Where this repository keeps its objects of Git LFS.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn lfs_store(&self) -> Result<Store, GitError> {
        let storage = self.find_path_setting("lfs.storage")?.map(|setting| setting.path).filter(|path| !path.is_empty());
        let mut folders = vec![self.common_dir().join(storage.as_deref().unwrap_or("lfs")).join("objects")];
        let objects = self.common_dir().join("objects");
        let others = read_file(&objects.join("info/alternates")).unwrap_or_default();
        let others = others.lines().filter(|line| !line.starts_with('#')).map(|line| objects.join(line));
        folders.extend(others.filter_map(|other| Some(other.parent()?.join("lfs/objects"))));
        Ok(Store { folders })
    }

    /// Lets git-lfs push the objects of branches that are about to be pushed without the person's hook, which would do the same. Returns
    /// why it does not, if it does not.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(super) fn push_lfs_objects(&self, remote: &str, offers: &[Offer]) -> Result<Option<String>, GitError> {
        let line = |offer: &Offer| {
            let new = offer.new.filter(|_| offer.name.starts_with("refs/heads/"))?;
            Some(format!("{new} {new} {} {}\n", offer.name, offer.expected.unwrap_or_else(|| self.zero())))
        };
        let lines: String = offers.iter().filter_map(line).collect();
        let is_set_up = || ["process", "clean"].iter().any(|key| self.config(&format!("filter.{FILTER}.{key}")).is_some());
        if lines.is_empty() || !is_set_up() || !self.lfs_store()?.is_there() {
            return Ok(None);
        }
        let url = self.git().line(["remote", "get-url", "--push", "--", remote])?.unwrap_or_else(|| remote.to_owned());
        match self.network().input(["lfs", "pre-push", remote, &url], lines.as_bytes()) {
            Ok(_) => Ok(None),
            Err(GitError::Command { source, .. }) => Ok(Some(source.to_string())),
            Err(error) => Err(error),
        }
    }

    /// Lets git-lfs fetch what the files at these paths of a commit are, from a remote. Nothing comes where git-lfs is not installed or the
    /// remote does not have it.
    ///
    /// # Errors
    /// If git cannot be started.
    pub(crate) fn fetch_lfs_objects(&self, remote: &str, commit_id: ObjectId, paths: &[&str]) -> Result<(), GitError> {
        if self.why_silent(remote).is_some() {
            return Ok(());
        }
        // The option takes patterns, with commas between.
        let pattern = |path: &&str| path.replace(|c| "\\*?[], ".contains(c), "?");
        let include = format!("--include={}", paths.iter().map(pattern).collect::<Vec<_>>().join(","));
        self.network().run(["lfs", "fetch", &include, "--exclude=", remote, &commit_id.to_string()]).map(drop)
    }

    /// The filters that the attributes of a commit give to files of it, each with its path; files without a filter are left out.
    ///
    /// # Errors
    /// If git cannot read the commit or the attributes.
    pub(crate) fn list_filters(&self, commit_id: ObjectId, paths: &[String]) -> Result<Vec<(String, String)>, GitError> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        // An index of its own: git before 2.40 cannot read the attributes of a commit that is checked out nowhere.
        let index = TemporaryIndex::new(self)?;
        let git = self.git().variable("GIT_INDEX_FILE", index.path.as_str());
        git.output(["read-tree", &commit_id.to_string()])?;
        let asked: String = paths.iter().flat_map(|path| [path.as_str(), "\0"]).collect();
        let told = git.input(["check-attr", "--cached", "-z", "--stdin", "filter"], asked.as_bytes())?;
        let fields: Vec<&str> = told.split('\0').collect();
        let filters = fields.chunks_exact(3).filter(|field| !["unspecified", "unset", "set", ""].contains(&field[2]));
        Ok(filters.map(|field| (field[0].to_owned(), field[2].to_owned())).collect())
    }
}

/// An index that goes with its folder.
struct TemporaryIndex {
    path: Utf8PathBuf,
    _folder: tempfile::TempDir,
}

impl TemporaryIndex {
    fn new(repo: &Repo) -> Result<Self, GitError> {
        let above: &Utf8Path = repo.common_dir();
        let folder = tempfile::Builder::new().prefix("git-os-").tempdir_in(above).map_err(GitError::file(above))?;
        let path = above.join(folder.path().file_name().and_then(|name| name.to_str()).unwrap_or_default()).join("index");
        Ok(Self { path, _folder: folder })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::process::write_file;
    use crate::git::tests::repo;

    const OID: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

    #[test]
    fn a_pointer_is_told_from_a_file() {
        let pointer = Pointer { oid: OID.to_owned(), size: 12345 };
        let read = |text: &str| Pointer::parse(text.as_bytes());
        for version in VERSIONS {
            assert_eq!(read(&format!("{version}\noid sha256:{OID}\nsize 12345\n")), Some(pointer.clone()));
        }
        let extended = format!("{}\next-0-foo sha256:{OID}\noid sha256:{OID}\nsize 12345\n", VERSIONS[0]);
        assert_eq!(read(&extended), Some(pointer));
        let first = VERSIONS[0];
        for text in [
            String::new(),
            first.to_owned(),
            format!("oid sha256:{OID}\nsize 12345\n"),
            format!("{first}\nsize 12345\n"),
            format!("{first}\noid sha256:{OID}\n"),
            format!("{first}\noid sha256:{OID}\nsize many\n"),
            format!("{first}\noid sha256:../../../../etc/passwd\nsize 1\n"),
            format!("{first}\noid sha256:{}\nsize 1\n", OID.to_uppercase()),
            format!("{first}\noid sha256:{OID}\nsize 1\n{}", "x".repeat(MAX_POINTER)),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }

    #[test]
    fn an_object_is_found_wherever_git_lfs_puts_it() {
        let (_dir, repo) = repo();
        let pointer = Pointer { oid: OID.to_owned(), size: 2 };
        let has = || repo.lfs_store().expect("found").has(&pointer);
        let elsewhere = repo.home().join("elsewhere");
        let other = repo.home().join("other.git");
        for (setting, place) in [
            ("", repo.common_dir().join("lfs")),
            ("store", repo.common_dir().join("store")),
            (elsewhere.as_str(), elsewhere.clone()),
            ("", other.join("lfs")),
        ] {
            repo.git().output(["config", "lfs.storage", setting]).expect("set");
            let alternates = format!("{}\n", other.join("objects"));
            write_file(&repo.common_dir().join("objects/info/alternates"), alternates.as_bytes(), 0o644).expect("written");
            let object = place.join("objects").join(pointer.path());
            assert!(!has(), "{object}");
            write_file(&object, b"12", 0o444).expect("written");
            assert!(has(), "{object}");
            write_file(&object, b"1", 0o444).expect("written");
            assert!(!has(), "it is cut off");
        }
    }
}
