//! The `bellwether` program as a user runs it.

use crate::{poll_until, profile_directory};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The built program.
#[derive(Debug, Clone)]
pub struct Binary {
    path: PathBuf,
}

impl Binary {
    /// Finds it beside the running test, and builds it with the same profile when it is absent or older than its
    /// sources. `BELLWETHER_BIN` names another one.
    ///
    /// # Panics
    /// When it cannot be built.
    #[must_use]
    pub fn locate() -> Self {
        static PATH: OnceLock<PathBuf> = OnceLock::new();
        let path = PATH.get_or_init(|| {
            if let Some(path) = std::env::var_os("BELLWETHER_BIN") {
                return path.into();
            }
            let directory = profile_directory();
            let path = directory.join(format!("bellwether{}", std::env::consts::EXE_SUFFIX));
            if !is_fresh(&path) {
                build(&directory);
            }
            assert!(path.exists(), "{} was not built", path.display());
            path
        });
        Self { path: path.clone() }
    }

    /// A command to add arguments, environment and directory to; start it with [`Running::start`].
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env_remove("RUST_LOG");
        command
    }

    /// Starts it with these arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn spawn(&self, arguments: &[&str]) -> Running {
        let mut command = self.command();
        command.args(arguments);
        Running::start(command)
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it does not end within `timeout`.
    #[must_use]
    pub fn run(&self, arguments: &[&str], timeout: Duration) -> Finished {
        self.spawn(arguments).wait(timeout)
    }
}

/// Whether the program is newer than every source that went into it, which cargo lists beside it.
fn is_fresh(path: &Path) -> bool {
    let modified = |path: &Path| path.metadata().and_then(|metadata| metadata.modified());
    let (Ok(built), Ok(list)) = (modified(path), std::fs::read_to_string(path.with_extension("d"))) else {
        return false;
    };
    // One line a target, `target: source source`; spaces in paths are written `\ `.
    let sources = list
        .split_once(": ")
        .map_or("", |(_, sources)| sources)
        .replace("\\ ", "\0");
    sources
        .split_whitespace()
        .all(|source| modified(Path::new(&source.replace('\0', " "))).is_ok_and(|changed| changed <= built))
}

fn build(directory: &Path) {
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "-p",
        "bellwether",
        "--bin",
        "bellwether",
        "--profile",
        profile,
    ]);
    if let Some(target) = directory.parent() {
        command.arg("--target-dir").arg(target);
    }
    let output = command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(
        output.status.success(),
        "cannot build bellwether:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// One of the two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A run that has ended.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How.
    pub status: ExitStatus,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl Finished {
    /// Whether the exit code is 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status.success()
    }

    /// The exit code; `None` when a signal ended it.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }
}

/// Lines as they come, and the thread that reads them.
#[derive(Debug)]
struct Output {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Output {
    fn read(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&text);
        let reader = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let mut text = written.lock().unwrap_or_else(PoisonError::into_inner);
                text.push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self {
            text,
            reader: Some(reader),
        }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A run that is under way. It is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Output,
    stderr: Output,
}

impl Running {
    /// Starts a command with its outputs captured.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let stdout = Output::read(child.stdout.take().expect("stdout is piped"));
        let stderr = Output::read(child.stderr.take().expect("stderr is piped"));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// What it has printed so far.
    #[must_use]
    pub fn printed(&self, stream: Stream) -> String {
        match stream {
            Stream::Stdout => self.stdout.text(),
            Stream::Stderr => self.stderr.text(),
        }
    }

    /// Waits for a line, of either output, that holds `needle`, and gives that line.
    ///
    /// # Panics
    /// After `timeout`, with all that was printed.
    #[must_use]
    pub fn wait_for_line(&self, needle: &str, timeout: Duration) -> String {
        let find = |text: String| {
            // Without its end a line may not be complete yet.
            text.split_inclusive('\n')
                .find(|line| line.ends_with('\n') && line.contains(needle))
                .map(str::to_owned)
        };
        let line = poll_until(timeout, || {
            find(self.stdout.text()).or_else(|| find(self.stderr.text()))
        });
        line.unwrap_or_else(|| panic!("no line with `{needle}` within {timeout:?}\n{}", self.story()))
            .trim_end()
            .to_owned()
    }

