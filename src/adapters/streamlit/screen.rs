//! What a page shows: the elements by their places, as a browser keeps them.

use std::collections::BTreeMap;

use super::element::Element;
use super::messages::{Delta, Exception, Metadata};

/// The deepest place that is kept; containers nest a few levels in real apps.
const MAX_DEPTH: usize = 64;
/// The most elements and containers of one page; a browser shows far fewer.
const MAX_PLACES: usize = 50_000;
/// The most bytes of text that are kept of one page, each with [`OVERHEAD`].
const MAX_TEXT: usize = 4 * 1024 * 1024;
/// What a text takes in memory besides its bytes: many tiny ones take a multiple of them.
const OVERHEAD: usize = 32;

/// A page that holds more than a browser could show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch;

/// What a page shows.
#[derive(Debug, Default)]
pub struct Screen {
    places: BTreeMap<Vec<u32>, Place>,
    arrived: u64,
    text: usize,
}

#[derive(Debug)]
struct Place {
    /// When it arrived, counted in deltas.
    order: u64,
    /// None for a container.
    element: Option<Element>,
    /// The label of a container.
    label: Vec<String>,
    fragment: bool,
}

/// An exception that a page shows.
#[derive(Debug, Clone, Copy)]
pub struct ShownException<'a> {
    /// What is shown of it.
    pub exception: &'a Exception,
    /// Whether nothing arrived after it: an exception that nobody caught ends the run.
    pub last: bool,
    /// Whether it stands in a fragment.
    pub in_fragment: bool,
}

impl Screen {
    /// Applies a delta as a browser does: an element or a container takes the place of what was
    /// there, with all that was inside.
    pub fn apply(&mut self, metadata: &Metadata, delta: &Delta) -> Result<(), TooMuch> {
        let path = &metadata.delta_path;
        if path.len() > MAX_DEPTH {
            return Err(TooMuch);
        }
        let (element, label) = match (&delta.new_element, &delta.add_block) {
            (Some(bytes), _) => match Element::read(bytes) {
                Some(element) => (Some(element), Vec::new()),
                None => return Ok(()),
            },
            (None, Some(bytes)) => (None, Element::label_of_block(bytes)),
            // Rows that are added to a table, and what is shown only while something runs.
            (None, None) => return Ok(()),
        };
        self.clear(path);
        self.arrived += 1;
        if element.as_ref().is_some_and(Element::is_empty) {
            return Ok(());
        }
        let place =
            Place { order: self.arrived, element, label, fragment: !delta.fragment_id.is_empty() };
        self.text += place.text_length();
        self.places.insert(path.clone(), place);
        if self.places.len() > MAX_PLACES || self.text > MAX_TEXT {
            return Err(TooMuch);
        }
        Ok(())
    }

    fn clear(&mut self, path: &[u32]) {
        let inside: Vec<Vec<u32>> = self
            .places
            .range(path.to_vec()..)
            .take_while(|(place, _)| place.starts_with(path))
            .map(|(place, _)| place.clone())
            .collect();
        for place in inside {
            if let Some(place) = self.places.remove(&place) {
                self.text = self.text.saturating_sub(place.text_length());
            }
        }
    }

    /// Returns the elements that people see, from top to bottom.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.places
            .values()
            .filter_map(|place| place.element.as_ref())
            .filter(|element| element.shows_something())
    }

    /// Whether people see nothing.
    pub fn is_blank(&self) -> bool {
        self.elements().next().is_none()
    }

    /// Returns the texts that people can read, one element or label after the other.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.places
            .values()
            .flat_map(|place| place.texts().iter().map(String::as_str))
            .filter(|text| !text.is_empty())
    }

    /// Returns the exceptions, in the order in which they arrived.
    pub fn exceptions(&self) -> Vec<ShownException<'_>> {
        let last = self.places.values().map(|place| place.order).max();
        let mut found: Vec<(u64, ShownException<'_>)> = self
            .places
            .values()
            .filter_map(|place| {
                let exception = place.element.as_ref()?.exception.as_ref()?;
                let last = Some(place.order) == last && place.order == self.arrived;
                Some((place.order, ShownException { exception, last, in_fragment: place.fragment }))
            })
            .collect();
        found.sort_by_key(|(order, _)| *order);
        found.into_iter().map(|(_, shown)| shown).collect()
    }

    /// Returns the id of the first button with this label.
    pub fn button(&self, label: &str) -> Option<&str> {
        self.elements().find_map(|element| {
            let id = element.button.as_deref()?;
            (element.text.first()?.trim() == label.trim()).then_some(id)
        })
    }
}

