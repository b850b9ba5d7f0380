//! Calls and casts on a link.

use std::sync::Arc;

use guildhall_core::status::reason;
use guildhall_core::{Code, Effect};
use guildhall_link::LinkConfig;

use crate::world::{ECHO, Echo, LIMIT, deadline, endpoint, linked, request, secret, until};

#[tokio::test]
async fn the_reply_goes_to_the_call_that_it_answers() {
    let (here, echo) = (endpoint("dev.w.echo.1", secret("s")), Arc::new(Echo::default()));
    let link = linked(&here, &echo).await;
    for text in ["one", "two", "three"] {
        let (end, req) = (deadline(&here), request(text));
        let reply = link.call(&ECHO, end, LIMIT, None, &req).await.unwrap();
        assert_eq!(reply, text);
    }
    link.cast(&ECHO, LIMIT, None, &request("cast")).unwrap();
    until(|| echo.seen.lock().len() == 4).await;
    assert_eq!(here.meters.in_flight.get(), 0);
}

#[tokio::test]
async fn a_reply_port_that_is_dropped_fails_its_call() {
    let (here, echo) = (endpoint("dev.w.echo.1", secret("s")), Arc::new(Echo::default()));
    let link = linked(&here, &echo).await;
    let reply = link.call(&ECHO, deadline(&here), LIMIT, None, &request("drop")).await;
    let status = reply.unwrap_err();
    assert_eq!((status.code(), status.reason()), (Code::Cancelled, reason::CANCELLED));
    assert_eq!(status.effect(), Effect::MayHaveRun);
}

#[tokio::test]
async fn a_handler_whose_caller_has_gone_is_dropped() {
    let (here, echo) = (endpoint("dev.w.echo.1", secret("s")), Arc::new(Echo::default()));
    let link = linked(&here, &echo).await;
    let req = request("hang");
    let call = link.call(&ECHO, deadline(&here), LIMIT, None, &req);
    tokio::select! {
        _reply = call => panic!("it hangs"),
        () = until(|| !echo.hanging.lock().is_empty()) => {}
    }
    until(|| here.meters.in_flight.get() == 0).await;
    assert_eq!(link.waiting(), 0);
}

#[tokio::test]
async fn calls_over_the_limit_of_a_link_are_marked() {
    let config = LinkConfig { running_max: 1, ..secret("s") };
    let (here, echo) = (endpoint("dev.w.echo.1", config), Arc::new(Echo::default()));
    let link = linked(&here, &echo).await;
    let (hang, more) = (request("hang"), request("more"));
    let hangs = link.call(&ECHO, deadline(&here), LIMIT, None, &hang);
    let second = async {
        until(|| !echo.hanging.lock().is_empty()).await;
        link.call(&ECHO, deadline(&here), LIMIT, None, &more).await
    };
    let status = tokio::select! {
        _reply = hangs => panic!("it hangs"),
        second = second => second.unwrap_err(),
    };
    assert_eq!(status.reason(), reason::OVERLOADED);
}
