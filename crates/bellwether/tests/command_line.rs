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
