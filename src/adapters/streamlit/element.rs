//! Elements of a page: `Element.proto`, whose `oneof type` tells the kind by its field number.

use prost::Message as _;
use prost::encoding::{WireType, decode_key, decode_varint};

use super::messages::Exception;

/// The most bytes of text that are kept of one element.
const MAX_TEXT: usize = 64 * 1024;

/// The most bytes of an exception with its traceback.
const MAX_EXCEPTION: usize = 1024 * 1024;

/// What one kind of element is called, and where its text is.
struct Kind {
    /// The field number in `Element`.
    number: u32,
    /// Its names in the protocol: the current one first, then what older versions call it.
    names: &'static [&'static str],
    /// The numbers of the fields of its own message that hold text for people.
    text: &'static [u32],
}

const fn kind(number: u32, names: &'static [&'static str], text: &'static [u32]) -> Kind {
    Kind { number, names, text }
}

/// The elements of all versions from 1.16 to 1.67; numbers were never used twice.
const KINDS: &[Kind] = &[
    kind(1, &["text"], &[1]),
    kind(2, &["empty"], &[]),
    kind(3, &["data_frame"], &[]),
    kind(5, &["progress"], &[2]),
    kind(6, &["imgs"], &[]),
    kind(7, &["help_info", "doc_string"], &[]),
    kind(8, &["exception"], &[]),
    kind(10, &["vega_lite_chart"], &[]),
    kind(11, &["table"], &[]),
    kind(12, &["balloons"], &[]),
    kind(13, &["audio"], &[]),
    kind(14, &["video"], &[]),
    kind(16, &["plotly_chart"], &[]),
    kind(17, &["bokeh_chart"], &[]),
    kind(18, &["graphviz_chart"], &[]),
    kind(19, &["button"], &[2]),
    kind(20, &["checkbox"], &[2]),
    kind(21, &["slider"], &[3]),
    kind(22, &["text_area"], &[2]),
    kind(23, &["radio"], &[2, 4]),
    kind(24, &["text_input"], &[2]),
    kind(25, &["selectbox"], &[2, 4]),
    kind(26, &["time_input"], &[2]),
    kind(27, &["date_input"], &[2]),
    kind(28, &["multiselect"], &[2, 4]),
    kind(29, &["markdown"], &[1]),
    kind(30, &["alert"], &[1, 5]),
    kind(31, &["json"], &[1]),
    kind(32, &["number_input"], &[2]),
    kind(33, &["file_uploader"], &[2]),
    kind(34, &["deck_gl_json_chart"], &[]),
    kind(35, &["color_picker"], &[2]),
    kind(36, &["favicon"], &[]),
    kind(37, &["component_instance"], &[]),
    kind(38, &["iframe"], &[]),
    kind(39, &["table", "arrow_table"], &[]),
    kind(40, &["dataframe", "arrow_data_frame"], &[]),
    kind(41, &["vega_lite_chart", "arrow_vega_lite_chart"], &[]),
    kind(42, &["metric"], &[1, 2, 3]),
    kind(43, &["download_button"], &[2]),
    kind(44, &["spinner"], &[1]),
    kind(45, &["camera_input"], &[2]),
    kind(46, &["snow"], &[]),
    kind(47, &["heading"], &[3]),
    kind(48, &["code"], &[1]),
    kind(49, &["chat_input"], &[2]),
    kind(50, &["toast"], &[1]),
    kind(51, &["link_button"], &[2]),
    kind(52, &["skeleton"], &[]),
    kind(53, &["page_link"], &[2]),
    kind(54, &["html"], &[1]),
    kind(55, &["button_group"], &[11]),
    kind(56, &["audio_input"], &[2]),
    kind(59, &["bidi_component"], &[]),
    kind(60, &["space"], &[]),
    kind(62, &["date_time_input"], &[2]),
    kind(63, &["feedback"], &[]),
    kind(64, &["menu_button"], &[2]),
    kind(66, &["pagination"], &[]),
    kind(67, &["echarts_chart"], &[]),
];

/// Fields of `Element` beside the `oneof`: height, width, alignment, and that it has an effect once.
const NOT_A_KIND: [u32; 4] = [57, 58, 61, 65];

const EMPTY: u32 = 2;
const EXCEPTION: u32 = 8;
const BUTTON: u32 = 19;
/// Elements that show nothing that lasts: no page consists of them alone. Placeholders, space,
/// effects, the icon of the tab, and what is shown while something is awaited.
const SHOWS_NOTHING: [u32; 8] = [EMPTY, 12, 36, 44, 46, 50, 52, 60];

/// Labels of containers: the number of the kind in `Block`, and of the text in it (`expandable`,
/// `tab`, `popover`, `dialog`).
const BLOCK_LABELS: [(u32, u32); 4] = [(4, 1), (7, 1), (10, 1), (11, 1)];

/// One element, as far as a probe reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    number: u32,
    /// The texts that it shows, in the order of its fields.
    pub text: Vec<String>,
    /// What `st.exception` shows.
    pub exception: Option<Exception>,
    /// The id of a button, to press it; its label is its text.
    pub button: Option<String>,
}

