//! Signatures of commits: extracted from an object in git's format, and made with git's own ssh settings.
//!
//! Signatures are verified elsewhere, from the bytes alone; no setting and no program affects the result.

use camino::Utf8PathBuf;

use super::ending::TemporaryFolder;
use super::helper;
use super::object::Commit;
use super::process::{read_file, write_file};
use super::{GitError, Identity, Repo};
use crate::core::id::ObjectId;

/// A commit to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewCommit {
    pub(crate) tree_id: ObjectId,
    pub(crate) parents: Vec<ObjectId>,
    /// `Name <mail> seconds zone`.
    pub(crate) author: String,
    pub(crate) committer: String,
    pub(crate) message: String,
}

impl NewCommit {
    /// A commit by this identity, with the current time.
    #[must_use]
    pub(crate) fn by(who: &Identity, tree_id: ObjectId, parents: &[ObjectId], message: String) -> Self {
        let who = format!("{} <{}> {} {}", who.name, who.email, who.time.0, who.zone);
        Self { tree_id, parents: parents.to_vec(), author: who.clone(), committer: who, message }
    }

    /// A commit with the author, committer and times of another commit.
    #[must_use]
    pub(crate) fn like(like: &Commit, tree_id: ObjectId, parents: &[ObjectId], message: String) -> Self {
        let (author, committer) = (like.author.clone(), like.committer.clone());
        Self { tree_id, parents: parents.to_vec(), author, committer, message }
    }

    /// The bytes of the object.
    #[must_use]
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.with("")
    }

    fn with(&self, header: &str) -> Vec<u8> {
        let mut data = format!("tree {}\n", self.tree_id);
        for parent in &self.parents {
            data += &format!("parent {parent}\n");
        }
        data += &format!("author {}\ncommitter {}\n{header}\n{}", self.author, self.committer, self.message);
        data.into_bytes()
    }

    /// The bytes of the object with a signature, where and as git writes it.
    #[must_use]
    pub(crate) fn to_signed_bytes(&self, signature: &str) -> Vec<u8> {
        let signature = signature.trim_end_matches('\n').replace('\n', "\n ");
        self.with(&format!("{} {signature}\n", header(self.tree_id)))
    }
}

/// The name of the signature header; the other hash has a different one.
fn header(id: ObjectId) -> &'static str {
    if id.as_bytes().len() == 20 { "gpgsig" } else { "gpgsig-sha256" }
}

/// How a commit object is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sealed {
    /// No signature.
    Not,
    /// The bytes that were signed, and the signature.
    With { payload: Vec<u8>, signature: Vec<u8> },
    /// A header that does not belong there, or not there.
    UnexpectedHeader,
}

/// Extracts the signature from a commit object. Accepts only git's format: one signature header, after all other headers,
/// and only the headers that every commit has.
#[must_use]
pub(crate) fn split(data: &[u8], tree_id: ObjectId) -> Sealed {
    let end = data.windows(2).position(|pair| pair == b"\n\n").map_or(data.len(), |at| at + 1);
    let mut at = 0;
    let mut lines = data[..end].split_inclusive(|byte| *byte == b'\n').peekable();
    for key in [&b"tree "[..], b"parent ", b"author ", b"committer "] {
        while lines.next_if(|line| line.starts_with(key)).inspect(|line| at += line.len()).is_some() && key == b"parent " {}
    }
    let Some(first) = lines.next() else { return Sealed::Not };
    let mark = format!("{} ", header(tree_id));
    let (Some(start), true) = (first.strip_prefix(mark.as_bytes()), lines.all(|line| line.starts_with(b" "))) else {
        return Sealed::UnexpectedHeader;
    };
    let mut signature = start.to_vec();
    for line in data[at + first.len()..end].split_inclusive(|byte| *byte == b'\n') {
        signature.extend_from_slice(&line[1..]);
    }
    Sealed::With { payload: [&data[..at], &data[end..]].concat(), signature }
}

