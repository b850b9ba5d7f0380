//! How links are opened: dialled, proven, and reported to the mesh.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use guildhall_link::{Line, Place, connect, dial};
use tokio::sync::Barrier;

use crate::world::{ECHO, Echo, LIMIT, Open, deadline, endpoint, request, secret, serve, until};

#[tokio::test]
async fn a_link_is_kept_to_an_address_until_its_app_goes() {
    let (there, echo) = (endpoint("dev.w.echo.2", secret("s")), Arc::new(Echo::default()));
    let here = endpoint("dev.w.echo.1", secret("s"));
    let (address, open) = (serve(&there, &echo).await, Arc::new(Open::default()));
    let (gone, tried) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(1)));
    let line = Line { address, place: Place::ONLY, gone, tried };
    here.env.spawn("link-connect", connect(Arc::clone(&here), Arc::clone(&open), line));
    until(|| !open.0.lock().is_empty()).await;
    let link = Arc::clone(&open.0.lock()[0].1);
    assert_eq!(link.peer(), "dev.w.echo.2");
    let reply = link.call(&ECHO, deadline(&here), LIMIT, None, &request("hello")).await.unwrap();
    assert_eq!(reply, "hello");
    let (_, caller) = echo.seen.lock()[0].clone();
    assert_eq!(caller, Some(here.id.clone()), "the connection has proven who calls");
    there.going.cancel();
    until(|| open.0.lock().is_empty()).await;
}

#[tokio::test]
async fn apps_with_different_secrets_have_no_link() {
    let (there, echo) = (endpoint("dev.w.echo.2", secret("one")), Arc::new(Echo::default()));
    let here = endpoint("dev.w.echo.1", secret("two"));
    let address = serve(&there, &echo).await;
    assert!(dial(&here, &address, false).await.is_err());
    assert_eq!(there.meters.accepted.get(), 0);
}

#[tokio::test]
async fn apps_of_different_envs_have_no_link() {
    let (there, echo) = (endpoint("prod.w.echo.2", secret("s")), Arc::new(Echo::default()));
    let here = endpoint("dev.w.echo.1", secret("s"));
    let address = serve(&there, &echo).await;
    let error = dial(&here, &address, false).await.unwrap_err().to_string();
    assert!(error.contains("prod.w.echo.2") && error.contains("another env"), "{error}");
}
