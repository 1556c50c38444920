//! Writes the generated files of the contract into the repository: `make contract`.

use std::path::Path;
use std::{fs, io};

use protocol::document;

fn main() -> io::Result<()> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let golden = top.join(document::GOLDEN);
    if golden.exists() {
        fs::remove_dir_all(golden)?;
    }
    for file in document::files() {
        let path = top.join(file.path);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        fs::write(path, file.text)?;
    }
    Ok(())
}
