//! A real Apache Kafka, from Maven Central, started by `tests/kafka/start-kafka.sh`.

use crate::topics::Topics;
use crate::{must_run, profile_directory};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The ports between two brokers' first ports, as in the script.
const STRIDE: u16 = 100;
/// The oldest Java that the broker runs on.
const OLDEST_JAVA: u32 = 17;

/// One or more brokers on loopback ports that were free. They end when this is dropped, or with the process.
#[derive(Debug)]
pub struct RealKafka {
    directory: TempDir,
    brokers: String,
}

impl RealKafka {
    /// Starts one broker: about five seconds, and once for all half a minute to fetch the jars.
    ///
    /// `None`, with a notice, on a machine without Java 17, Maven or the jars.
    ///
    /// # Panics
    /// In CI (`CI=true`) instead of returning `None`, and when a broker does not start.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_brokers(1)
    }

    /// Starts a cluster of this many brokers; see [`start`](Self::start).
    ///
    /// # Panics
    /// As [`start`](Self::start) does.
    #[must_use]
    pub fn start_brokers(count: u16) -> Option<Self> {
        match jars() {
            Ok(jars) => Some(Self::start_with(&jars, count, false)),
            Err(missing) => Self::skip(&missing),
        }
    }

    /// Starts one broker that also listens with TLS, where only what an access list allows is allowed; see
    /// [`start`](Self::start) and the script.
    ///
    /// # Panics
    /// As [`start`](Self::start) does.
    #[must_use]
    pub fn start_secure() -> Option<Self> {
        match jars() {
            Ok(jars) => Some(Self::start_with(&jars, 1, true)),
            Err(missing) => Self::skip(&missing),
        }
    }

    fn skip(missing: &str) -> Option<Self> {
        assert!(!must_run(), "a real Kafka broker is required in CI: {missing}");
        notice(missing);
        None
    }

    /// One broker for all tests of this process; use topics and groups with names of your own.
    ///
    /// # Panics
    /// As [`start`](Self::start) does.
    #[must_use]
    pub fn shared() -> Option<&'static Self> {
        // Never dropped: the script ends the broker when this process ends.
        static SHARED: OnceLock<Option<RealKafka>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    fn start_with(jars: &Path, count: u16, secure: bool) -> Self {
        let mut story = String::new();
        // A port may be taken between looking and starting, so a failure is tried again elsewhere.
        for _ in 0..3 {
            let directory =
                TempDir::with_prefix("bellwether-kafka-").expect("the temporary directory is writable");
            let output = Command::new("bash")
                .arg(script())
                .arg(directory.path())
                .arg(free_ports(count).to_string())
                .arg(count.to_string())
                .env("KAFKA_LIBS", jars)
                .env("OWNER", std::process::id().to_string())
                .env("HEAP", "256m")
                .env("TIER", "1")
                .env("SECURE", if secure { "1" } else { "" })
                .output()
                .expect("bash is there");
            let kafka = Self {
                brokers: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
                directory,
            };
            if output.status.success() {
                return kafka;
            }
            story = format!("{}\n{}", String::from_utf8_lossy(&output.stderr), kafka.log());
        }
        panic!("Kafka does not start:\n{story}");
    }

    /// Bootstrap brokers, `host:port`, separated by commas.
    #[must_use]
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The address of a secure broker for SASL over TLS.
    ///
    /// # Panics
    /// When there are several brokers.
    #[must_use]
    pub fn sasl_ssl(&self) -> String {
        self.beside(2)
    }

    /// The address of a secure broker for TLS with a certificate of the client.
    ///
    /// # Panics
    /// When there are several brokers.
    #[must_use]
    pub fn mutual_tls(&self) -> String {
        self.beside(3)
    }

    fn beside(&self, offset: u16) -> String {
        let (host, port) = self.brokers.rsplit_once(':').expect("host and port");
        let port: u16 = port.parse().expect("one broker");
        format!("{host}:{}", port + offset)
    }

    /// A file of a secure broker: `ca.pem`, `client.pem`, `client.key`.
    #[must_use]
    pub fn tls_file(&self, name: &str) -> PathBuf {
        self.directory.path().join("tls").join(name)
    }

    /// Runs `kafka-acls.sh` with these arguments, as one who may do everything.
    ///
    /// # Panics
    /// When it fails.
    pub fn acls(&self, arguments: &[&str]) {
        let jars = jars().expect("they were there at the start");
        let output = Command::new("java")
            .args(["-XX:TieredStopAtLevel=1", "-cp"])
            .arg(format!("{}/*", jars.display()))
            .arg("org.apache.kafka.tools.AclCommand")
            .args(["--bootstrap-server", &self.brokers])
            .args(arguments)
            .output()
            .expect("java can be run");
        assert!(
            output.status.success(),
            "{arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Its topics.
    #[must_use]
    pub fn topics(&self) -> Topics {
        Topics::at(&self.brokers)
    }

    /// Ends one broker at once, as a crash does; the first is 1.
    ///
    /// # Panics
    /// When there is no such broker.
    pub fn kill_broker(&self, number: u16) {
        let file = self.directory.path().join(format!("pid.{number}"));
        kill_process(&file);
        assert!(file.exists(), "there is no broker {number}");
    }

    /// Starts brokers again that were killed, with the data that they had, and waits until they listen: alone, without a
    /// majority, none does.
    ///
    /// # Panics
    /// When they do not listen within a minute.
    pub fn restart_brokers(&self, numbers: impl Iterator<Item = u16> + Clone) {
        for number in numbers.clone() {
            let path = |name: &str| self.directory.path().join(name);
            let log = File::create(path(&format!("broker.{number}.again.log")));
            let log = log.expect("the temporary directory is writable");
            let mut child = Command::new("java")
                .args([
                    "-Xms64m",
                    "-Xmx256m",
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1",
                    "-cp",
                ])
                .arg(format!(
                    "{}/*",
                    jars().expect("they were there at the start").display()
                ))
                .arg("kafka.Kafka")
                .arg(path(&format!("server.{number}.properties")))
                .stdin(Stdio::null())
                .stderr(log.try_clone().expect("a file can be shared"))
                .stdout(log)
                .spawn()
                .expect("java can be run");
            fs::write(path(&format!("pid.{number}")), child.id().to_string())
                .expect("the temporary directory is writable");
            // Its end is nobody's business but the system's.
            std::thread::spawn(move || child.wait());
        }
        for number in numbers {
            let address = self.brokers.split(',').nth(usize::from(number) - 1);
            let address = address.unwrap_or_else(|| panic!("there is no broker {number}"));
            crate::wait_until("a broker to listen", std::time::Duration::from_secs(60), || {
                TcpStream::connect(address).ok()
            });
        }
    }

    /// The last lines that the brokers wrote.
    #[must_use]
    pub fn log(&self) -> String {
        let mut log = String::new();
        for file in files(self.directory.path(), "broker.") {
            let text = fs::read_to_string(&file).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            log.push_str(&lines[lines.len().saturating_sub(30)..].join("\n"));
        }
        log
    }
}

impl Drop for RealKafka {
    fn drop(&mut self) {
        // Nothing of its data is kept, so there is nothing to end in good order.
        for file in files(self.directory.path(), "pid.") {
            kill_process(&file);
        }
    }
}

/// The script, in this package.
fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("kafka")
        .join("start-kafka.sh")
}

