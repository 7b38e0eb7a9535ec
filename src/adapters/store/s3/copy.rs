//! Copies on the server's side of objects that one request cannot copy: S3 takes at most 5 GB in one,
//! and answers no sooner than it is done.
//!
//! A part of the source at a time becomes a part of the target (`UploadPartCopy`,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>). Each part has to come
//! from the version of the source that was seen at the beginning.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use http::{Method, request};
use object_store::aws::AwsAuthorizer;
use object_store::client::{HttpRequest, HttpRequestBody};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, GetOptions, ObjectMeta, ObjectStore as _, ObjectStoreExt as _,
};

use super::S3Bucket;
use crate::adapters::store::crypto::Crypto;
use crate::adapters::store::failure::{Failure, element};
use crate::adapters::store::remote::is_missing;
use crate::adapters::store::service::Service;

/// The most parts of one object.
const MOST_PARTS: u64 = 9_000;
/// How many parts are copied together.
const IN_FLIGHT: usize = 4;

/// From where to where.
struct Copy<'a> {
    bucket: &'a S3Bucket,
    service: &'a Service,
    source: String,
    etag: String,
    size: u64,
    target: &'a Path,
}

impl S3Bucket {
    /// Copies an object within the bucket, in parts where it is large. The target appears whole or not
    /// at all.
    pub(in crate::adapters::store) async fn copy(
        &self,
        service: &Service,
        from: &Path,
        to: &Path,
    ) -> Result<(), object_store::Error> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = self.objects.get_opts(from, options).await?;
        if found.meta.size <= self.copies.whole {
            return self.objects.copy(from, to).await;
        }
        let before = self.looked_at(to).await?;
        let copy = Copy {
            bucket: self,
            service,
            source: format!("{}/{}", encoded(&self.name), encoded(from.as_ref())),
            etag: found.meta.e_tag.unwrap_or_default(),
            size: found.meta.size,
            target: to,
        };
        let Err(failure) = copy.in_parts(&found.attributes).await else { return Ok(()) };
        // The answer to an earlier attempt was lost: then the copy may be complete and forgotten.
        if matches!(failure, Failure::Answer { status: 404, repeated: true, .. })
            && let Some(now) = self.looked_at(to).await?
            && now.size == copy.size
            // The same bytes in the same parts have the same ETag, and a later time.
            && before.is_none_or(|before| {
                before.e_tag != now.e_tag || before.last_modified < now.last_modified
            })
        {
            return Ok(());
        }
        Err(failed(failure))
    }

    async fn looked_at(&self, path: &Path) -> Result<Option<ObjectMeta>, object_store::Error> {
        match self.objects.get_opts(path, GetOptions { head: true, ..GetOptions::default() }).await
        {
            Ok(found) => Ok(Some(found.meta)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a request that the library does not know, and signs it.
    pub(super) async fn signed(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&'static str, &str)],
        body: &Bytes,
    ) -> Result<request::Parts, object_store::Error> {
        let mut builder = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder
            .header("content-length", body.len())
            .body(HttpRequestBody::from(body.clone()))
            .map_err(|error| failed(Failure::Unreadable(error.to_string())));
        let mut request: HttpRequest = request?;
        let credential = self.objects.credentials().get_credential().await?;
        AwsAuthorizer::new(&credential, "s3", &self.region)
            .with_crypto(&Crypto)
            .try_authorize(&mut request, None)?;
        Ok(request.into_parts().0)
    }
}

impl Copy<'_> {
    async fn in_parts(&self, attributes: &Attributes) -> Result<(), Failure> {
        let kind = attributes.get(&Attribute::ContentType).map(|kind| kind.as_ref().to_owned());
        let headers: Vec<_> = kind.iter().map(|kind| ("content-type", kind.as_str())).collect();
        let answer = self.send(Method::POST, "uploads=", &headers, String::new()).await?;
        let upload = told(&answer, "UploadId")?;
        let upload = format!("uploadId={}", encoded(&upload));
        let copied = self.parts(&upload).await;
        let error = match copied {
            Ok(parts) => match self.send(Method::POST, &upload, &[], completion(&parts)).await {
                Ok(_) => return Ok(()),
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        // What cannot be taken back now, the store removes by its own rules.
        let _ = self.send(Method::DELETE, &upload, &[], String::new()).await;
        Err(error)
    }

    /// Copies all parts, some at a time; returns their versions in their order.
    async fn parts(&self, upload: &str) -> Result<Vec<String>, Failure> {
        let part = self.bucket.copies.part.max(self.size.div_ceil(MOST_PARTS)).max(1);
        stream::iter(0..self.size.div_ceil(part))
            .map(|number| async move {
                let first = number * part;
                let last = (first + part).min(self.size) - 1;
                let range = format!("bytes={first}-{last}");
                let headers = [
                    ("x-amz-copy-source", self.source.as_str()),
                    ("x-amz-copy-source-if-match", self.etag.as_str()),
                    ("x-amz-copy-source-range", range.as_str()),
                ];
                let query = format!("partNumber={}&{upload}", number + 1);
                let answer = self.send(Method::PUT, &query, &headers, String::new()).await?;
                told(&answer, "ETag")
            })
            .buffered(IN_FLIGHT)
            .try_collect()
            .await
    }

    async fn send(
        &self,
        method: Method,
        query: &str,
        headers: &[(&'static str, &str)],
        body: String,
    ) -> Result<String, Failure> {
        let address = self.bucket.address.as_str().trim_end_matches('/');
        let uri = format!("{address}/{}?{query}", encoded(self.target.as_ref()));
        let body = Bytes::from(body);
        let parts = self.bucket.signed(method, &uri, headers, &body).await.map_err(|error| {
            match Failure::below(&error) {
                Some(failure) => failure.clone(),
                None => Failure::Login(crate::http::one_line(&error.to_string())),
            }
        })?;
        let answer = self.service.send(parts, body).await?;
        let bytes = answer.into_body().bytes().await;
        let bytes = bytes.map_err(|_| Failure::Unreadable("the answer has no text".to_owned()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The body that puts the parts together
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>).
fn completion(etags: &[String]) -> String {
    let parts: String = (1..)
        .zip(etags)
        .map(|(number, etag)| {
            // It stands here as it stood in an answer: escaped already.
            format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        })
        .collect();
    format!(
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}\
         </CompleteMultipartUpload>"
    )
}

fn told(answer: &str, name: &str) -> Result<String, Failure> {
    let missing = || Failure::Unreadable(format!("the answer of the store names no {name}"));
    element(answer, name).map(str::to_owned).ok_or_else(missing)
}

pub(super) fn failed(failure: Failure) -> object_store::Error {
    object_store::Error::Generic { store: "S3", source: Box::new(failure) }
}

/// A path as signatures of version 4 have it: every byte but the unreserved ones is encoded, and `/` is
/// not (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
fn encoded(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                shown.push(char::from(byte));
            }
            byte => shown.push_str(&format!("%{byte:02X}")),
        }
    }
    shown
}
