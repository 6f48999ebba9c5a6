//! Who may act in which role, and who signed: keys of actors, and git's ssh signatures, parsed without trust.

use serde::{Deserialize, Serialize};
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, LineEnding, PublicKey, SshSig};

use super::denial::Denial;
use super::event::Role;
use super::text;

/// The namespace of git's signatures; a signature for a file or a mail has another one.
const NAMESPACE: &str = "git";
/// The maximum length of a signature, in bytes; an ed25519 signature has about 300.
const MAX_SIGNATURE: usize = 1024;

/// A person or program whose events must be signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Actor {
    pub(crate) name: String,
    /// The email address of author and committer in the actor's events.
    pub(crate) email: String,
    pub(crate) keys: Vec<Key>,
    pub(crate) roles: Vec<Role>,
}

/// An ed25519 public key, without its comment. Of the key types of ssh, only ed25519 always makes the same signature for
/// the same text, so that an event that is replayed twice becomes one commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Key(String);

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidKey {
    #[error("it is not a public key as `ssh-keygen` writes it")]
    Unreadable,
    #[error("key type `{0}` is not supported; use `ssh-ed25519`")]
    Kind(String),
}

impl Key {
    /// Parses `ssh-ed25519 AAAA… comment`.
    ///
    /// # Errors
    /// If the text is anything else.
    pub(crate) fn parse(line: &str) -> Result<Self, InvalidKey> {
        let kind = line.split(' ').next().unwrap_or_default();
        if kind != "ssh-ed25519"
            && ["ssh-", "ecdsa-", "sk-"].iter().any(|start| kind.starts_with(start))
            && text::is_line(kind, 60)
        {
            return Err(InvalidKey::Kind(kind.to_owned()));
        }
        let key = PublicKey::from_openssh(line).map_err(|_| InvalidKey::Unreadable)?;
        Self::of(key.key_data()).ok_or(InvalidKey::Unreadable)
    }

    fn of(key: &KeyData) -> Option<Self> {
        key.ed25519()?;
        PublicKey::from(key.clone()).to_openssh().ok().map(Self)
    }

    /// The fingerprint, `SHA256:…`.
    #[must_use]
    pub(crate) fn fingerprint(&self) -> String {
        PublicKey::from_openssh(&self.0).map_or_else(|_| self.0.clone(), |key| key.fingerprint(HashAlg::Sha256).to_string())
    }
}

impl TryFrom<String> for Key {
    type Error = InvalidKey;
    fn try_from(line: String) -> Result<Self, InvalidKey> {
        Self::parse(&line)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

/// Who wrote a commit, as far as is known: the key that signed it, and its author and committer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hand {
    pub(crate) signed: Signed,
    pub(crate) author: String,
    pub(crate) committer: String,
}

/// Whether a commit is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Signed {
    No,
    /// Signed with this key.
    By(Key),
    /// There is something that looks like a signature and is none, for this reason.
    Invalid(&'static str),
}

impl Signed {
    /// Reads and verifies a signature of these bytes.
    #[must_use]
    pub(crate) fn read(payload: &[u8], signature: &[u8]) -> Self {
        let Some(signature) = std::str::from_utf8(signature).ok().filter(|text| text.len() <= MAX_SIGNATURE) else {
            return Self::Invalid("its signature is not an ssh signature");
        };
        let Ok(read) = SshSig::from_pem(signature) else { return Self::Invalid("its signature is not an ssh signature") };
        let Some(key) = Key::of(read.public_key()) else { return Self::Invalid("its signature is not by an ed25519 key") };
        if read.namespace() != NAMESPACE {
            return Self::Invalid("its signature was made for a purpose other than git");
        }
        // Accept only the canonical form: otherwise anyone could make a second commit of the same event with another encoding.
        let is_canonical = read.version() == SshSig::VERSION
            && read.reserved().is_empty()
            && read.to_pem(LineEnding::LF).is_ok_and(|written| written.trim_end() == signature.trim_end_matches('\n'));
        if !is_canonical {
            return Self::Invalid("its signature is not in canonical form");
        }
        match PublicKey::from(read.public_key().clone()).verify(NAMESPACE, payload, &read) {
            Ok(()) => Self::By(key),
            Err(_) => Self::Invalid("its signature is for different content"),
        }
    }
}

/// Returns the email address in `Name <mail> seconds zone`.
#[must_use]
pub(crate) fn email_of(line: &str) -> &str {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(email, _)| email)
}

