//! Addresses that are dialled to learn who is there.

use guildhall_core::discovery::static_list::StaticList;
use guildhall_core::discovery::{Change, Discovery as _};
use tokio::sync::mpsc::error::TryRecvError;

#[tokio::test]
async fn a_watch_probes_every_address_and_does_not_end() {
    let list = StaticList::parse("127.0.0.1:7101, role-0.role:7102,[::1]:7103").unwrap();
    let mut watch = list.watch().await.unwrap();
    for address in ["127.0.0.1:7101", "role-0.role:7102", "[::1]:7103"] {
        assert_eq!(watch.recv().await, Some(Change::Probe(address.to_owned())));
    }
    assert_eq!(watch.recv().await, Some(Change::Synced));
    assert_eq!(watch.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn what_is_no_address_is_named() {
    for (list, part) in [
        ("127.0.0.1:7101,role", "`role` is no address"),
        (":7101", "`:7101` is no address"),
        ("host:0", "`host:0` is no address"),
        ("host:70000", "`host:70000` is no address"),
        (" , ", "the list is empty"),
    ] {
        let error = StaticList::parse(list).unwrap_err();
        assert!(error.contains(part), "{list}: {error}");
    }
}
