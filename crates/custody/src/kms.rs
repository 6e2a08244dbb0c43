//! AWS KMS: signed JSON calls. `object_store`, which is here for buckets, brings the signature (Signature Version 4)
//! and finds the credentials as it does for S3: variables, web identity, the role of a container or a machine.
//!
//! Source: AWS Key Management Service API Reference (protocol JSON 1.1, target prefix `TrentService`).

use std::fmt;
use std::io;
use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use object_store::aws::{AmazonS3Builder, AwsAuthorizer, AwsCredentialProvider};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::Patience;
use crate::road::{Answer, Ask, Road, may_pass, send};

/// How KMS is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KmsSettings {
    /// Where it is served, if not at AWS in the key's region: `https://kms.example`.
    pub endpoint: Option<String>,
    /// Who asks, where that is not for the environment to say.
    pub access_key: Option<AccessKey>,
}

/// An access key of AWS.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// KMS in one region.
#[derive(Clone)]
pub(crate) struct Kms {
    inner: Arc<Inner>,
}

struct Inner {
    region: String,
    endpoint: String,
    credentials: AwsCredentialProvider,
    road: Road,
}

/// What KMS refuses a call for.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The exception's name.
    pub(crate) exception: String,
    message: String,
}

impl Refused {
    /// For people.
    pub(crate) fn error(self, call: &str) -> io::Error {
        let Self { exception, message } = self;
        let text = format!("KMS refused {call} ({exception}: {message})");
        match exception.as_str() {
            "AccessDeniedException" => io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{text}: allow kms:{call} on this key"),
            ),
            "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "InvalidSignatureException"
            | "IncompleteSignature"
            | "InvalidClientTokenId" => io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{text}: give credentials that it knows, by the environment or a role"),
            ),
            "NotFoundException" => io::Error::new(io::ErrorKind::NotFound, text),
            "DisabledException" => io::Error::other(format!("{text}: enable the key")),
            "KMSInvalidStateException" => {
                io::Error::other(format!("{text}: cancel its deletion and enable it, if you still can"))
            }
            _ => io::Error::other(text),
        }
    }
}

impl Kms {
    pub(crate) fn new(settings: &KmsSettings, region: &str, patience: Patience) -> io::Result<Self> {
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let endpoint = settings.endpoint.clone().unwrap_or_else(|| format!("https://kms.{region}.{suffix}"));
        // Never asked for a bucket: it is what finds credentials and renews them.
        let timeouts =
            ClientOptions::new().with_timeout(patience.request).with_connect_timeout(patience.request);
        let retry = RetryConfig {
            backoff: BackoffConfig { init_backoff: patience.pause, ..BackoffConfig::default() },
            max_retries: patience.attempts.saturating_sub(1) as usize,
            retry_timeout: patience.request.saturating_mul(patience.attempts),
        };
        let mut finder = AmazonS3Builder::from_env()
            .with_bucket_name("credentials")
            .with_region(region)
            .with_client_options(timeouts)
            .with_retry(retry);
        if let Some(AccessKey { id, secret }) = &settings.access_key {
            finder = finder.with_access_key_id(id).with_secret_access_key(secret.as_str());
        }
        let finder = finder.build().map_err(|error| io::Error::other(error.to_string()))?;
        let road = Road::build(patience, None, &endpoint)?;
        let credentials = Arc::clone(finder.credentials());
        Ok(Self { inner: Arc::new(Inner { region: region.to_owned(), endpoint, credentials, road }) })
    }

    pub(crate) fn region(&self) -> &str {
        &self.inner.region
    }

    /// Calls `Encrypt` and its like, again while another attempt may go better.
    ///
    /// # Errors
    /// When there is no answer that says something about what was asked.
    pub(crate) fn call(&self, call: &'static str, asked: &Value) -> io::Result<Result<Value, Refused>> {
        self.call_with(call, Zeroizing::new(asked.to_string().into_bytes()))
    }

    /// As [`Self::call`], with the JSON written out.
    pub(crate) fn call_with(
        &self,
        call: &'static str,
        body: Zeroizing<Vec<u8>>,
    ) -> io::Result<Result<Value, Refused>> {
        let inner = Arc::clone(&self.inner);
        self.inner.road.wait(async move {
            let Patience { attempts, mut pause, .. } = inner.road.patience();
            let mut left = attempts.max(1);
            loop {
                left -= 1;
                match inner.call_once(call, &body).await {
                    Err(error) if left > 0 && may_pass(&error) => {
                        tokio::time::sleep(pause).await;
                        pause = pause.saturating_mul(2);
                    }
                    asked => return asked,
                }
            }
        })
    }

