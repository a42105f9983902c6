//! Prints the files of a folder, one line each, with the escapes of Rust.
//!
//! ```text
//! lines fuzz/corpus/decode > fuzz/corpus/decode.txt
//! ```

fn main() {
    let folder = std::env::args().nth(1).expect("the folder of the corpus");
    let files = std::fs::read_dir(folder).expect("the folder");
    let mut lines: Vec<String> = files
        .map(|file| std::fs::read(file.expect("a file").path()).expect("a file"))
        .map(|bytes| bytes.escape_ascii().to_string())
        .collect();
    lines.sort_unstable_by_key(|line| (line.len(), line.clone()));
    for line in lines {
        println!("{line}");
    }
}
