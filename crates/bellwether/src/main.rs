//! Bellwether.
fn main() {}