impl Place {
    fn texts(&self) -> &[String] {
        self.element.as_ref().map_or(&self.label, |element| &element.text)
    }

    fn text_length(&self) -> usize {
        let exception = self.element.as_ref().and_then(|element| element.exception.as_ref());
        let said = exception.into_iter().flat_map(|exception| {
            exception.stack_trace.iter().chain([&exception.r#type, &exception.message])
        });
        self.texts().iter().chain(said).map(|text| text.len() + OVERHEAD).sum()
    }
}

#[cfg(test)]
mod tests {
    use prost::encoding::{bytes, message, string};

    use super::*;

    fn element(number: u32, inner: &[u8]) -> Delta {
        let mut outer = Vec::new();
        bytes::encode(number, &inner.to_vec(), &mut outer);
        Delta { new_element: Some(outer.into()), ..Delta::default() }
    }

    fn text(text: &str) -> Delta {
        let mut inner = Vec::new();
        string::encode(1, &text.to_owned(), &mut inner);
        element(1, &inner)
    }

    fn exception(kind: &str) -> Delta {
        let exception = Exception { r#type: kind.to_owned(), ..Exception::default() };
        let mut outer = Vec::new();
        message::encode(8, &exception, &mut outer);
        Delta { new_element: Some(outer.into()), ..Delta::default() }
    }

    fn block() -> Delta {
        Delta { add_block: Some(Vec::new().into()), ..Delta::default() }
    }

    fn screen(deltas: &[(&[u32], Delta)]) -> Screen {
        let mut screen = Screen::default();
        for (path, delta) in deltas {
            let metadata = Metadata { delta_path: path.to_vec(), ..Metadata::default() };
            screen.apply(&metadata, delta).unwrap();
        }
        screen
    }

    #[test]
    fn a_place_shows_what_came_last() {
        let screen = screen(&[(&[0, 0], text("loading")), (&[0, 0], text("done"))]);
        assert_eq!(screen.texts().collect::<Vec<_>>(), ["done"]);
    }

    #[test]
    fn clearing_a_container_clears_what_is_inside() {
        let empty = element(2, &[]);
        let inside: &[(&[u32], Delta)] =
            &[(&[0, 0], block()), (&[0, 0, 0], text("a")), (&[0, 0], empty), (&[0, 1], block())];
        assert!(screen(inside).is_blank());
    }

    #[test]
    fn effects_and_placeholders_show_nothing() {
        assert!(screen(&[(&[0, 0], element(46, &[])), (&[0, 1], element(52, &[]))]).is_blank());
    }

    #[test]
    fn only_the_last_thing_of_a_run_can_have_ended_it() {
        let after = screen(&[(&[0, 0], exception("KeyError")), (&[0, 1], text("after"))]);
        assert!(!after.exceptions()[0].last);
        let last = screen(&[(&[0, 0], text("before")), (&[0, 1], exception("KeyError"))]);
        assert!(last.exceptions()[0].last);
        // What came after it was taken away again: the run went on.
        let cleared = screen(&[(&[0, 0], exception("KeyError")), (&[0, 1], element(2, &[]))]);
        assert!(!cleared.exceptions()[0].last);
    }

    #[test]
    fn tracebacks_count_as_text() {
        let exception =
            Exception { stack_trace: vec![String::new(); 300_000], ..Exception::default() };
        let mut outer = Vec::new();
        message::encode(8, &exception, &mut outer);
        let delta = Delta { new_element: Some(outer.into()), ..Delta::default() };
        let metadata = Metadata { delta_path: vec![0, 0], ..Metadata::default() };
        assert_eq!(Screen::default().apply(&metadata, &delta), Err(TooMuch));
    }

    #[test]
    fn places_without_end_are_too_much() {
        let mut screen = Screen::default();
        let deep = Metadata { delta_path: vec![0; MAX_DEPTH + 1], ..Metadata::default() };
        assert_eq!(screen.apply(&deep, &text("x")), Err(TooMuch));
        let flood = (0..=u32::try_from(MAX_PLACES).unwrap()).try_for_each(|n| {
            let metadata = Metadata { delta_path: vec![0, n], ..Metadata::default() };
            screen.apply(&metadata, &text("x"))
        });
        assert_eq!(flood, Err(TooMuch));
    }
}