    /// The address of its page, from the line `listening on http://…`, without a slash at the end.
    ///
    /// # Panics
    /// When there is none within `timeout`.
    #[must_use]
    pub fn listening_url(&self, timeout: Duration) -> String {
        let line = self.wait_for_line("listening on http://", timeout);
        let start = line.find("http://").expect("the line was chosen by it");
        let end =
            |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | ',' | '\u{1b}');
        line[start..]
            .split(end)
            .next()
            .unwrap_or_default()
            .trim_end_matches('/')
            .to_owned()
    }

    /// Sends SIGINT, as Ctrl-C does.
    ///
    /// # Panics
    /// When it has been waited for already.
    pub fn interrupt(&self) {
        self.signal(Signal::SIGINT);
    }

    /// Sends SIGTERM, as Kubernetes does.
    ///
    /// # Panics
    /// When it has been waited for already.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Sends SIGKILL: it ends without a chance to put anything in order.
    ///
    /// # Panics
    /// When it has been waited for already.
    pub fn crash(&self) {
        self.signal(Signal::SIGKILL);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process ids are small");
        kill(Pid::from_raw(id), signal).expect("the process was not waited for, so its id is its own");
    }

    /// The most memory that it had resident at a time, in bytes; 0 where the system does not tell.
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        kibibytes.map_or(0, |kibibytes| kibibytes << 10)
    }

    /// Whether it is still running.
    ///
    /// # Panics
    /// When the system cannot tell.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked for").is_none()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// After `timeout`, with all that was printed.
    #[must_use]
    pub fn wait(mut self, timeout: Duration) -> Finished {
        let child = &mut self.child;
        let ended = poll_until(timeout, || child.try_wait().expect("a child can be asked for"));
        let status = ended.unwrap_or_else(|| panic!("still running after {timeout:?}\n{}", self.story()));
        for output in [&mut self.stdout, &mut self.stderr] {
            if let Some(reader) = output.reader.take() {
                reader.join().expect("reading lines does not panic");
            }
        }
        Finished {
            status,
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        }
    }

    fn story(&self) -> String {
        format!(
            "--- stdout\n{}\n--- stderr\n{}",
            self.stdout.text(),
            self.stderr.text()
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn shell(script: &str) -> Running {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        Running::start(command)
    }

    #[test]
    fn address_is_read_from_the_line_that_names_it() {
        let run =
            shell("echo started; echo 'INFO listening on http://127.0.0.1:8411/ (loopback)' >&2; sleep 60");
        assert_eq!(run.listening_url(PATIENCE), "http://127.0.0.1:8411");
        assert_eq!(run.printed(Stream::Stdout), "started\n");
    }

    #[test]
    fn interrupted_program_may_end_in_good_order() {
        let mut run = shell("trap 'echo bye; exit 3' INT; echo ready; while :; do sleep 0.05; done");
        let _ready = run.wait_for_line("ready", PATIENCE);
        assert!(run.is_running());
        run.interrupt();
        let finished = run.wait(PATIENCE);
        assert_eq!((finished.code(), finished.success()), (Some(3), false));
        assert_eq!(finished.stdout, "ready\nbye\n");
    }

    #[test]
    #[should_panic(expected = "what it said")]
    fn deadline_tells_what_was_printed() {
        let _finished = shell("echo what it said >&2; sleep 60").wait(Duration::from_millis(500));
    }

    #[test]
    fn program_is_stale_when_a_source_is_newer_or_gone() {
        let directory = tempfile::TempDir::new().expect("the temporary directory is writable");
        let (program, source) = (
            directory.path().join("program"),
            directory.path().join("a source.rs"),
        );
        let list = format!(
            "{}: {}\n",
            program.display(),
            source.display().to_string().replace(' ', "\\ ")
        );
        std::fs::write(program.with_extension("d"), list).expect("writable");
        std::fs::write(&source, "").expect("writable");
        assert!(!is_fresh(&program), "absent");
        std::fs::write(&program, "").expect("writable");
        assert!(is_fresh(&program));
        let later = std::time::SystemTime::now() + Duration::from_secs(60);
        std::fs::File::options()
            .write(true)
            .open(&source)
            .and_then(|file| file.set_modified(later))
            .expect("writable");
        assert!(!is_fresh(&program), "newer source");
        std::fs::remove_file(&source).expect("writable");
        assert!(!is_fresh(&program), "source gone");
    }
}
