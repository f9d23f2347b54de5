//! Secrets that whoever asks has to know.

use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use subtle::{Choice, ConstantTimeEq};

/// A token that is shorter can be guessed.
pub const SHORTEST_TOKEN: usize = 16;

type Sha = [u8; 32];

/// A secret that whoever asks has to know. Only its digest is kept. A clone is the same token, also when it changes.
#[derive(Clone)]
pub struct Token(Arc<Inner>);

struct Inner {
    /// Of every secret that will do: while one takes another's place, both.
    digests: RwLock<Vec<Sha>>,
    file: Option<PathBuf>,
}

impl Token {
    /// A token from its text.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self::of(vec![digest(secret)], None)
    }

    /// The tokens in a file, one a line; each will do. While the server runs the file is read again every few seconds.
    ///
    /// # Errors
    /// When the file cannot be read, or a line has fewer than [`SHORTEST_TOKEN`] bytes, or there is none.
    pub fn from_file(path: &Path) -> io::Result<Self> {
        Ok(Self::of(read(path)?, Some(path.to_owned())))
    }

    fn of(digests: Vec<Sha>, file: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            digests: RwLock::new(digests),
            file,
        }))
    }

    /// Whether that is one of the secrets.
    pub(crate) fn is(&self, secret: &[u8]) -> bool {
        let digests = self.0.digests.read().unwrap_or_else(PoisonError::into_inner);
        let presented = Sha256::digest(secret);
        // Neither its length nor how much of it is right shows in the time this takes.
        let same = |known: &Sha| presented.as_slice().ct_eq(known);
        digests
            .iter()
            .fold(Choice::from(0), |any, known| any | same(known))
            .into()
    }

    /// Takes what the file says now; a file that cannot be used leaves the token as it is. Says whether it changed.
    ///
    /// # Errors
    /// As [`Token::from_file`].
    pub(crate) fn renew(&self) -> io::Result<bool> {
        let Some(path) = &self.0.file else {
            return Ok(false);
        };
        let found = read(path)?;
        let mut known = self.0.digests.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *known != found;
        *known = found;
        Ok(changed)
    }

    /// The file that it comes from.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.0.file.as_deref()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Token(..)")
    }
}

fn digest(secret: &str) -> Sha {
    Sha256::digest(secret).into()
}

fn read(path: &Path) -> io::Result<Vec<Sha>> {
    let text = std::fs::read_to_string(path)?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let secrets: Vec<&str> = lines.collect();
    let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    if secrets.is_empty() {
        return Err(invalid("there is no token in the file".to_owned()));
    }
    if secrets.iter().any(|secret| secret.len() < SHORTEST_TOKEN) {
        return Err(invalid(format!(
            "a token has fewer than {SHORTEST_TOKEN} bytes, and can be guessed"
        )));
    }
    Ok(secrets.into_iter().map(digest).collect())
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_file_holds_several_while_one_takes_anothers_place() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("token");
        let write = |text: &str| std::fs::write(&path, text).expect("writable");
        write("the-old-token-of-all\n");
        let token = Token::from_file(&path).expect("it is read");
        let (old, new) = (b"the-old-token-of-all", b"the-new-token-of-all");
        assert!(token.is(old) && !token.is(new));
        write("the-old-token-of-all\r\n\nthe-new-token-of-all\n");
        assert!(token.renew().expect("it is read"));
        assert!(token.is(old) && token.is(new));
        assert!(!token.is(b"the-old-token-of-all\nthe-new-token-of-all"));
        write("the-new-token-of-all");
        assert!(token.renew().expect("it is read"));
        assert!(!token.renew().expect("it is read"), "nothing has changed");
        assert!(!token.is(old) && token.is(new));
        for unusable in ["", "\n \n", "short", "the-new-token-of-all\nshort"] {
            write(unusable);
            assert!(token.renew().is_err(), "{unusable:?}");
            assert!(token.is(new), "the one before still counts");
        }
        std::fs::remove_file(&path).expect("it is there");
        assert!(token.renew().is_err());
        assert!(token.is(new) && !token.is(b""));
    }
}
