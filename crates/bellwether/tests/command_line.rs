//! What the command line promises about itself.

use std::process::{Command, Output};

fn bellwether(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bellwether"))
        .args(arguments)
        .output()
        .expect("the program starts")
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        &["demo"][..],
        &["run"],
        &["replay"],
        &["calibrate"],
        &["check"],
        &["encode"],
        &["init"],
        &["completions"],
        &["man"],
        &["reference", "build"],
        &["reference", "inspect"],
        &["dead-letters", "list"],
        &["dead-letters", "explain"],
        &["dead-letters", "resubmit"],
    ] {
        let output = bellwether(&[command, &["--help"]].concat());
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command:?}");
        let example = format!("Example:\n  bellwether {}", command.join(" "));
        assert!(help.contains(&example), "{command:?}:\n{help}");
    }
}

#[test]
fn bad_usage_is_exit_code_two() {
    for arguments in [
        &["replay"][..],
        &["fly"],
        &["demo", "--speed", "0"],
        &["calibrate"],
        &["calibrate", "--split"],
        &["encode", "--model", "m", "--output", "o.parquet"],
        &["init"],
        &["completions", "cobol"],
        &["--log", "loud", "check", "--config", "x"],
    ] {
        assert_eq!(bellwether(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn the_version_is_told() {
    let output = bellwether(&["--version"]);
    let version = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        version.trim(),
        format!("bellwether {}", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn every_shell_completes_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = bellwether(&["completions", shell]);
        let script = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{shell}");
        for word in ["encode", "init", "dead-letters", "resubmit", "text-column"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
}

#[test]
fn every_command_has_a_manual_page() {
    let folder = tempfile::tempdir().expect("a folder");
    let directory = folder.path().join("man1");
    let output = bellwether(&["man", directory.to_str().expect("UTF-8")]);
    assert!(output.status.success(), "{output:?}");
    for page in [
        "bellwether",
        "bellwether-encode",
        "bellwether-reference-build",
        "bellwether-init",
    ] {
        let text = std::fs::read_to_string(directory.join(format!("{page}.1"))).expect(page);
        assert!(text.contains(".SH SYNOPSIS"), "{page}");
    }
    let page = std::fs::read_to_string(directory.join("bellwether-encode.1")).expect("it is there");
    assert!(
        page.contains("OUTPUT.partial") && page.contains("Example:"),
        "{page}"
    );
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    let output = bellwether(&["man", file.to_str().expect("UTF-8")]);
    let report = String::from_utf8_lossy(&output.stderr);
    assert!(report.contains("fix:   choose a directory"), "{report}");
}

#[test]
fn colours_are_for_terminals_and_for_whoever_asks() {
    let coloured = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bellwether"));
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        let output = command
            .args(["check", "--config", "absent.toml"])
            .output()
            .expect("the program starts");
        String::from_utf8_lossy(&output.stderr).contains("\u{1b}[1m\u{1b}[31merror:")
    };
    assert!(!coloured(&[]), "a pipe is plain");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("NO_COLOR", "1")]));
}
