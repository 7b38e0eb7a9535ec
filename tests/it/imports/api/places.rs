//! Which row of an answer a fault speaks of.

use serde_json::json;

use super::{api, config, desks, json as imported, on, sale};

#[test]
fn another_row_is_named_by_its_page_and_pointer() {
    for desk in desks() {
        config(&desk, "{ rows: /items, pages: { by: cursor } }");
        let server = api();
        let page = |rows: [u32; 2], next: Option<&str>| {
            let rows = rows.map(|user| sale("2026-02-01", user));
            json!({ "items": rows, "next_cursor": next }).to_string()
        };
        server.add(on("cursor=b").answer(200, &[], &page([2, 1], None)));
        server.add(on("/sales").answer(200, &[], &page([1, 1], Some("b"))));
        for args in [&["--plan"][..], &["--accept-good-rows"]] {
            let done = imported(&desk, &server, args, if args == ["--plan"] { 14 } else { 0 });
            let same = "expected no other row with the same values: see page 1, /items/0";
            let said: Vec<_> = done["bad_rows"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| (row["place"]["answer"].clone(), row["faults"][0]["rule"].clone()))
                .collect();
            assert_eq!(
                said,
                [
                    (json!({"page": 1, "pointer": "/items/1"}), json!(same)),
                    (json!({"page": 2, "pointer": "/items/1"}), json!(same)),
                ]
            );
            if let Some(rejects) = done["rejects"].as_str() {
                let text = desk.read(rejects);
                assert_eq!(text.matches("see page 1, /items/0").count(), 2, "{text}");
            }
        }
    }
}
