//! Where the files of a layer belong in its container, and which paths belong nowhere.

/// Where copies of manifests are kept in the container of their layer: no file goes there.
pub const MANIFESTS: &str = "metadata/manifests/";

/// The longest path of an object: that of S3 and Google Cloud Storage in bytes, of Azure in
/// characters ("Object key naming guidelines", "Naming and referencing containers, blobs, and
/// metadata").
const LONGEST: usize = 1024;

/// A layer of files: its name, and its folder with `/` at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerPlace {
    /// The name of the layer.
    pub layer: String,
    /// The folder, from the root of the repository: `data/bronze/`.
    pub folder: String,
}

/// Why a path belongs nowhere: what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPath {
    /// It does not begin with the layer's folder.
    #[error("is not in the layer's folder")]
    Outside,
    /// It has a part that is empty, `.` or `..`.
    #[error("has a part that is empty, `.` or `..`")]
    Part,
    /// It has a control character, or a backslash, which Azure takes for a slash.
    #[error("has a control character or a backslash, which not every store can keep")]
    Character,
    /// It is too long.
    #[error("has over {LONGEST} bytes, more than stores allow")]
    TooLong,
    /// It is where copies of manifests are kept.
    #[error("is in `{MANIFESTS}`, where the store keeps copies of the manifest")]
    Reserved,
}

impl LayerPlace {
    /// Puts a layer together with its configured path.
    pub fn new(layer: &str, path: &str) -> Self {
        let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        let mut folder = String::new();
        for part in parts {
            folder.extend([part, "/"]);
        }
        Self { layer: layer.to_owned(), folder }
    }

    /// Returns where a file belongs in the container: its path below the folder.
    pub fn blob_path<'a>(&self, path: &'a str) -> Result<&'a str, BadPath> {
        let blob_path = path.strip_prefix(&self.folder).ok_or(BadPath::Outside)?;
        check(blob_path)?;
        Ok(blob_path)
    }

    /// Returns the file that an object of the container belongs to, from the root of the repository.
    pub fn file(&self, blob_path: &str) -> Result<String, BadPath> {
        check(blob_path)?;
        Ok(format!("{}{blob_path}", self.folder))
    }

    /// Returns the path of the copy of the manifest in the container.
    pub fn copy(&self) -> String {
        format!("{MANIFESTS}{}.json", self.layer)
    }
}

/// Checks the path of an object that holds a file.
pub fn check(blob_path: &str) -> Result<(), BadPath> {
    if blob_path.len() > LONGEST {
        return Err(BadPath::TooLong);
    }
    if blob_path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(BadPath::Part);
    }
    if blob_path.contains(|c: char| c.is_control() || c == '\\') {
        return Err(BadPath::Character);
    }
    if blob_path.starts_with(MANIFESTS) {
        return Err(BadPath::Reserved);
    }
    Ok(())
}
