//! Where the history lies: a directory, or a bucket of an object store.
//!
//! An object is seen whole or not at all. In a directory it is written under a name that no reader looks at, synced and
//! renamed; an object store shows a put when it is complete. An object that another writer has changed since it was read is
//! not replaced: object stores compare the version, and a directory is locked while it is written.

use crate::error::Error;
use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{
    BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreExt, PutMode, PutOptions, RetryConfig,
    UpdateVersion,
};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long one request may take before it is tried again.
const REQUEST: &str = "20 seconds";
/// How long the store's own attempts may take together; then the writer waits and begins again.
const ATTEMPTS: Duration = Duration::from_secs(30);
/// Where files of a directory are written before they are renamed: readers pass over names that begin with a dot.
const STAGING: &str = ".staging";
/// Where damaged objects are kept.
const DAMAGED: &str = ".damaged";
/// Locked by whoever writes to a directory.
const LOCK: &str = ".lock";

/// Where the history lies.
#[derive(Debug, Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    directory: Option<PathBuf>,
    named: String,
}

/// What was read of an object.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) bytes: Bytes,
    version: UpdateVersion,
}

/// Whether an object was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Replaced {
    Yes,
    /// It is not any more what was read.
    Changed,
}

/// Keeps others from writing to a directory for as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: Option<File>,
}

impl Place {
    /// A directory of this machine, which is made if it does not exist.
    ///
    /// # Errors
    /// [`Error::File`] when it cannot be made or used.
    pub fn directory(path: &Path) -> Result<Self, Error> {
        let failed = |source: std::io::Error| Error::File {
            what: "make",
            path: path.to_owned(),
            source,
        };
        std::fs::create_dir_all(path).map_err(failed)?;
        let store = LocalFileSystem::new_with_prefix(path)
            .map_err(|source| address(&path.display().to_string(), source))?;
        Ok(Self {
            store: Arc::new(store.with_fsync(true)),
            directory: Some(path.to_owned()),
            named: path.display().to_string(),
        })
    }

    /// A directory as `file:///…`, or a bucket as `s3://bucket/prefix`. Options are those of the store, such as `aws_region`;
    /// what they leave open is taken from the environment.
    ///
    /// # Errors
    /// [`Error::Address`] when there is no such store, or an option is wrong.
    pub fn url(url: &str, options: &BTreeMap<String, String>) -> Result<Self, Error> {
        if let Some(path) = url.strip_prefix("file://") {
            return Self::directory(Path::new(path));
        }
        if url.starts_with("s3://") || url.starts_with("s3a://") {
            return Self::s3(url, options);
        }
        Err(address(
            url,
            object_store::Error::NotSupported {
                source: "file:///… and s3://bucket/prefix are known".into(),
            },
        ))
    }

