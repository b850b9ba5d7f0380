//! A client that tries to pay with another player's coins, at gates and wallets in processes of their own.

use demo::proto::wallet::{ReadReq, ReadRsp, TransferReq, TransferRsp, WalletClient};
use demo::role::GRANT;
use guildhall::codegen::Method;
use guildhall::status::reason;
use guildhall::{Effect, Status};
use guildhall_client::{Client, Events};
use prost::Message;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, skip_field};

use crate::game::{connect, player, register};
use crate::parts::Parts;
use crate::program::{Place, http};

/// Bytes that are sent as they are.
#[derive(Clone, Debug, Default, PartialEq)]
struct Bytes(Vec<u8>);

impl Message for Bytes {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.0);
    }

    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        cx: DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        skip_field(wire_type, tag, buf, cx)
    }

    fn encoded_len(&self) -> usize {
        self.0.len()
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

async fn enter(parts: &Parts, gate: &str, account: &str) -> (Client, Events) {
    let body = serde_json::json!({ "account": account, "password": "correct horse" });
    let (code, login) = http(&parts.login, "POST", "/register", &body.to_string());
    assert_eq!(code, 201, "{login}");
    let login: serde_json::Value = serde_json::from_str(&login).unwrap();
    let entered = connect(gate, login["token"].as_str().unwrap()).await;
    register(&entered.0, account).await.unwrap();
    entered
}

async fn wallet(client: &Client) -> ReadRsp {
    client.call(WalletClient::READ, ReadReq::default()).await.unwrap()
}

async fn pay(client: &Client, body: Vec<u8>) -> Result<TransferRsp, Status> {
    let method = Method::<Bytes, TransferRsp>::new(WalletClient::TRANSFER.desc);
    client.call(method, Bytes(body)).await
}

/// Transfers of nearly all that `from` has, which end where the gate's key would be taken for something else.
fn hostile(from: &str, to: &str) -> Vec<Vec<u8>> {
    let req = TransferReq { role_id: from.into(), to: to.into(), amount: GRANT - 1 };
    let tail = u8::try_from(2 + to.len()).unwrap();
    let mut ends = vec![vec![0x22, tail], vec![0xfa], vec![0x20, 0x80], vec![0x23]];
    for (tag, size) in [(0x25, 4_u8), (0x21, 8)] {
        let given = size.checked_sub(tail).map(usize::from);
        ends.extend(given.map(|given| [vec![tag], vec![0; given]].concat()));
    }
    ends.into_iter().map(|end| [req.encode_to_vec(), end].concat()).collect()
}

#[tokio::test]
async fn a_body_that_swallows_the_key_moves_no_coins_through_a_gate_and_a_wallet_in_processes_apart()
 {
    const PARTS: [&str; 8] = ["gate", "gate", "login", "role", "club", "clubrole", "uid", "online"];
    let place = Place::new();
    let parts = Parts::alone(&place, PARTS);
    let (ada, _events) = enter(&parts, &parts.gates[0], "ada").await;
    // By TCP, and by WebSocket.
    for (gate, account) in parts.gates.iter().zip(["eve", "mallory"]) {
        let (eve, _events) = enter(&parts, gate, account).await;
        for body in hostile(&ada.player(), &eve.player()) {
            let casts = Method::<Bytes, ()>::new(WalletClient::TRANSFER.desc);
            eve.cast(casts, Bytes(body.clone())).unwrap();
            let refused = pay(&eve, body.clone()).await.unwrap_err();
            let got = (refused.reason(), refused.effect());
            assert_eq!(got, (reason::BAD_REQUEST, Effect::NotRun), "{body:x?}: {refused}");
        }
        // A key that stands there whole is void: she pays herself, which is nothing.
        let req = TransferReq { role_id: ada.player(), to: eve.player(), amount: 1 };
        pay(&eve, req.encode_to_vec()).await.unwrap_err();
        for client in [&ada, &eve] {
            let ReadRsp { balance, number } = wallet(client).await;
            assert_eq!((balance, number), (GRANT, 0), "nobody has paid");
        }
    }
    parts.end();
}

#[tokio::test]
async fn a_payment_to_a_key_that_is_too_long_is_refused_and_not_logged_at_length() {
    let place = Place::new();
    let log = place.folder.path().join("demo.log");
    let _server = place.serve(&[&format!("log.file={}", log.display()), "log.level=debug"]);
    let (ada, _events) = player(&place, &place.tcp(), "ada").await;
    register(&ada, "Ada").await.unwrap();
    let written = || std::fs::metadata(&log).unwrap().len();
    let before = written();
    const CALLS: u64 = 20;
    for _ in 0..CALLS {
        let to = "x".repeat(60_000);
        let req = TransferReq { to, amount: 1, ..TransferReq::default() };
        let status = ada.call(WalletClient::TRANSFER, req).await.unwrap_err();
        assert_eq!(status.reason(), reason::BAD_KEY, "{status}");
        assert!(status.message().len() < 256, "{status}");
    }
    assert_eq!(wallet(&ada).await, ReadRsp { balance: GRANT, number: 0 });
    let per_call = (written() - before) / CALLS;
    assert!(per_call < 4096, "{per_call} bytes of log for each call");
}
