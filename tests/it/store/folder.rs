//! What only a folder has.

use super::*;

fn opened(folder: &TempDir) -> Container {
    let url = format!("file://{}", folder.path().display());
    stores::open(&url, Vec::new()).container("bronze").unwrap()
}

#[test]
fn opening_makes_nothing_and_the_first_write_makes_the_container() {
    let folder = TempDir::new().unwrap();
    let container = opened(&folder);
    assert_eq!(read(&container, "x"), None);
    assert!(paths(&container, "").is_empty());
    assert!(!folder.path().join("bronze").exists());
    write(&container, "a/x", "1", Expect::Missing);
    assert_eq!(std::fs::read(folder.path().join("bronze/a/x")).unwrap(), b"1");
}

#[cfg(unix)]
#[test]
fn no_link_leads_out_of_the_store() {
    use std::os::unix::fs::symlink;
    let (folder, outside) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let container = opened(&folder);
    write(&container, "x", "1", Expect::Missing);
    let root = folder.path().join("bronze");
    symlink(outside.path(), root.join("dir")).unwrap();
    symlink(outside.path().join("secret"), root.join("link")).unwrap();
    symlink(&root, root.join("loop")).unwrap();
    for path in ["dir/secret", "link", "loop/x"] {
        let refused =
            |error: StoreError| assert!(matches!(error, StoreError::Link { .. }), "{error}");
        refused(run(container.read(path, 99)).unwrap_err());
        refused(run(container.head(path)).unwrap_err());
        refused(run(container.write(path, Bytes::new(), Expect::Anything)).unwrap_err());
        refused(run(container.delete(path)).unwrap_err());
        refused(run(container.copy(path, "y")).unwrap_err());
    }
    assert_eq!(paths(&container, ""), ["x"]);
    assert_eq!(std::fs::read(outside.path().join("secret")).unwrap(), b"secret");
}

#[test]
fn the_files_of_unfinished_writes_and_the_lock_are_no_objects() {
    let folder = TempDir::new().unwrap();
    let container = opened(&folder);
    write(&container, "x", "1", Expect::Missing);
    std::fs::write(folder.path().join("bronze/.tidegate-abc.part"), "half").unwrap();
    assert_eq!(paths(&container, ""), ["x"]);
    for path in [".tidegate-lock", ".tidegate-abc.part"] {
        let error = run(container.read(path, 99)).unwrap_err();
        assert!(matches!(error, StoreError::Path { .. }), "{error}");
    }
}

#[test]
fn an_upload_that_fails_keeps_the_old_object_and_leaves_no_part() {
    let folder = TempDir::new().unwrap();
    let container = opened(&folder);
    write(&container, "x", "old", Expect::Missing);
    let missing = folder.path().join("none");
    assert!(upload(&container, "x", &missing).is_err());
    assert_eq!(read(&container, "x").unwrap(), b"old");
    let root = folder.path().join("bronze");
    let left: Vec<_> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}