    fn s3(url: &str, options: &BTreeMap<String, String>) -> Result<Self, Error> {
        // The HTTP client asks the process for its cryptography; that of the rest of the program is as good. Another that is there
        // already stays.
        drop(rustls::crypto::ring::default_provider().install_default());
        let failed = |source| address(url, source);
        let mut builder = AmazonS3Builder::from_env()
            .with_url(url)
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), REQUEST)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: 3,
                retry_timeout: ATTEMPTS,
            });
        for (key, value) in options {
            let key: AmazonS3ConfigKey = key.parse().map_err(failed)?;
            builder = builder.with_config(key, value);
        }
        let store = builder.build().map_err(failed)?;
        let prefix = url.splitn(4, '/').nth(3).unwrap_or_default();
        let prefix =
            ObjectPath::parse(prefix.trim_end_matches('/')).map_err(|source| failed(source.into()))?;
        Ok(Self {
            store: Arc::new(PrefixStore::new(store, prefix)),
            directory: None,
            named: url.to_owned(),
        })
    }

    /// In memory, for tests.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::of_store(Arc::new(InMemory::new()))
    }

    /// Any store, for tests.
    #[must_use]
    pub fn of_store(store: Arc<dyn ObjectStore>) -> Self {
        Self {
            named: store.to_string(),
            store,
            directory: None,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.named
    }

    /// Keeps others from writing. Object stores need none: they compare versions.
    pub(crate) fn lock(&self) -> Result<Lock, Error> {
        let Some(directory) = &self.directory else {
            return Ok(Lock { _file: None });
        };
        let path = directory.join(LOCK);
        let failed = |source| Error::File {
            what: "lock",
            path: path.clone(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked {
                    path: directory.clone(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // What a crash has left half written. Under the lock it is nobody's.
        let staging = directory.join(STAGING);
        match std::fs::remove_dir_all(&staging) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(Lock { _file: Some(file) }),
        }
    }

    /// An object, if it is there.
    pub(crate) async fn read(&self, path: &str) -> Result<Option<Found>, Error> {
        let failed = |source| self.failed("read", path, source);
        let got = match self.store.get(&object(path)).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let version = UpdateVersion {
            e_tag: got.meta.e_tag.clone(),
            version: got.meta.version.clone(),
        };
        let bytes = got.bytes().await.map_err(failed)?;
        Ok(Some(Found { bytes, version }))
    }

    /// Puts a new object in the place of the one that was read, or of none, unless another writer was faster.
    pub(crate) async fn replace(
        &self,
        path: &str,
        bytes: Bytes,
        read: Option<Found>,
    ) -> Result<Replaced, Error> {
        let failed = |source| self.failed("write", path, source);
        if self.directory.is_some() {
            let staged = object(&format!("{STAGING}/{}", path.replace('/', "+")));
            self.store.put(&staged, bytes.into()).await.map_err(failed)?;
            self.store.rename(&staged, &object(path)).await.map_err(failed)?;
            return Ok(Replaced::Yes);
        }
        let mode = read.map_or(PutMode::Create, |found| PutMode::Update(found.version));
        let location = object(path);
        let put = |mode| {
            let options = PutOptions {
                mode,
                ..PutOptions::default()
            };
            self.store.put_opts(&location, bytes.clone().into(), options)
        };
        match put(mode).await {
            Ok(_) => Ok(Replaced::Yes),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                Ok(Replaced::Changed)
            }
            // Where the store cannot compare, or `aws_conditional_put` is off, one writer is all there may be.
            Err(object_store::Error::NotImplemented { .. } | object_store::Error::NotSupported { .. }) => {
                put(PutMode::Overwrite).await.map_err(failed)?;
                Ok(Replaced::Yes)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Keeps the bytes of a damaged object where no reader looks. Says where.
    pub(crate) async fn set_aside(&self, path: &str, bytes: Bytes) -> Result<String, Error> {
        let aside = format!("{DAMAGED}/{}", path.replace('/', "+"));
        let put = self.store.put(&object(&aside), bytes.into()).await;
        put.map_err(|source| self.failed("write", &aside, source))?;
        Ok(aside)
    }

    /// Names of what lies directly under a folder, sorted.
    pub(crate) async fn folders(&self, under: &str) -> Result<Vec<String>, Error> {
        let listed = self.store.list_with_delimiter(Some(&object(under))).await;
        let listed = listed.map_err(|source| self.failed("list", under, source))?;
        let names = listed.common_prefixes.iter().filter_map(|path| path.filename());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Removes all that lies under a folder.
    pub(crate) async fn remove_folder(&self, path: &str) -> Result<(), Error> {
        let failed = |source| self.failed("remove", path, source);
        let listed: Vec<_> = self
            .store
            .list(Some(&object(path)))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(failed)?;
        for location in listed {
            match self.store.delete(&location).await {
                Err(object_store::Error::NotFound { .. }) | Ok(()) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        if let Some(directory) = &self.directory {
            // Empty now, unless it holds somebody else's.
            drop(std::fs::remove_dir(directory.join(path)));
        }
        Ok(())
    }

    fn failed(&self, what: &'static str, path: &str, source: object_store::Error) -> Error {
        Error::Store {
            what,
            path: format!("{}/{path}", self.named.trim_end_matches('/')),
            source,
        }
    }
}

fn object(path: &str) -> ObjectPath {
    ObjectPath::from(path)
}

fn address(url: &str, source: object_store::Error) -> Error {
    Error::Address {
        url: url.to_owned(),
        source,
    }
}
