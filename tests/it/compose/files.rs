//! The files of the repository that a compose file may name, and those that it may not.

use std::os::unix::fs::symlink;

use super::*;

/// What is wrong with a compose file in a repository that `make` has filled.
fn error(make: impl Fn(&Path), service: &str) -> String {
    let root = tempfile::tempdir().unwrap();
    make(root.path());
    let text = format!("services:\n  app:\n    image: a\n    {service}\n");
    std::fs::write(root.path().join("compose.yml"), text).unwrap();
    let error = read(root.path(), &BTreeMap::new(), &[]).unwrap_err();
    error.to_string()
}

#[test]
fn nothing_outside_of_the_repository_is_read_or_mounted() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret.env"), "KEY=hunter2\n").unwrap();
    let linked = |root: &Path| {
        symlink(outside.path(), root.join("link")).unwrap();
        symlink(outside.path().join("secret.env"), root.join("secret.env")).unwrap();
        std::fs::create_dir_all(root.join("sub/.git")).unwrap();
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::write(root.join(".git/config"), "[http]\nextraheader = x\n").unwrap();
        std::fs::write(root.join("latin.env"), b"A=\xe9\n").unwrap();
        std::fs::write(root.join("large.env"), "#".repeat((1 << 20) + 1)).unwrap();
        pipe(&root.join("pipe"));
    };
    for (service, expected) in [
        (
            "env_file: secret.env",
            "secret.env: cannot be read: leads through a symbolic link, which is not followed",
        ),
        (
            "env_file: link/secret.env",
            "link/secret.env: cannot be read: leads through a symbolic link, which is not followed",
        ),
        (
            "env_file: .git/config",
            ".git/config: cannot be read: is git's own folder, which holds credentials",
        ),
        ("env_file: latin.env", "latin.env: cannot be read: is not a text file in UTF-8"),
        ("env_file: large.env", "large.env: cannot be read: is larger than 1048576 bytes"),
        ("env_file: pipe", "pipe: cannot be read: is not a file"),
        (
            "volumes: [ './link:/x' ]",
            "compose.yml:4: services.app.volumes[0]: \"link\" cannot be mounted: leads through a \
             symbolic link, which is not followed",
        ),
        (
            "volumes: [ './pipe:/x' ]",
            "compose.yml:4: services.app.volumes[0]: \"pipe\" cannot be mounted: is neither a file \
             nor a folder",
        ),
        (
            "volumes: [ '.:/x' ]",
            "compose.yml:4: services.app.volumes[0]: \"\" cannot be mounted: holds git's own folder, \
             and with it credentials",
        ),
        (
            "volumes: [ './sub:/x' ]",
            "compose.yml:4: services.app.volumes[0]: \"sub\" cannot be mounted: holds git's own \
             folder, and with it credentials",
        ),
        (
            "volumes: [ './none:/x' ]",
            "compose.yml:4: services.app.volumes[0]: there is no \"none\" in the repository",
        ),
    ] {
        assert_eq!(error(linked, service), expected);
    }
}

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo failed");
}

#[test]
fn the_file_itself_and_its_variables_are_looked_for_in_the_repository() {
    let root = tempfile::tempdir().unwrap();
    let none = BTreeMap::new();
    let missing = read(root.path(), &none, &[]).unwrap_err();
    assert_eq!(missing.to_string(), "compose.yml: there is no such file in the repository");
    assert!(missing.hint.is_some());

    std::fs::write(root.path().join("compose.yml"), "services: { app: { image: 'a:$TAG' } }")
        .unwrap();
    std::fs::write(root.path().join(".env"), "TAG=3\n").unwrap();
    let (stack, _) = read(root.path(), &none, &[]).unwrap();
    let given = tidegate::stack::ServiceImage::Given("a:3".to_owned());
    assert_eq!(stack.services["app"].image, given);

    std::fs::write(root.path().join(".env"), "TAG=3\n\n!\n").unwrap();
    let error = read(root.path(), &none, &[]).unwrap_err();
    assert_eq!(error.to_string(), ".env:3: \"!\" is no name of a variable, expected NAME=value");
}
