//! Compares a checked-in file with what would be exported.

use std::path::Path;
use std::{env, fs};

/// Panics if a file is not what would be exported, with the first line that differs. With the
/// environment variable `UPDATE_EXPECT=1` it writes the file instead.
///
/// In a test, so that a change of the wire contract is seen in review. A relative path begins at
/// the folder of the package, where `cargo test` runs tests. How a file ends its lines does not
/// count.
///
/// # Panics
///
/// If the file differs or cannot be read, or cannot be written.
///
/// # Examples
///
/// ```no_run
/// use cache_runtime::export;
///
/// # /*
/// #[test]
/// # */
/// fn the_wire_contract_is_checked_in() -> Result<(), export::ExportError> {
///     let contracts = export::declared()?;
///     export::assert_current("web/src/events.ts", &export::typescript(&contracts));
///     export::assert_current("web/src/events.golden.json", &export::golden(&contracts));
///     Ok(())
/// }
/// # the_wire_contract_is_checked_in().unwrap();
/// ```
#[track_caller]
pub fn assert_current(path: impl AsRef<Path>, exported: &str) {
    let path = path.as_ref();
    let how = "run the test with UPDATE_EXPECT=1 to write it";
    let update = env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1");
    let name = path.display();
    if update {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let written = folder.map_or(Ok(()), fs::create_dir_all);
        let written = written.and_then(|()| fs::write(path, exported));
        return written.unwrap_or_else(|error| panic!("cannot write {name}: {error}"));
    }
    let present = fs::read_to_string(path);
    let present = present.unwrap_or_else(|error| panic!("cannot read {name}: {error}; {how}"));
    if let Some(difference) = difference(&present, exported) {
        panic!("{name} is not what would be exported; {how}\n{difference}");
    }
}

/// The first line that differs.
fn difference(present: &str, exported: &str) -> Option<String> {
    let (mut present, mut exported) = (present.lines(), exported.lines());
    let mut number = 1;
    loop {
        let pair = (present.next(), exported.next());
        match pair {
            (None, None) => return None,
            (Some(one), Some(two)) if one == two => number += 1,
            (one, two) => {
                let [one, two] = [one, two].map(|line| line.unwrap_or("(the end of the file)"));
                return Some(format!("line {number} is:      {one}\nwould become: {two}"));
            }
        }
    }
}
