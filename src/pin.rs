//! The commits that generated workflows pin, for actions are code ("Security hardening for GitHub
//! Actions": only a full commit id is immutable).

/// The repository of this project's action.
pub const ACTION: &str = "tidegate/tidegate";

/// The commit of [`ACTION`] that the workflows in `docs/examples` pin.
const EXAMPLES: &str = "179e295e7c1f043766594af3dd64c327cb46b2ac";

/// The commit of [`ACTION`] that generated workflows pin: that of the release this program was
/// built for, which the release build sets, else that of the examples.
pub const COMMIT: &str = match option_env!("TIDEGATE_COMMIT") {
    Some(commit) => commit,
    None => EXAMPLES,
};

/// What stands in the comment behind the pin.
pub const VERSION: &str = match option_env!("TIDEGATE_COMMIT") {
    Some(_) => concat!("v", env!("CARGO_PKG_VERSION")),
    None => "main, until releases exist",
};

/// An action of somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pinned {
    /// Its name, `owner/name`.
    pub name: &'static str,
    /// The full id of the commit.
    pub commit: &'static str,
    /// The version that the commit has, for the comment behind the pin.
    pub version: &'static str,
}

/// `actions/checkout`.
pub const CHECKOUT: Pinned = Pinned {
    name: "actions/checkout",
    commit: "08c6903cd8c0fde910a37f88322edcfb5dd907a8",
    version: "v5.0.0",
};

/// `actions/upload-artifact`.
pub const UPLOAD_ARTIFACT: Pinned = Pinned {
    name: "actions/upload-artifact",
    commit: "ea165f8d65b6e75b540449e92b4886f43607fa02",
    version: "v4.6.2",
};

/// `actions/download-artifact`.
pub const DOWNLOAD_ARTIFACT: Pinned = Pinned {
    name: "actions/download-artifact",
    commit: "634f93cb2916e3fdff6788551b99b062d0335ce0",
    version: "v5.0.0",
};

/// `actions/setup-python`, in generated workflows only.
pub const SETUP_PYTHON: Pinned = Pinned {
    name: "actions/setup-python",
    commit: "ece7cb06caefa5fff74198d8649806c4678c61a1",
    version: "v6.3.0",
};

/// `actions/setup-node`, in generated workflows only.
pub const SETUP_NODE: Pinned = Pinned {
    name: "actions/setup-node",
    commit: "249970729cb0ef3589644e2896645e5dc5ba9c38",
    version: "v6.5.0",
};

/// `docker/login-action`.
pub const LOGIN: Pinned = Pinned {
    name: "docker/login-action",
    commit: "5e57cd118135c172c3672efd75eb46360885c0ef",
    version: "v3.6.0",
};

impl std::fmt::Display for Pinned {
    /// Writes what stands behind `uses:`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{} # {}", self.name, self.commit, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::{ACTION, CHECKOUT, DOWNLOAD_ARTIFACT, EXAMPLES, LOGIN, UPLOAD_ARTIFACT};

    const GATE: &str = include_str!("../docs/examples/release-gate.yml");
    const DATA: &str = include_str!("../docs/examples/release-gate-data.yml");
    const RETRY: &str = include_str!("../docs/examples/tidegate-retry.yml");

    /// Every `uses:` of the examples is one of the pins, and every pin is used.
    #[test]
    fn the_examples_have_these_pins() {
        let own = format!("{ACTION}@{EXAMPLES}");
        let pins = [CHECKOUT, UPLOAD_ARTIFACT, DOWNLOAD_ARTIFACT, LOGIN].map(|pin| pin.to_string());
        let used: Vec<&str> = [GATE, DATA, RETRY]
            .iter()
            .flat_map(|text| text.lines())
            .filter_map(|line| line.split_once("uses: ").map(|(_, uses)| uses))
            .collect();
        for uses in &used {
            let known = pins.iter().any(|pin| pin == uses) || uses.starts_with(&own);
            assert!(known, "{uses} is not in src/pin.rs");
        }
        for pin in pins.iter().chain([&own]) {
            assert!(used.iter().any(|uses| uses.starts_with(pin.as_str())), "{pin}");
        }
    }
}
