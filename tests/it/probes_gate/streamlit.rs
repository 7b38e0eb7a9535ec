//! The case that all of this is for: a dashboard whose health URL says `ok` and whose page is broken.

use super::*;
use crate::harness::streamlit_image::StreamlitImage;

const PROBE: &str = "smoke: [{ kind: streamlit, port: 8501, start_period: 120s }]\n";

const GOOD: &str = "import streamlit as st\n\nst.title(\"Prices\")\nst.write(\"12 rows\")\n";

const BROKEN: &str = "import streamlit as st\n\nrows = [{\"cost\": 1}]\nst.title(\"Prices\")\n\
                      st.write(rows[0][\"price\"])\n";

#[test]
fn a_broken_page_behind_a_green_health_url_is_not_promoted_and_the_mended_one_is() {
    let world = World::new(PROBE);
    let image = StreamlitImage::new(&world.registry, REPOSITORY);
    let commit = world.project.push("Rename the column", &[("app.py", BROKEN)]);
    let broken = image.app(BROKEN);
    let run = world.step(&commit, &broken).run().code(3);
    let summary = world.summary();
    assert!(summary.contains("KeyError: 'price'"), "{summary}");
    assert!(summary.contains("rows[0]") && summary.contains("line 5"), "the traceback: {summary}");
    assert!(run.stdout.contains("::error title=Probe failed::"), "{}", run.stdout);
    assert!(world.stable().is_none(), "nothing was promoted");
    world.project.assert_rolled_back_to(&world.project.good);
    world.nothing_left();

    world.project.pull();
    let commit = world.project.push(
        "Show the right column",
        &[
            ("app.py", GOOD),
            (
                CONFIG,
                &format!("version: 1\nimages: [{}]\n{PROBE}", world.registry.image(REPOSITORY)),
            ),
        ],
    );
    let run = world.gate(&image.app(GOOD)).run().code(0);
    assert_eq!(first_probe(&run)["found"], "passed", "{}", run.stdout);
    assert_eq!(world.project.branch("stable"), commit);
    world.nothing_left();
}
