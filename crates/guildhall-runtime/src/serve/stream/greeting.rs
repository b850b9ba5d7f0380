//! The greeting of a stream: the opener sends a name, the other side answers whether it handles it.
//!
//! ```text
//! u8 length | name  ----->
//! <-----  0 | or: u8 code | u16 length | why
//! ```

use std::io::{Error, ErrorKind};

use guildhall_core::status::reason;
use guildhall_core::{AppId, Code, Effect, Status};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Longest reason that is sent, in bytes.
const WHY_MAX: usize = 1024;

/// A name that can be sent.
pub(super) fn check(name: &str) -> Result<(), Status> {
    if name.is_empty() || name.len() > usize::from(u8::MAX) {
        let why = format!("a stream's name has 1 to 255 bytes, not {}", name.len());
        return Err(Status::not_run(Code::InvalidArgument, reason::BAD_REQUEST, why));
    }
    Ok(())
}

/// The opener's half.
pub(super) async fn ask_for<S>(mut stream: S, name: &str, target: &AppId) -> Result<S, Status>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeted = async {
        let length = u8::try_from(name.len()).map_err(Error::other)?;
        stream.write_all(&[&[length], name.as_bytes()].concat()).await?;
        stream.flush().await?;
        let code = stream.read_u8().await?;
        if code == 0 {
            return Ok(None);
        }
        let mut why = vec![0; usize::from(stream.read_u16_le().await?).min(WHY_MAX)];
        stream.read_exact(&mut why).await?;
        Ok::<_, Error>(Some((code, String::from_utf8_lossy(&why).into_owned())))
    };
    match greeted.await {
        Ok(None) => Ok(stream),
        Ok(Some((code, why))) => {
            Err(Status::new(Code::from_number(code), why).with_effect(Effect::NotRun))
        }
        Err(error) => {
            let why = format!("the stream `{name}` to {target} was lost: {error}");
            Err(Status::new(Code::Unavailable, why).with_reason(reason::LOST))
        }
    }
}

/// The other half: the name that the opener says.
pub(super) async fn read_name<S: AsyncRead + Unpin>(stream: &mut S) -> Result<String, Error> {
    let mut name = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut name).await?;
    String::from_utf8(name).map_err(|e| Error::new(ErrorKind::InvalidData, e))
}

/// The answer to it.
pub(super) async fn answer<S: AsyncWrite + Unpin>(
    stream: &mut S,
    refused: Option<&Status>,
) -> Result<(), Error> {
    match refused {
        None => stream.write_all(&[0]).await?,
        Some(status) => {
            let message = status.message().as_bytes();
            let why = &message[..message.len().min(WHY_MAX)];
            let length = u16::try_from(why.len()).map_err(Error::other)?;
            let begin = [&[status.code() as u8][..], &length.to_le_bytes()].concat();
            stream.write_all(&[&begin, why].concat()).await?;
        }
    }
    stream.flush().await
}
