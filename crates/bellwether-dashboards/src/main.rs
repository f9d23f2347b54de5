//! Writes the dashboards' files: `cargo dashboards`, anywhere in the repository.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards");
    for dashboard in bellwether_dashboards::all() {
        let file = folder.join(dashboard.uid()).with_extension("json");
        std::fs::write(file, dashboard.file())?;
    }
    Ok(())
}