/// Why a commit could not be signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignError {
    #[error("no signing key is configured")]
    NoKey,
    #[error("`gpg.format` is `{0}`, but git-os signs only with `ssh`")]
    Format(String),
    #[error("`{program}` did not sign: {why}")]
    Failed { program: String, why: String },
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repo {
    /// Writes a commit without changing it.
    ///
    /// # Errors
    /// If the object store cannot be written.
    pub(crate) fn write_new(&self, commit: &NewCommit) -> Result<ObjectId, GitError> {
        self.write_commit_bytes(&commit.to_bytes())
    }

    /// Signs bytes as `git commit -S` does, with `gpg.ssh.program`, `user.signingKey` and `gpg.ssh.defaultKeyCommand`.
    ///
    /// # Errors
    /// If there is no key, or if the program does not sign.
    pub(crate) fn sign(&self, payload: &[u8]) -> Result<String, SignError> {
        let (key, is_literal) = self.signing_key()?;
        let folder = TemporaryFolder::new().map_err(|source| GitError::Start { program: "ssh-keygen".to_owned(), source })?;
        let path = |name: &str| {
            Utf8PathBuf::from_path_buf(folder.path().join(name))
                .map_err(|path| GitError::Path(path.to_string_lossy().into_owned()))
        };
        let (text, public) = (path("commit")?, path("key")?);
        write_file(&text, payload, 0o600)?;
        let mut args = vec!["-Y", "sign", "-n", "git", "-f"];
        if is_literal {
            write_file(&public, format!("{key}\n").as_bytes(), 0o600)?;
            args.extend([public.as_str(), "-U"]);
        } else {
            args.push(&key);
        }
        args.push(text.as_str());
        let program = self.config("gpg.ssh.program").filter(|name| !name.is_empty()).unwrap_or_else(|| "ssh-keygen".to_owned());
        let failed = |why: String| SignError::Failed { program: program.clone(), why };
        let output =
            helper::run(&program, &args, self.home(), None, self.local_patience()).map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(failed(said.lines().next().unwrap_or("it says nothing").trim().to_owned()));
        }
        Ok(read_file(&path("commit.sig")?)?)
    }

    /// The signing key from git's settings: a file or, if the second value is true, the public key itself.
    fn signing_key(&self) -> Result<(String, bool), SignError> {
        let key = match self.config("user.signingKey").filter(|key| !key.is_empty()) {
            Some(key) => key,
            None => self.default_key()?,
        };
        // Without `gpg.format` git means OpenPGP, but a literal ssh key is recognisable.
        let format = self.config("gpg.format");
        let is_literal = key.starts_with("key::") || key.starts_with("ssh-");
        match format {
            Some(format) if format != "ssh" => return Err(SignError::Format(format)),
            None if !is_literal && !key.contains('/') => return Err(SignError::Format("openpgp".to_owned())),
            _ => {}
        }
        if is_literal {
            return Ok((key.trim_start_matches("key::").to_owned(), true));
        }
        if !key.starts_with(['~', '%']) {
            return Ok((key, false));
        }
        let path = self.git().line(["config", "--type=path", "--get", "user.signingKey"])?;
        Ok((path.unwrap_or(key), false))
    }

    fn default_key(&self) -> Result<String, SignError> {
        let command = self.config("gpg.ssh.defaultKeyCommand").filter(|command| !command.is_empty()).ok_or(SignError::NoKey)?;
        let output =
            helper::run("sh", &["-c", &command], self.home(), None, self.local_patience()).map_err(|_| SignError::NoKey)?;
        let text = String::from_utf8_lossy(&output.stdout);
        let key = text.lines().next().map(str::trim).filter(|line| line.starts_with("key::") || line.starts_with("ssh-"));
        key.map(str::to_owned).ok_or(SignError::NoKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit() -> NewCommit {
        let tree_id = ObjectId::parse(&"4b825dc6".repeat(5)).expect("an id");
        let who = "Ann <ann@example.com> 1 +0000".to_owned();
        NewCommit { tree_id, parents: vec![tree_id], author: who.clone(), committer: who, message: "hi\n\ngpgsig x\n".to_owned() }
    }

    #[test]
    fn what_is_put_in_is_taken_out() {
        let commit = commit();
        let signed = commit.to_signed_bytes("-----BEGIN\nabc\n-----END\n");
        let signature = b"-----BEGIN\nabc\n-----END\n".to_vec();
        assert_eq!(split(&signed, commit.tree_id), Sealed::With { payload: commit.to_bytes(), signature });
        assert_eq!(split(&commit.to_bytes(), commit.tree_id), Sealed::Not);
    }

    #[test]
    fn a_signature_elsewhere_is_none() {
        let commit = commit();
        let signed = String::from_utf8(commit.to_signed_bytes("a\nb\n")).expect("text");
        for strange in [
            signed.replace("gpgsig a\n b\n", "gpgsig a\n b\ngpgsig a\n b\n"),
            signed.replace("gpgsig a\n b\n", "encoding x\ngpgsig a\n b\n"),
            signed.replace("gpgsig a\n b\n", "gpgsig a\n b\nencoding x\n"),
            signed.replace("gpgsig a\n b\n", "").replace("author", "gpgsig a\n b\nauthor"),
            signed.replace("gpgsig ", "gpgsig-sha256 "),
            signed.replace("gpgsig ", "GPGSIG "),
        ] {
            assert_eq!(split(strange.as_bytes(), commit.tree_id), Sealed::UnexpectedHeader, "{strange}");
        }
    }
}