/// Whether events in this role must be signed.
#[must_use]
pub(crate) fn is_asked(actors: &[Actor], role: Role) -> bool {
    actors.iter().any(|actor| actor.roles.contains(&role))
}

/// Checks whether a signer may act in a role.
///
/// # Errors
/// The reason.
pub(crate) fn permit(actors: &[Actor], role: Role, hand: &Hand) -> Result<(), Denial> {
    if !is_asked(actors, role) {
        return Ok(());
    }
    let key = match &hand.signed {
        Signed::By(key) => key,
        Signed::No => return Err(Denial::Unsigned(role)),
        Signed::Invalid(why) => return Err(Denial::BadSignature(why)),
    };
    let Some(actor) = actors.iter().find(|actor| actor.keys.contains(key)) else {
        return Err(Denial::UnknownKey(key.fingerprint()));
    };
    if !actor.roles.contains(&role) {
        return Err(Denial::RoleNotHeld { role, actor: actor.name.clone() });
    }
    for email in [email_of(&hand.author), email_of(&hand.committer)] {
        if email != actor.email {
            return Err(Denial::OtherSigner { email: email.to_owned(), actor: actor.name.clone() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `ssh-keygen -t ed25519` and `ssh-keygen -Y sign`.
    const KEY: &str = include_str!("signer/key.pub");
    const SIGNATURE: &str = include_str!("signer/hello.sig");
    const OF_A_FILE: &str = include_str!("signer/hello.file.sig");

    fn read(signature: &str) -> Signed {
        Signed::read(b"hello\n", signature.as_bytes())
    }

    #[test]
    fn a_signature_of_ssh_keygen_names_its_key() {
        let key = Key::parse(KEY.trim_end()).expect("a key");
        assert_eq!(read(SIGNATURE), Signed::By(key.clone()));
        assert_eq!(Signed::read(b"hallo\n", SIGNATURE.as_bytes()), Signed::Invalid("its signature is for different content"));
        assert_eq!(read(OF_A_FILE), Signed::Invalid("its signature was made for a purpose other than git"));
        assert_eq!(Key::parse(&String::from(key.clone())), Ok(key));
    }

    #[test]
    fn a_signature_has_one_written_form() {
        let lines: Vec<_> = SIGNATURE.lines().collect();
        let one_line = format!("{}\n{}\n{}\n", lines[0], lines[1..lines.len() - 1].concat(), lines[lines.len() - 1]);
        for written in [one_line, SIGNATURE.replace('\n', "\r\n"), format!("{SIGNATURE} "), format!("x\n{SIGNATURE}")] {
            assert!(matches!(read(&written), Signed::Invalid(_)), "{written}");
        }
    }

    #[test]
    fn no_bytes_are_a_signature_by_chance() {
        let bytes = SIGNATURE.as_bytes();
        for at in 0..bytes.len() - 1 {
            for changed in
                [[&bytes[..at], &bytes[at + 1..]].concat(), [&bytes[..at], &[bytes[at] ^ 1], &bytes[at + 1..]].concat()]
            {
                assert!(!matches!(Signed::read(b"hello\n", &changed), Signed::By(_)), "{at}");
            }
        }
    }

    #[test]
    fn keys_of_other_kinds_are_named() {
        assert_eq!(Key::parse("ssh-rsa AAAAB3NzaC1yc2E ann"), Err(InvalidKey::Kind("ssh-rsa".to_owned())));
        assert_eq!(Key::parse("hello"), Err(InvalidKey::Unreadable));
    }
}
