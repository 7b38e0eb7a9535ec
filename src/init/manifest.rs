//! Just enough of the manifests of build tools to see what they speak of. They are read line by
//! line: what is odd is not seen, and a person reviews the result.

/// Returns the lines of a section of a TOML or INI file, without those of its subsections.
pub(super) fn section<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    text.lines().map(str::trim).filter(move |line| {
        if line.starts_with('[') {
            inside = line.trim_matches(['[', ']']).trim() == name;
            return false;
        }
        inside && !line.is_empty() && !line.starts_with('#')
    })
}

/// Tells whether a TOML or INI file has a section, or one below it.
pub(super) fn has_section(text: &str, name: &str) -> bool {
    text.lines().map(str::trim).filter(|line| line.starts_with('[')).any(|line| {
        let own = line.trim_matches(['[', ']']).trim();
        own.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Tells whether a section has a key.
pub(super) fn has_key(text: &str, name: &str, key: &str) -> bool {
    section(text, name).any(|line| {
        line.split_once('=').is_some_and(|(own, _)| own.trim().trim_matches('"') == key)
    })
}

/// Tells whether a text names a package, as a whole word.
pub(super) fn names(text: &str, package: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .flat_map(|line| line.split(move |c: char| !part(c)))
        .any(|word| word.eq_ignore_ascii_case(package))
}

/// Tells whether a Makefile or justfile has a target that anybody can call without arguments.
pub(super) fn has_target(text: &str, target: &str) -> bool {
    text.lines().any(|line| {
        line.strip_prefix(target).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.starts_with(':') && !rest.starts_with(":=")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_manifests_speak_of_is_seen() {
        let toml = "[project]\nname = \"x\"\n[project.optional-dependencies]\n# no\ndev = []\n\
                    [tool.ruff.lint]\nselect = []\n";
        assert!(has_section(toml, "tool.ruff") && !has_section(toml, "tool.ru"));
        assert!(has_key(toml, "project.optional-dependencies", "dev"));
        assert!(!has_key(toml, "project", "dev") && !has_key(toml, "tool.ruff", "select"));
        assert!(names("pytest>=8 # ruff", "pytest") && !names("pytest>=8 # ruff", "ruff"));
        assert!(!names("pytest-cov", "pytest"));
        assert!(has_target("test: lint\n\tpytest\n", "test"));
        assert!(!has_target("test := a\ntests:\n", "test"));
    }
}
