//! The few messages of Streamlit's protocol that a probe needs, as Protocol Buffers (proto3).
//!
//! The numbers are those of `streamlit/proto/*.proto`. They are the same in every version from 1.16
//! (December 2022) to 1.67 (November 2026); fields that only some versions have say so. Fields that
//! are not listed are skipped when a message is read.

use prost::bytes::Bytes;

/// From the server: `ForwardMsg.proto`. Exactly one of the fields from `new_session` on is set.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ForwardMsg {
    /// Names the message where a later one only refers to it.
    #[prost(string, tag = "1")]
    pub hash: String,
    #[prost(message, optional, tag = "2")]
    pub metadata: Option<Metadata>,
    #[prost(message, optional, tag = "4")]
    pub new_session: Option<NewSession>,
    #[prost(message, optional, tag = "5")]
    pub delta: Option<Delta>,
    #[prost(int32, optional, tag = "6")]
    pub script_finished: Option<i32>,
    #[prost(message, optional, tag = "10")]
    pub session_event: Option<SessionEvent>,
    /// In place of a message that was sent before: its `hash`.
    #[prost(string, optional, tag = "11")]
    pub ref_hash: Option<String>,
    #[prost(message, optional, tag = "15")]
    pub page_not_found: Option<PageNotFound>,
    /// Until 1.5x; the pages of the app have changed.
    #[prost(message, optional, tag = "16")]
    pub pages_changed: Option<PagesChanged>,
    /// Where `browser.gatherUsageStats` is on.
    #[prost(message, optional, tag = "18")]
    pub page_profile: Option<PageProfile>,
    /// Since 1.37: the page asks for a fragment to be run at times.
    #[prost(message, optional, tag = "21")]
    pub auto_rerun: Option<AutoRerun>,
    /// Since 1.36: the pages of `st.navigation`.
    #[prost(message, optional, tag = "23")]
    pub navigation: Option<Navigation>,
    /// Since 1.42: the page sends people to a login.
    #[prost(message, optional, tag = "24")]
    pub auth_redirect: Option<AuthRedirect>,
}

impl ForwardMsg {
    /// Whether the message says something that a probe follows.
    pub fn is_known(&self) -> bool {
        self.new_session.is_some()
            || self.delta.is_some()
            || self.script_finished.is_some()
            || self.session_event.is_some()
            || self.ref_hash.is_some()
            || self.page_not_found.is_some()
            || self.pages_changed.is_some()
            || self.page_profile.is_some()
            || self.auto_rerun.is_some()
            || self.navigation.is_some()
            || self.auth_redirect.is_some()
    }
}

/// What `ForwardMsg.script_finished` can say.
pub mod finished {
    /// The script did not compile.
    pub const COMPILE_ERROR: i32 = 1;
    /// It is run again at once (`st.rerun`, `st.switch_page`): not the end yet.
    pub const EARLY_FOR_RERUN: i32 = 2;
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Metadata {
    /// Whether a later message may refer to this one.
    #[prost(bool, tag = "1")]
    pub cacheable: bool,
    /// Where in the page the delta belongs: containers, outermost first, then the place in the last.
    #[prost(uint32, repeated, tag = "2")]
    pub delta_path: Vec<u32>,
    /// Since 1.6x: which run a `new_session` begins.
    #[prost(message, optional, tag = "6")]
    pub run: Option<RunIdentity>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct RunIdentity {
    #[prost(string, repeated, tag = "2")]
    pub fragment_ids: Vec<String>,
}

/// The begin of a run of the script.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NewSession {
    #[prost(message, optional, tag = "1")]
    pub initialize: Option<Initialize>,
    #[prost(string, tag = "4")]
    pub main_script_path: String,
    #[prost(message, optional, tag = "6")]
    pub config: Option<SessionConfig>,
    #[prost(message, repeated, tag = "8")]
    pub app_pages: Vec<AppPage>,
    #[prost(string, tag = "9")]
    pub page_script_hash: String,
    /// From 1.37 to 1.6x: the fragments that this run is limited to.
    #[prost(string, repeated, tag = "10")]
    pub fragment_ids_this_run: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Initialize {
    #[prost(message, optional, tag = "3")]
    pub environment_info: Option<EnvironmentInfo>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct EnvironmentInfo {
    #[prost(string, tag = "1")]
    pub streamlit_version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SessionConfig {
    #[prost(bool, tag = "2")]
    pub gather_usage_stats: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AppPage {
    #[prost(string, tag = "1")]
    pub page_script_hash: String,
    #[prost(string, tag = "2")]
    pub page_name: String,
    /// Since 1.36.
    #[prost(string, tag = "6")]
    pub url_pathname: String,
    /// Since 1.5x: a link to elsewhere.
    #[prost(string, optional, tag = "8")]
    pub external_url: Option<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct PagesChanged {
    #[prost(message, repeated, tag = "1")]
    pub app_pages: Vec<AppPage>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Navigation {
    #[prost(message, repeated, tag = "2")]
    pub app_pages: Vec<AppPage>,
    #[prost(string, tag = "4")]
    pub page_script_hash: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct PageNotFound {
    #[prost(string, tag = "1")]
    pub page_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AuthRedirect {}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AutoRerun {
    #[prost(string, tag = "2")]
    pub fragment_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct PageProfile {
    /// The type of the exception that ended the run; empty where none did.
    #[prost(string, tag = "6")]
    pub uncaught_exception: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct SessionEvent {
    #[prost(message, optional, tag = "3")]
    pub script_compilation_exception: Option<Exception>,
}

/// A change of the page. The elements stay bytes: each kind is a message of its own.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Delta {
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub new_element: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "6")]
    pub add_block: Option<Bytes>,
    /// Since 1.37: the fragment that it came from.
    #[prost(string, tag = "8")]
    pub fragment_id: String,
}

impl Delta {
    /// An element of which nothing is known but that it is there: a kind with a number that no
    /// version has, and nothing in it.
    pub fn unknown() -> Self {
        // Field 536,870,911, the highest there is (protobuf.dev, "Assigning Field Numbers").
        let element = Bytes::from_static(&[0xfa, 0xff, 0xff, 0xff, 0x0f, 0]);
        Self { new_element: Some(element), ..Self::default() }
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct Exception {
    #[prost(string, tag = "1")]
    pub r#type: String,
    #[prost(string, tag = "2")]
    pub message: String,
    /// One entry a frame, of one or more lines.
    #[prost(string, repeated, tag = "3")]
    pub stack_trace: Vec<String>,
    /// An instance of Python's `Warning`, shown as a yellow box.
    #[prost(bool, tag = "5")]
    pub is_warning: bool,
}

/// To the server: `BackMsg.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BackMsg {
    #[prost(message, optional, tag = "11")]
    pub rerun_script: Option<ClientState>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct ClientState {
    #[prost(message, optional, tag = "2")]
    pub widget_states: Option<WidgetStates>,
    #[prost(string, tag = "3")]
    pub page_script_hash: String,
    /// Since 1.37.
    #[prost(string, tag = "5")]
    pub fragment_id: String,
    /// Since 1.37.
    #[prost(bool, tag = "6")]
    pub is_auto_rerun: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct WidgetStates {
    #[prost(message, repeated, tag = "1")]
    pub widgets: Vec<WidgetState>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct WidgetState {
    #[prost(string, tag = "1")]
    pub id: String,
    /// A button that was pressed.
    #[prost(bool, optional, tag = "2")]
    pub trigger_value: Option<bool>,
}
