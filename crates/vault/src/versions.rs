//! S3's own calls about versions: on a bucket that keeps them, deleting an object hides it and erases nothing.
//!
//! `object_store` has no such calls. It signs them (AWS Signature Version 4) and brings the HTTP client; what is here
//! is the two requests and the answer's XML. Source: Amazon S3 API Reference, ListObjectVersions and DeleteObject.

use std::time::Duration;

use object_store::aws::AmazonS3;
use object_store::client::{HttpClient, HttpRequestBody};
use object_store::path::Path;
use object_store::signer::{SignedUrlOptions, Signer};
use serde::Deserialize;

use crate::StoreError;

/// How long a signed address works: one request.
const SIGNED_FOR: Duration = Duration::from_secs(60);
/// Pages of a list of versions; each has a thousand.
const PAGES: usize = 10_000;

/// Deletes versions in one bucket.
pub(crate) struct Versions {
    s3: AmazonS3,
    prefix: Path,
    client: HttpClient,
}

/// What a list of versions is, by the name of its root: a store that does not know the question answers another one.
#[derive(Debug, Deserialize)]
enum Answer {
    ListVersionsResult(ListVersionsResult),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListVersionsResult {
    #[serde(default)]
    version: Vec<Version>,
    #[serde(default)]
    delete_marker: Vec<Version>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    key: String,
    version_id: String,
}

impl Versions {
    pub(crate) fn new(s3: AmazonS3, prefix: Path, client: HttpClient) -> Self {
        Self { s3, prefix, client }
    }

    /// Removes every version and every delete marker of the object; how many there were. `None` where the store has
    /// no versions at all.
    pub(crate) async fn remove_all(&self, path: &str) -> Result<Option<u64>, StoreError> {
        let key: Path = self.prefix.parts().chain(Path::from(path).parts()).collect();
        let mut removed = 0;
        // Keys are listed in order, so the versions of exactly this one come first; what one list names is deleted
        // before the next is asked for, so that none has to be continued.
        for _ in 0..PAGES {
            let Some(page) = self.list(&key).await? else { return Ok(None) };
            let found: Vec<Version> = page
                .version
                .into_iter()
                .chain(page.delete_marker)
                .filter(|version| version.key == key.as_ref())
                .collect();
            if found.is_empty() {
                return Ok(Some(removed));
            }
            for version in found {
                self.remove(&key, &version.version_id).await?;
                removed += 1;
            }
        }
        Err(failed("listing versions", "the list does not end".to_owned()))
    }

    /// How many versions and delete markers there are of the object. `None` where the store has no versions at all.
    pub(crate) async fn count(&self, path: &str) -> Result<Option<u64>, StoreError> {
        let key: Path = self.prefix.parts().chain(Path::from(path).parts()).collect();
        let Some(page) = self.list(&key).await? else { return Ok(None) };
        let all = page.version.into_iter().chain(page.delete_marker);
        Ok(Some(all.filter(|version| version.key == key.as_ref()).count() as u64))
    }

    async fn list(&self, key: &Path) -> Result<Option<ListVersionsResult>, StoreError> {
        let query = [("versions", ""), ("prefix", key.as_ref())];
        let (status, body) = self.call(http::Method::GET, &Path::default(), &query).await?;
        match status {
            200 => {}
            501 => return Ok(None),
            status => return Err(refused("listing versions", status, &body)),
        }
        read(&body).map(Some).map_err(|error| failed("listing versions", error))
    }

    async fn remove(&self, key: &Path, version: &str) -> Result<(), StoreError> {
        let (status, body) = self.call(http::Method::DELETE, key, &[("versionId", version)]).await?;
        match status {
            200 | 204 | 404 => Ok(()),
            status => Err(refused("deleting a version", status, &body)),
        }
    }

    async fn call(
        &self,
        method: http::Method,
        path: &Path,
        query: &[(&str, &str)],
    ) -> Result<(u16, Vec<u8>), StoreError> {
        let options = SignedUrlOptions::default().with_query(query.iter().copied());
        let url = self.s3.signed_url_opts(method.clone(), path, SIGNED_FOR, &options).await?;
        let request =
            http::Request::builder().method(method).uri(url.as_str()).body(HttpRequestBody::empty());
        let request = request.map_err(|error| failed("asking for versions", error.to_string()))?;
        let unreachable =
            |source| StoreError::Unavailable(object_store::Error::Generic { store: "S3", source });
        let answer = self.client.execute(request).await.map_err(|error| unreachable(Box::new(error)))?;
        let status = answer.status().as_u16();
        let body = answer.into_body().bytes().await.map_err(|error| unreachable(Box::new(error)))?;
        Ok((status, body.to_vec()))
    }
}

fn read(body: &[u8]) -> Result<ListVersionsResult, String> {
    let text = String::from_utf8_lossy(body);
    match quick_xml::de::from_str(&text) {
        Ok(Answer::ListVersionsResult(page)) => Ok(page),
        Err(error) => Err(format!("what the store answers to `?versions` is no list of versions: {error}")),
    }
}

fn failed(doing: &str, why: String) -> StoreError {
    let source = format!("{doing}: {why}").into();
    StoreError::Objects(object_store::Error::Generic { store: "S3", source })
}

fn refused(doing: &str, status: u16, body: &[u8]) -> StoreError {
    let body: String = String::from_utf8_lossy(body).chars().take(300).collect();
    let source = format!("{doing}: status {status}: {body}").into();
    let error = object_store::Error::Generic { store: "S3", source };
    match status {
        401 | 403 => StoreError::Denied(error),
        408 | 429 | 500.. => StoreError::Unavailable(error),
        _ => StoreError::Objects(error),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix>a/1</Prefix>
<IsTruncated>false</IsTruncated><Version><Key>a/1</Key><VersionId>v2</VersionId><IsLatest>true</IsLatest></Version>
<DeleteMarker><Key>a/1</Key><VersionId>null</VersionId></DeleteMarker>
<Version><Key>a/&amp;1</Key><VersionId>v1</VersionId></Version></ListVersionsResult>"#;

    #[test]
    fn a_list_of_versions_is_told_from_other_answers() {
        let page = read(LIST.as_bytes()).unwrap();
        let keys = |list: &[Version]| -> Vec<String> { list.iter().map(|one| one.key.clone()).collect() };
        assert_eq!(
            (keys(&page.version), keys(&page.delete_marker)),
            (vec!["a/1".to_owned(), "a/&1".to_owned()], vec!["a/1".to_owned()])
        );
        let empty = read(b"<ListVersionsResult/>").unwrap();
        assert!(empty.version.is_empty() && empty.delete_marker.is_empty());
        for other in ["", "<ListBucketResult></ListBucketResult>", "<html></html>", "{}", "<Error/>"] {
            assert!(read(other.as_bytes()).is_err(), "{other}");
        }
    }

    proptest! {
        /// Nothing a store answers ends the program, and what is read of it is no longer than it.
        #[test]
        fn no_answer_is_too_strange(
            strange in vec(any::<u8>(), 0..300),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            end in any::<prop::sample::Index>(),
        ) {
            let _ = read(&strange);
            let mut list = LIST.as_bytes().to_vec();
            for (at, byte) in changes {
                let at = at.index(list.len());
                list.splice(at..=at, [byte]);
            }
            list.truncate(end.index(list.len() + 1));
            if let Ok(page) = read(&list) {
                let told = page.version.iter().chain(&page.delete_marker);
                let bytes: usize = told.map(|one| one.key.len() + one.version_id.len()).sum();
                prop_assert!(bytes <= 3 * list.len(), "a byte that is no text becomes three");
            }
        }
    }
}
