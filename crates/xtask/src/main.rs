//! Chores of this repository: `cargo xtask --help`.

mod demo_data;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of this repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Compose, encode and record the stream that `bellwether demo` plays.
    DemoData(demo_data::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::DemoData(arguments) => demo_data::run(&arguments),
    }
}
