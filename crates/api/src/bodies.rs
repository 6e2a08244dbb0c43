//! Bodies of requests: how much of one is read, how long it may take, and who is asking once it has arrived.
//!
//! A body may take its time, and what was true when its request began need not be true when it ends. So whoever calls
//! with a body is asked for twice: before it, so that nothing is read for nobody, and after it, so that a session that
//! was ended meanwhile does nothing more.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::Api;
use crate::caller::Caller;
use crate::problem::ApiError;

/// Bodies of the console's API at most.
const BODY_BYTES: usize = 256 * 1024;
/// Bodies at most of what nobody has signed in for.
const SMALL_BYTES: usize = 8 * 1024;
/// How long either may take, from the head of the request to its end.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Somebody who is signed in still, now that the JSON body has arrived; unknown fields are refused. `C` is a [`Caller`]
/// unless the route is one of those that set up a second factor.
pub(crate) struct CallerWith<T, C = Caller>(pub(crate) C, pub(crate) T);

impl<T, C> FromRequest<Api> for CallerWith<T, C>
where
    T: DeserializeOwned,
    C: FromRequestParts<Api, Rejection = ApiError> + Send,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        C::from_request_parts(&mut parts, api).await?;
        let bytes = arrive(body, BODY_BYTES, BODY_TIME).await?;
        let caller = C::from_request_parts(&mut parts, api).await?;
        Ok(Self(caller, read(&bytes)?))
    }
}

/// The small JSON body of a request that nobody has signed in for. Ask for it after whatever limits who may send one.
pub(crate) async fn small<T: DeserializeOwned>(request: Request) -> Result<T, ApiError> {
    read(&arrive(request.into_body(), SMALL_BYTES, BODY_TIME).await?)
}

/// A whole body, of so many bytes and after so long at most. One that announces more is not read.
pub(crate) async fn arrive(body: Body, most: usize, time: Duration) -> Result<Bytes, ApiError> {
    let too_large = || {
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            format!("This takes {most} bytes at most."),
            "Send less at once.",
        )
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    match tokio::time::timeout(time, axum::body::to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_long(&error) => Err(too_large()),
        // The accept loop cuts what stops coming, and connections break: neither says anything about the size.
        Ok(Err(_)) | Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "The body did not arrive whole",
            format!("It broke off, or took longer than {} s. Nothing was done.", time.as_secs()),
            "Send it again over a better connection.",
        )),
    }
}

/// Whether a body could not be read because there is more of it than was said.
pub(crate) fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = one.source();
    }
    false
}

/// How long a large body of so many bytes may take: half a minute, and a second for every 64 KiB.
pub(crate) fn time_for(bytes: usize) -> Duration {
    Duration::from_secs(30 + bytes as u64 / (64 * 1024))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        ApiError::malformed(path, error.into_inner().to_string())
    })?;
    reader.end().map_err(|error| ApiError::malformed(String::new(), error.to_string()))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use futures_util::stream::{self, StreamExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_dribbles_is_given_up_after_its_time() {
        let began = tokio::time::Instant::now();
        let drop = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        });
        let refused = arrive(Body::from_stream(drop), BODY_BYTES, BODY_TIME).await.unwrap_err();
        assert_eq!(refused.problem().status, 408);
        assert_eq!(began.elapsed(), BODY_TIME);
    }

    #[tokio::test]
    async fn a_body_that_is_or_announces_too_much_is_refused() {
        let announced = arrive(Body::from(vec![b' '; 9]), 8, BODY_TIME).await.unwrap_err();
        let pieces = stream::iter([b"123456", b"789012"])
            .map(|piece| Ok::<_, std::io::Error>(Bytes::from_static(piece)));
        let sent = arrive(Body::from_stream(pieces), 8, BODY_TIME).await.unwrap_err();
        assert_eq!((announced.problem().status, sent.problem().status), (413, 413));
    }
}