    /// As [`Self::call`], where every refusal is a failure.
    pub(crate) fn must(&self, call: &'static str, asked: &Value) -> io::Result<Value> {
        self.call(call, asked)?.map_err(|refused| refused.error(call))
    }

    /// All of a list that comes in pages.
    pub(crate) fn all(&self, call: &'static str, field: &str) -> io::Result<Vec<Value>> {
        let (mut all, mut asked) = (Vec::new(), json!({ "Limit": 100 }));
        loop {
            let page = self.must(call, &asked)?;
            all.extend(page.get(field).and_then(Value::as_array).cloned().unwrap_or_default());
            match page.get("NextMarker").and_then(Value::as_str) {
                Some(marker) if page.get("Truncated").and_then(Value::as_bool) == Some(true) => {
                    asked = json!({ "Limit": 100, "Marker": marker });
                }
                _ => return Ok(all),
            }
        }
    }
}

impl Inner {
    async fn call_once(&self, call: &'static str, body: &[u8]) -> io::Result<Result<Value, Refused>> {
        let credential = self.credentials.get_credential().await.map_err(|error| {
            // The causes may name addresses, and never a secret; the first line says enough.
            let text = error.to_string();
            let text: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
            io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("there are no credentials for KMS (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role): {text}"),
            )
        })?;
        let mut headers = HeaderMap::new();
        let target = HeaderValue::from_str(&format!("TrentService.{call}"));
        headers.insert(
            HeaderName::from_static("x-amz-target"),
            target.map_err(|error| io::Error::other(error.to_string()))?,
        );
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
        let url = format!("{}/", self.endpoint.trim_end_matches('/'));
        let body = bytes::Bytes::copy_from_slice(body);
        let mut request = Ask { method: Method::POST, url, headers, body }.request()?;
        AwsAuthorizer::new(&credential, "kms", &self.region)
            .try_authorize(&mut request, None)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let answer = send(&self.road.client(), request).await?;
        read(call, &answer)
    }
}

fn read(call: &str, answer: &Answer) -> io::Result<Result<Value, Refused>> {
    let body: Value = if answer.body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    };
    if answer.status.is_success() {
        return Ok(Ok(body));
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    // The name may come with a namespace before it.
    let exception = text("__type").rsplit('#').next().unwrap_or_default().to_owned();
    let message = [text("message"), text("Message")].concat();
    let message: String =
        message.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
    let busy = ["ThrottlingException", "KMSInternalException", "DependencyTimeoutException"];
    if answer.status.is_server_error() || busy.contains(&exception.as_str()) {
        return Err(io::Error::new(
            io::ErrorKind::ConnectionReset,
            format!("KMS answered {call} with {} ({exception}: {message})", answer.status),
        ));
    }
    if exception.is_empty() {
        return Err(io::Error::other(format!("KMS answered {call} with {}, and is no KMS", answer.status)));
    }
    Ok(Err(Refused { exception, message }))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn refusal(status: u16, body: &Value) -> io::Error {
        let body = Zeroizing::new(body.to_string().into_bytes());
        match read("Decrypt", &Answer { status: StatusCode::from_u16(status).unwrap(), body }) {
            Ok(Ok(_)) => panic!("it is a refusal"),
            Ok(Err(refused)) => refused.error("Decrypt"),
            Err(error) => error,
        }
    }

    /// Exceptions are those of the API reference; their texts say what to do next.
    #[test]
    fn what_kms_refuses_for_is_said_with_what_to_do() {
        for (status, body, says) in [
            (400, json!({ "__type": "AccessDeniedException", "Message": "no" }), "allow kms:Decrypt"),
            (400, json!({ "__type": "DisabledException", "message": "off" }), "enable the key"),
            (
                400,
                json!({ "__type": "KMSInvalidStateException", "message": "pending" }),
                "cancel its deletion",
            ),
            (400, json!({ "__type": "com.amazon#ExpiredTokenException" }), "give credentials"),
            (400, json!({ "__type": "NotFoundException", "message": "Key 'x'" }), "Key 'x'"),
            (404, json!({}), "is no KMS"),
        ] {
            let error = refusal(status, &body);
            assert!(error.to_string().contains(says), "{error}");
            assert!(!may_pass(&error), "{error}");
        }
        for (status, body) in
            [(400, json!({ "__type": "ThrottlingException" })), (500, json!({})), (503, json!({}))]
        {
            assert!(may_pass(&refusal(status, &body)));
        }
    }

    #[test]
    fn an_access_key_shows_no_secret() {
        let key = AccessKey { id: "AKID".to_owned(), secret: "do not show".to_owned().into() };
        assert_eq!(format!("{key:?}"), "AccessKey { id: \"AKID\", .. }");
    }
}