/// The files of a directory whose names begin so.
fn files(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let matching = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(prefix);
    entries
        .filter_map(Result::ok)
        .filter(matching)
        .map(|entry| entry.path())
        .collect()
}

/// Kills the process whose id is in the file, if it is still there.
fn kill_process(file: &Path) {
    if let Some(id) = fs::read_to_string(file)
        .ok()
        .and_then(|text| text.trim().parse().ok())
    {
        // An error means that it has ended already.
        let _ended = kill(Pid::from_raw(id), Signal::SIGKILL);
    }
}

/// The directory of the broker's jars in the target directory, filled at the first call on this machine.
fn jars() -> Result<PathBuf, String> {
    let java = java_version().ok_or("java is not installed")?;
    if java < OLDEST_JAVA {
        return Err(format!("java is version {java}, {OLDEST_JAVA} is needed"));
    }
    let target = profile_directory();
    let directory = target.parent().unwrap_or(&target).join("kafka-libs");
    let complete = directory.join(".complete.2");
    if complete.exists() {
        return Ok(directory);
    }
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    // Several test programs may come here at once: one fetches, the others wait.
    let lock =
        File::create(directory.join(".lock")).map_err(|error| format!("{}: {error}", directory.display()))?;
    lock.lock()
        .map_err(|error| format!("{}: {error}", directory.display()))?;
    if !complete.exists() {
        let output = Command::new("mvn")
            .args(["-q", "-B", "-f"])
            .arg(script().with_file_name("pom.xml"))
            .args(["dependency:copy-dependencies", "-DincludeScope=runtime"])
            .arg(format!("-DoutputDirectory={}", directory.display()))
            .output()
            .map_err(|error| format!("mvn cannot be run: {error}"))?;
        if !output.status.success() {
            return Err(format!(
                "mvn cannot fetch Kafka:\n{}",
                String::from_utf8_lossy(&output.stdout)
            ));
        }
        File::create(&complete).map_err(|error| format!("{}: {error}", complete.display()))?;
    }
    Ok(directory)
}

/// The main version of the installed Java.
fn java_version() -> Option<u32> {
    let output = Command::new("java").arg("-version").output().ok()?;
    // For instance: openjdk version "17.0.15" 2025-04-15
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    text.split('"').nth(1)?.split(['.', '-']).next()?.parse().ok()
}

/// A port that is free with all others that brokers take relative to it.
fn free_ports(brokers: u16) -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    crate::wait_until("free ports", std::time::Duration::from_secs(10), || {
        let first = TcpListener::bind(("127.0.0.1", 0))
            .ok()?
            .local_addr()
            .ok()?
            .port();
        let mut ports = (0..brokers).map(|broker| first.checked_add(broker * STRIDE + 3));
        ports
            .all(|last| last.is_some_and(|last| (last - 3..=last).all(free)))
            .then_some(first)
    })
}

#[expect(clippy::print_stderr, reason = "a test that is skipped has to say so")]
fn notice(missing: &str) {
    eprintln!("notice: skipped, as it needs a real Kafka broker: {missing}");
}
