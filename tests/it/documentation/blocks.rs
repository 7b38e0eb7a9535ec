//! The fenced blocks of the documents.

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block of a document.
pub struct Block {
    /// The path of the document from the root of the repository.
    pub document: String,
    /// `sh`, `yaml`, `text`, ...
    pub language: String,
    /// The line of the fence, from 1.
    pub line: usize,
    /// Without the indentation of the fence.
    pub text: String,
    /// Why the tests do not run it: `<!-- not run: needs a GitHub App -->` above the fence.
    pub not_run: Option<String>,
}

impl Block {
    /// Where it is.
    pub fn place(&self) -> String {
        format!("{}, line {}", self.document, self.line)
    }
}

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md, CONTRIBUTING.md and every document below `docs`.
pub fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found.sort();
    found
}

/// All blocks of all documents.
pub fn all() -> Vec<Block> {
    let name = |path: &Path| path.strip_prefix(root()).unwrap().display().to_string();
    documents().iter().flat_map(|path| of(&name(path))).collect()
}

/// The blocks of one document.
pub fn of(document: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    let mut blocks = Vec::new();
    let mut open: Option<(usize, Block)> = None;
    let mut above = "";
    for (line, content) in (1..).zip(text.lines()) {
        let indent = content.len() - content.trim_start().len();
        match (content.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take().map(|(_, block)| block)),
            (Some(language), None) => {
                let reason = above.trim().strip_prefix("<!-- not run: ");
                let block = Block {
                    document: document.to_owned(),
                    language: language.to_owned(),
                    line,
                    text: String::new(),
                    not_run: reason.and_then(|why| why.strip_suffix(" -->")).map(str::to_owned),
                };
                open = Some((indent, block));
            }
            (None, Some((fence, block))) => {
                block.text.push_str(content.get((*fence).min(indent)..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, None) if !content.trim().is_empty() => above = content,
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "{document}: a block is not closed");
    blocks
}