impl Element {
    /// Reads the bytes of an `Element`; none where it has no kind.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        // Of the fields of a `oneof`, the last one counts.
        let (number, inner) = Fields::of(bytes)
            .filter_map(|(number, bytes)| Some((number, bytes?)))
            .filter(|(number, _)| !NOT_A_KIND.contains(number))
            .last()?;
        let fields =
            KINDS.iter().find(|kind| kind.number == number).map_or(&[][..], |kind| kind.text);
        let exception = (number == EXCEPTION).then(|| read_exception(inner));
        let button = (number == BUTTON).then(|| texts(inner, &[1]).pop().unwrap_or_default());
        Some(Self { number, text: texts(inner, fields), exception, button })
    }

    /// Reads the label of a container (`Block`), as an element that shows nothing else.
    pub fn label_of_block(bytes: &[u8]) -> Vec<String> {
        Fields::of(bytes)
            .filter_map(|(number, inner)| {
                let (_, field) = BLOCK_LABELS.iter().find(|(kind, _)| *kind == number)?;
                texts(inner?, &[*field]).pop()
            })
            .collect()
    }

    /// Whether it clears its place.
    pub fn is_empty(&self) -> bool {
        self.number == EMPTY
    }

    /// Whether people see anything of it.
    pub fn shows_something(&self) -> bool {
        !SHOWS_NOTHING.contains(&self.number)
    }

    /// Returns what it is called: the name in the protocol, or its number where the version of
    /// Streamlit is newer than the names.
    pub fn name(&self) -> String {
        names(self.number)
            .first()
            .map_or_else(|| format!("element {}", self.number), |name| (*name).to_owned())
    }

    /// Whether `name` names its kind.
    pub fn is_called(&self, name: &str) -> bool {
        names(self.number).contains(&name)
    }
}

/// Reads an exception of a sane size: repeated empty texts take a multiple of their bytes in memory.
fn read_exception(bytes: &[u8]) -> Exception {
    let read = if bytes.len() <= MAX_EXCEPTION { Exception::decode(bytes).ok() } else { None };
    read.unwrap_or_else(|| Exception {
        r#type: "an exception".to_owned(),
        message: format!("its {} bytes cannot be read", bytes.len()),
        ..Exception::default()
    })
}

/// Whether any version of Streamlit calls an element so.
pub fn is_known(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.names.contains(&name))
}

fn names(number: u32) -> &'static [&'static str] {
    KINDS.iter().find(|kind| kind.number == number).map_or(&[], |kind| kind.names)
}

/// The texts of the fields `numbers`, bounded.
fn texts(message: &[u8], numbers: &[u32]) -> Vec<String> {
    let mut left = MAX_TEXT;
    let mut texts = Vec::new();
    for (number, bytes) in Fields::of(message) {
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty() && numbers.contains(&number))
        else {
            continue;
        };
        let kept = bytes.get(..left).unwrap_or(bytes);
        left -= kept.len();
        texts.push(String::from_utf8_lossy(kept).into_owned());
        if left == 0 {
            break;
        }
    }
    texts
}

/// The fields of a message on the wire, with the bytes of those that have a length; it ends at the
/// first byte that is no field.
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Walks the fields of `message`.
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let (number, wire) = decode_key(&mut self.0).ok()?;
        let fixed = match wire {
            WireType::Varint => {
                decode_varint(&mut self.0).ok()?;
                return Some((number, None));
            }
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut self.0).ok()?).ok()?;
                let (inner, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                return Some((number, Some(inner)));
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            // proto3 has no groups.
            WireType::StartGroup | WireType::EndGroup => return None,
        };
        self.0 = self.0.get(fixed..)?;
        Some((number, None))
    }
}

#[cfg(test)]
mod tests {
    use prost::encoding::{bytes, string, uint64};

    use super::*;

    fn element(number: u32, fields: &[(u32, &str)]) -> Vec<u8> {
        let mut inner = Vec::new();
        for (number, text) in fields {
            string::encode(*number, &(*text).to_owned(), &mut inner);
        }
        let mut outer = Vec::new();
        bytes::encode(number, &inner, &mut outer);
        outer
    }

    #[test]
    fn texts_are_read_and_ids_are_not() {
        let metric =
            Element::read(&element(42, &[(1, "Sales"), (2, "12"), (3, "-1"), (6, "help")]));
        assert_eq!(metric.unwrap().text, ["Sales", "12", "-1"]);
        let button = Element::read(&element(19, &[(1, "$$ID"), (2, "Refresh")])).unwrap();
        assert_eq!(
            (button.button.as_deref(), button.text.as_slice()),
            (Some("$$ID"), &["Refresh".to_owned()][..])
        );
    }

    #[test]
    fn a_kind_has_the_names_of_all_versions() {
        let table = Element::read(&element(40, &[])).unwrap();
        assert!(table.is_called("dataframe") && table.is_called("arrow_data_frame"));
        assert!(!table.is_called("table"));
        assert!(is_known("arrow_table") && !is_known("tabel"));
    }

    #[test]
    fn an_element_of_a_newer_version_is_seen_by_its_number() {
        let unknown = Element::read(&element(900, &[(1, "x")])).unwrap();
        assert_eq!((unknown.name(), unknown.shows_something()), ("element 900".to_owned(), true));
    }

    #[test]
    fn the_width_is_no_kind_and_the_last_kind_counts() {
        let mut both = element(1, &[(1, "a")]);
        both.extend(element(29, &[(1, "b")]));
        both.extend(element(58, &[]));
        assert_eq!(Element::read(&both).unwrap().name(), "markdown");
        assert_eq!(Element::read(&element(57, &[])), None);
    }

    #[test]
    fn garbage_is_no_element_and_never_panics() {
        for bytes in
            [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"\x0a\x7fshort", b"\x0b", b""]
        {
            assert_eq!(Element::read(bytes), None, "{bytes:?}");
        }
        let mut fixed = Vec::new();
        uint64::encode(1, &7, &mut fixed);
        assert_eq!(Element::read(&fixed), None);
    }

    #[test]
    fn a_huge_text_is_cut() {
        let text = "ä".repeat(MAX_TEXT);
        let read = Element::read(&element(1, &[(1, &text)])).unwrap();
        assert!(read.text[0].len() <= MAX_TEXT + 3);
    }
}
