//! One request as the fake's rules see it, and its answer.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::world::World;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Who {
    Nobody,
    /// A token of the world.
    Token(super::world::Token),
    /// The App itself, by its signed token.
    App,
}

/// A request whose token is known.
pub struct Call {
    pub method: String,
    /// The path below the base, in parts and decoded.
    pub parts: Vec<String>,
    pub query: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub who: Who,
    /// The API's address as the client sees it, without a slash at the end.
    pub api: String,
    /// The path below the base, as it came.
    pub path: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Option<Value>,
    /// What the test should hear of: something that GitHub does not have.
    pub defect: Option<String>,
}

pub type Answered = Result<Reply, Reply>;

impl Reply {
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Some(body), defect: None }
    }

    pub fn ok(body: Value) -> Answered {
        Ok(Self::json(200, body))
    }

    /// An error document.
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(
            status,
            json!({
                "message": message,
                "documentation_url": "https://docs.github.com/rest",
                "status": status.to_string(),
            }),
        )
    }

    pub fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    /// 422 with one error.
    pub fn invalid(error: Value) -> Self {
        let mut reply = Self::error(422, "Validation Failed");
        if let Some(body) = &mut reply.body {
            body["errors"] = json!([error]);
        }
        reply
    }

    pub fn defect(mut self, text: String) -> Self {
        self.defect = Some(text);
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What a field of a body must be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Text,
    /// A text or `null`.
    TextOrNull,
    Flag,
    /// A list of texts.
    Texts,
    /// A list of numbers.
    Numbers,
    Object,
    /// One of these.
    OneOf(&'static [&'static str]),
}

impl Kind {
    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::TextOrNull => value.is_string() || value.is_null(),
            Self::Flag => value.is_boolean(),
            Self::Texts => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
            Self::Numbers => value.as_array().is_some_and(|list| list.iter().all(Value::is_u64)),
            Self::Object => value.is_object(),
            Self::OneOf(known) => value.as_str().is_some_and(|text| known.contains(&text)),
        }
    }
}

/// The fields of a body: name, kind, and whether it must be there.
pub type Fields = &'static [(&'static str, Kind, bool)];

impl Call {
    /// Demands a permission, for example `issues: write`.
    pub fn needs(&self, world: &World, permission: &str, level: &str) -> Result<(), Reply> {
        match &self.who {
            Who::Nobody if level == "write" => Err(Reply::error(401, "Requires authentication")),
            Who::Nobody if world.private => Err(Reply::not_found()),
            Who::Nobody => Ok(()),
            Who::App => {
                Err(Reply::error(403, "This endpoint must not be used with the App's own token"))
            }
            Who::Token(token) => {
                let has = token.permissions.get(permission).map(String::as_str);
                let enough = has == Some("write") || (has == Some("read") && level == "read");
                if enough {
                    return Ok(());
                }
                Err(Reply::error(403, "Resource not accessible by integration")
                    .header("x-accepted-github-permissions", &format!("{permission}={level}")))
            }
        }
    }

    /// Who has made what this call makes.
    pub fn login(&self) -> String {
        match &self.who {
            Who::Token(token) => token.login.clone(),
            Who::App | Who::Nobody => "ghost".to_owned(),
        }
    }

    /// The query, which may hold these parameters and no others.
    pub fn query(&self, known: &[&str]) -> Result<BTreeMap<String, String>, Reply> {
        let mut parameters = BTreeMap::new();
        for (name, value) in &self.query {
            if !known.contains(&name.as_str()) {
                let text = format!("{} {}: no parameter `{name}`", self.method, self.path);
                return Err(Reply::error(422, &text).defect(text));
            }
            if parameters.insert(name.clone(), value.clone()).is_some() {
                let text = format!("{} {}: `{name}` twice", self.method, self.path);
                return Err(Reply::error(422, &text).defect(text));
            }
        }
        Ok(parameters)
    }

    /// The body, an object with these fields and no others.
    pub fn body(&self, fields: Fields) -> Result<Map<String, Value>, Reply> {
        let body = if self.body.is_empty() {
            Value::Object(Map::new())
        } else {
            serde_json::from_slice(&self.body)
                .map_err(|_| Reply::error(400, "Problems parsing JSON"))?
        };
        let Value::Object(body) = body else {
            return Err(Reply::error(400, "Body should be a JSON object"));
        };
        for (name, kind, required) in fields {
            let Some(value) = body.get(*name) else {
                if *required {
                    let text = format!("Invalid request.\n\n\"{name}\" wasn't supplied.");
                    return Err(Reply::error(422, &text));
                }
                continue;
            };
            if !kind.holds(value) {
                let text = format!("Invalid request.\n\nFor '{name}', {value} is not {kind:?}.");
                return Err(Reply::error(422, &text));
            }
        }
        for name in body.keys() {
            if !fields.iter().any(|(known, ..)| known == name) {
                let text = format!("{} {}: no field `{name}`", self.method, self.path);
                return Err(Reply::error(422, &text).defect(text));
            }
        }
        Ok(body)
    }

    /// One page of a list, its `Link` header, and the number of all; the query is already checked.
    pub fn page<T>(
        &self,
        parameters: &BTreeMap<String, String>,
        all: Vec<T>,
    ) -> Result<Page<T>, Reply> {
        let number = |name: &str, usual: usize| match parameters.get(name) {
            None => Ok(usual),
            Some(text) => text.parse::<usize>().ok().filter(|n| *n > 0).ok_or_else(|| {
                let text = format!("{} {}: {name}={text}", self.method, self.path);
                Reply::error(422, &text).defect(text)
            }),
        };
        let size = number("per_page", 30)?.min(100);
        let page = number("page", 1)?;
        let total = all.len();
        let last = total.div_ceil(size).max(1);
        let mut links = Vec::new();
        let mut link = |to: usize, relation: &str| {
            links.push(format!("<{}>; rel=\"{relation}\"", self.address_of_page(to)));
        };
        if page > 1 {
            link(page - 1, "prev");
        }
        if page < last {
            link(page + 1, "next");
            link(last, "last");
        }
        if page > 1 {
            link(1, "first");
        }
        let items = all.into_iter().skip((page - 1) * size).take(size).collect();
        Ok(Page { items, total, link: (!links.is_empty()).then(|| links.join(", ")) })
    }

    fn address_of_page(&self, page: usize) -> String {
        let address = format!("{}{}", self.api, self.path);
        let mut address: url::Url = address.parse().expect("an address");
        let mut pairs: Vec<_> = self.query.iter().filter(|(name, _)| name != "page").collect();
        let page = ("page".to_owned(), page.to_string());
        pairs.push(&page);
        address.query_pairs_mut().extend_pairs(pairs);
        address.into()
    }
}

/// One page of a list.
pub struct Page<T> {
    pub items: Vec<T>,
    pub total: usize,
    pub link: Option<String>,
}

impl<T> Page<T> {
    pub fn reply(self, body: Value) -> Answered {
        let reply = Reply::json(200, body);
        Ok(match &self.link {
            Some(link) => reply.header("Link", link),
            None => reply,
        })
    }
}
