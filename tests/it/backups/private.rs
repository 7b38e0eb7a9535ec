//! Whoever cannot read a database cannot read its backups.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Kind, Place};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_backup_is_read_by_nobody_who_cannot_read_the_database() {
    for kind in Kind::EACH {
        for (database, copy, folder) in
            [(0o600, 0o600, 0o700), (0o640, 0o640, 0o750), (0o666, 0o644, 0o755)]
        {
            let place = Place::new(kind);
            place.fill(3);
            permit(&place.path(), database);
            let name = place.back_up();
            let described = place.backups().join(format!("{name}.json"));
            assert_eq!(mode(&place.backups()), folder, "{kind:?} {database:o}");
            assert_eq!(mode(&place.backups().join(&name)), copy, "{kind:?} {database:o}");
            assert_eq!(mode(&described), copy, "{kind:?} {database:o}");
            // What replaces it is as private as it is.
            place.run(&["backup", "--restore", "latest", "-y"]).success();
            assert_eq!(mode(&place.path()), database);
            // And where it is gone, as it was.
            fs::remove_file(place.path()).unwrap();
            place.run(&["backup", "--restore", "latest", "-y"]).success();
            assert_eq!((mode(&place.path()), place.rows()), (database, 3), "{kind:?}");
        }
    }
}

#[test]
fn where_nobody_knows_who_could_read_it_only_its_owner_can() {
    let place = Place::new(Kind::Sqlite);
    place.fill(3);
    let name = place.back_up();
    let file = place.backups().join(format!("{name}.json"));
    let written: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    // By a program before this one; by somebody who wants more; and garbage.
    for said in [None, Some("4777"), Some("0888"), Some("")] {
        let mut described = written.clone();
        let fields = described.as_object_mut().unwrap();
        fields.remove("permissions");
        if let Some(said) = said {
            fields.insert("permissions".to_owned(), said.into());
        }
        fs::write(&file, described.to_string()).unwrap();
        fs::remove_file(place.path()).unwrap();
        place.run(&["backup", "--restore", "latest", "-y"]).success();
        assert_eq!(mode(&place.path()), 0o600, "{said:?}");
    }
}
